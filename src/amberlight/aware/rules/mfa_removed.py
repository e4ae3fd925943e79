"""A second factor removed.

A second factor is taken away; of another user it is worse.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import caller_name, event, shown, text
from amberlight.trail import Event


def match(found: Event) -> Match:
    """Any call; somebody else's device counts more."""
    name = text(found.request.get("userName"))
    other = bool(name) and name != caller_name(found)
    return Match(
        reason=f"a second factor of {shown(name or found.principal)} was removed", points=40 if other else None
    )


RULE = Rule(
    id="mfa_removed",
    title="A second factor removed",
    tactic="defense-evasion",
    techniques=("T1556.006",),
    points=20,
    severity="medium",
    false_triggers="a lost phone; leaving colleagues",
    references=("https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeactivateMFADevice.html",),
    events=(
        "iam:DeactivateMFADevice",
        "iam:DeleteVirtualMFADevice",
    ),
    on_event=match,
    examples=(event("iam:DeactivateMFADevice", {"userName": "bob"}),),
    near_misses=(event("iam:EnableMFADevice", {"userName": "bob"}),),
)
