"""AWS quarantined a leaked key.

AWS found an access key in public and quarantined its user; or somebody takes the quarantine off again.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, shown, text
from amberlight.trail import Event


def match(found: Event) -> Match | None:
    """The quarantine policy, attached or detached by anybody."""
    asked = found.request
    if not text(asked.get("policyArn")).rpartition("/")[2].startswith("AWSCompromisedKeyQuarantine"):
        return None
    name = text(asked.get("userName"))
    verb = "quarantined" if found.name.startswith("Attach") else "taken out of quarantine"
    return Match(reason=f"the user {shown(name)} was {verb} for a leaked key", resources=(f"user/{name}",))


RULE = Rule(
    id="key_quarantined",
    title="AWS quarantined a leaked key",
    tactic="initial-access",
    techniques=("T1552.001", "T1078.004"),
    points=90,
    severity="critical",
    may_page_alone=True,
    softens=False,
    services=True,
    false_triggers="none known: AWS attaches it when it has seen the key",
    references=("https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSCompromisedKeyQuarantineV3.html",),
    events=(
        "iam:AttachUserPolicy",
        "iam:DetachUserPolicy",
    ),
    on_event=match,
    examples=(
        event(
            "iam:AttachUserPolicy",
            {"userName": "bob", "policyArn": "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV2"},
        ),
    ),
    near_misses=(
        event("iam:AttachUserPolicy", {"userName": "bob", "policyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}),
    ),
)
