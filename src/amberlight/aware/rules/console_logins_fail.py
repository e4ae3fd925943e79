"""Console sign-ins fail again and again.

Many failed sign-ins to the console in a short time: somebody guesses, or tries passwords that leaked elsewhere.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, events, shown
from amberlight.trail import Event


def match(found: Event) -> Match | None:
    """A failure; each counts as one."""
    if found.response.get("ConsoleLogin") != "Failure":
        return None
    return Match(reason=f"failed sign-ins of {shown(found.principal)}")


FAILED = event(
    "signin:ConsoleLogin", None, responseElements={"ConsoleLogin": "Failure"}, errorMessage="Failed authentication"
)


RULE = Rule(
    id="console_logins_fail",
    title="Console sign-ins fail again and again",
    tactic="credential-access",
    techniques=("T1110",),
    points=35,
    severity="medium",
    at_least=10,
    denied=True,
    false_triggers="somebody who forgot a password; a password manager with an old entry",
    references=(
        "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-aws-console-sign-in-events.html",
    ),
    events=("signin:ConsoleLogin",),
    on_event=match,
    examples=(events(*(FAILED,) * 10),),
    near_misses=(events(*(FAILED,) * 3),),
)
