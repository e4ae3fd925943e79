"""Events of AWS itself in the trail of an account whose shared snapshot another account uses.

Who copies a shared snapshot, or makes a volume of it, calls in his own account; the owner is told by an event of EC2's.

References:
    "Determine when a shared Amazon EBS snapshot is used" (SharedSnapshotCopyInitiated, SharedSnapshotVolumeCreated), EBS User Guide,
    2026-11; a real record of SharedSnapshotVolumeCreated. "AWS service events", CloudTrail User Guide, 2026-11.
"""

from __future__ import annotations

import uuid
from typing import Any

from amberlight.lab import clock, hooks
from amberlight.lab.recorder import record
from amberlight.lab.recorder.history import Event
from amberlight.lab.world import World

_USES = {
    "CopySnapshot": ("SourceSnapshotId", "SharedSnapshotCopyInitiated"),
    "CreateVolume": ("SnapshotId", "SharedSnapshotVolumeCreated"),
}


def install(world: World) -> None:
    """Look at each event for the use of a snapshot."""

    def look(event: Event) -> None:
        call = event.call
        if call is None or call.service != "ec2" or call.operation not in _USES or "errorCode" in event.record:
            return
        named, name = _USES[call.operation]
        snapshot = str(call.params.get(named, ""))
        owner, region = _owner(snapshot)
        if owner not in ("", event.account):
            world.recorder.write(_record(owner, region, name, snapshot), owner, region, clock.now())

    world.history.subscribe(look)


def _owner(snapshot: str) -> tuple[str, str]:
    for (account, region, name), _ in hooks.service("ec2")._snapshots.all_items():
        if name == snapshot:
            return str(account), str(region)
    return "", ""


def _record(account: str, region: str, name: str, snapshot: str) -> dict[str, Any]:
    made = record.blank(clock.now(), region, account, "ec2.amazonaws.com", name)
    del made["requestID"]
    made.update({
        "eventVersion": "1.08", "userIdentity": {"accountId": account, "invokedBy": "ec2.amazonaws.com"},
        "sourceIPAddress": "ec2.amazonaws.com", "userAgent": "ec2.amazonaws.com", "eventType": "AwsServiceEvent",
        "sharedEventID": str(uuid.uuid4()), "serviceEventDetails": {"snapshotId": snapshot},
    })  # fmt: skip
    return made
