"""IAM user created.

A new IAM user. Ordinary in itself; in a chain it is where the intruder stays. A refused attempt counts, too.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, shown, text
from amberlight.trail import Event


def match(found: Event) -> Match:
    """Any attempt; a refused one does not name the user."""
    name = text(found.request.get("userName"))
    if found.failed:
        return Match(reason="creating an IAM user was tried and failed", points=10)
    return Match(reason=f"the IAM user {shown(name)} was created", resources=(f"user/{name}",) if name else ())


RULE = Rule(
    id="user_created",
    title="IAM user created",
    tactic="persistence",
    techniques=("T1136.003",),
    points=15,
    severity="medium",
    denied=True,
    false_triggers="setting up people and applications",
    references=("https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateUser.html",),
    events=("iam:CreateUser",),
    on_event=match,
    examples=(
        event("iam:CreateUser", {"userName": "x"}),
        event("iam:CreateUser", None, errorCode="AccessDenied"),
    ),
    near_misses=(
        event("iam:GetUser", {"userName": "x"}),
        event("transfer:CreateUser", {"userName": "x"}),
    ),
)
