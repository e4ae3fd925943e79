"""Shell sessions on several instances at once.

Shell sessions are opened on several instances within two minutes. A person works on one host at a time.
"""

from __future__ import annotations

from datetime import timedelta

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, events, text
from amberlight.trail import Event


def match(found: Event) -> Match | None:
    """Each different target counts once."""
    target = text(found.request.get("target"))
    if not target:
        return None
    return Match(reason="shell sessions were opened on instances", items=(target,), resources=(f"instance/{target}",))


RULE = Rule(
    id="sessions_on_hosts",
    title="Shell sessions on several instances at once",
    tactic="lateral-movement",
    techniques=("T1021.008", "T1651"),
    points=75,
    severity="high",
    at_least=3,
    below=10.0,
    within=timedelta(minutes=2),
    false_triggers="a terminal multiplexer; a test of the session set-up",
    references=("https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_StartSession.html",),
    events=(
        "ssm:StartSession",
        "ssm:ResumeSession",
    ),
    on_event=match,
    examples=(events(*(event("ssm:StartSession", {"target": f"i-{n}"}) for n in range(3))),),
    near_misses=(event("ssm:StartSession", {"target": "i-1"}),),
)
