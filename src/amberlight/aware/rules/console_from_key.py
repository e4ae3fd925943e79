"""Console opened with programmatic credentials.

A session of keys is turned into a console sign-in: a person behind what looked like a program.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event
from amberlight.trail import Event


def match(found: Event) -> Match:
    """Any call that came from a session that is not the single sign-on's."""
    points = 3 if "AWSReservedSSO" in found.principal else None
    return Match(reason="credentials were turned into a console sign-in", points=points)


RULE = Rule(
    id="console_from_key",
    title="Console opened with programmatic credentials",
    tactic="persistence",
    techniques=("T1550.001", "T1078.004"),
    points=20,
    severity="medium",
    false_triggers="brokers for single sign-on that were written by hand",
    references=("https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_enable-console-custom-url.html",),
    events=("signin:GetSigninToken",),
    on_event=match,
    examples=(event("signin:GetSigninToken", None),),
    near_misses=(event("signin:SwitchRole", None),),
)
