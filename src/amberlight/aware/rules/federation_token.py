"""A federated session made from a long-lived key.

A long-lived key makes itself a federated session, which goes on working after the key is disabled, and can open the
console.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import allows_everything, event, shown
from amberlight.trail import Event


def match(found: Event) -> Match:
    """Any call; one whose session policy allows everything pages."""
    asked = found.request
    broad = allows_everything(asked.get("policy"))
    points = 75 if broad else None
    what = "with all rights of its user" if broad else "with narrowed rights"
    return Match(reason=f"a federated session {shown(asked.get('name', ''))} was made {what}", points=points)


RULE = Rule(
    id="federation_token",
    title="A federated session made from a long-lived key",
    tactic="persistence",
    techniques=("T1098.001", "T1550.001"),
    points=25,
    severity="high",
    false_triggers="identity brokers that were written before IAM Identity Center",
    references=("https://docs.aws.amazon.com/STS/latest/APIReference/API_GetFederationToken.html",),
    events=("sts:GetFederationToken",),
    on_event=match,
    examples=(
        event(
            "sts:GetFederationToken",
            {"name": "x", "policy": '{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'},
        ),
    ),
    near_misses=(event("sts:GetSessionToken", None),),
)
