"""Encryption key destroyed or disabled.

A key that data is encrypted with is scheduled for deletion or disabled: the data goes with it.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, shown, text
from amberlight.trail import Event


def match(found: Event) -> Match:
    """Any of the calls."""
    key = shown(text(found.request.get("keyId")).rpartition("/")[2])
    return Match(reason=f"KMS key {key}: {found.name}", points=30 if found.name == "DisableKey" else None)


RULE = Rule(
    id="keys_destroyed",
    title="Encryption key destroyed or disabled",
    tactic="impact",
    techniques=("T1485", "T1486"),
    points=40,
    severity="high",
    false_triggers="clearing up after an application was retired",
    references=("https://docs.aws.amazon.com/kms/latest/APIReference/API_ScheduleKeyDeletion.html",),
    events=(
        "kms:ScheduleKeyDeletion",
        "kms:DisableKey",
        "kms:DeleteImportedKeyMaterial",
    ),
    on_event=match,
    examples=(event("kms:ScheduleKeyDeletion", {"keyId": "k"}),),
    near_misses=(event("kms:CancelKeyDeletion", {"keyId": "k"}),),
)
