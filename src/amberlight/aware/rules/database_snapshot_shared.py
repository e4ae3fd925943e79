"""Database snapshot shared outside.

A database snapshot is shared with another account, or with everybody.
"""

from __future__ import annotations

from typing import Any

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, members, others, shown
from amberlight.trail import Event


def match(found: Event) -> Match | None:
    """Somebody was added who is not the account itself."""
    asked = found.request
    who = shared_with(asked)
    outside = others(who, found.account)
    if not outside:
        return None
    return Match(
        reason=f"the database snapshot {shown(asked.get('dBSnapshotIdentifier') or asked.get('dBClusterSnapshotIdentifier') or '')} was shared with {', '.join(outside[:5])}",
        items=tuple(outside),
    )


def shared_with(asked: dict[str, Any]) -> list[Any]:
    """Account ids (or `all`) that may restore it from now on."""
    return members(asked, "valuesToAdd") if asked.get("attributeName") == "restore" else []


RULE = Rule(
    id="database_snapshot_shared",
    title="Database snapshot shared outside",
    tactic="exfiltration",
    techniques=("T1537",),
    points=75,
    severity="high",
    false_triggers="backup accounts of the same organisation: sharing on several days counts as habit",
    references=("https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBSnapshotAttribute.html",),
    events=(
        "rds:ModifyDBSnapshotAttribute",
        "rds:ModifyDBClusterSnapshotAttribute",
    ),
    on_event=match,
    examples=(
        event(
            "rds:ModifyDBSnapshotAttribute",
            {"dBSnapshotIdentifier": "s", "attributeName": "restore", "valuesToAdd": ["999988887777"]},
        ),
    ),
    near_misses=(
        event(
            "rds:ModifyDBSnapshotAttribute",
            {"dBSnapshotIdentifier": "s", "attributeName": "restore", "valuesToRemove": ["999988887777"]},
        ),
    ),
)
