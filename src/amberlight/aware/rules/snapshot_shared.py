"""Disk snapshot shared outside.

A disk snapshot is shared with another account, or with everybody: a copy of a disk leaves without a byte on the network.
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
        reason=f"the snapshot {shown(asked.get('snapshotId', ''))} was shared with {', '.join(outside[:5])}",
        items=tuple(outside),
    )


def shared_with(asked: dict[str, Any]) -> list[Any]:
    """Account ids and groups that may read it from now on."""
    added = members(asked, "createVolumePermission", "add")
    return [one.get("userId") or one.get("group") for one in added if isinstance(one, dict)]


RULE = Rule(
    id="snapshot_shared",
    title="Disk snapshot shared outside",
    tactic="exfiltration",
    techniques=("T1537", "T1578.001"),
    points=75,
    severity="high",
    false_triggers="backup accounts of the same organisation: sharing on several days counts as habit",
    references=("https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifySnapshotAttribute.html",),
    events=("ec2:ModifySnapshotAttribute",),
    on_event=match,
    examples=(
        event(
            "ec2:ModifySnapshotAttribute",
            {"snapshotId": "snap-1", "createVolumePermission": {"add": {"items": [{"group": "all"}]}}},
        ),
    ),
    near_misses=(
        event(
            "ec2:ModifySnapshotAttribute",
            {"snapshotId": "snap-1", "createVolumePermission": {"remove": {"items": [{"userId": "999988887777"}]}}},
        ),
    ),
)
