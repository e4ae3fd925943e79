"""EBS direct APIs: disks as blocks, read and written by who may.

A caller needs the action on `arn:aws:ec2:REGION::snapshot/ID`, an account that owns the snapshot or has it shared with itself
(public snapshots are not served), and for an encrypted snapshot rights on its key. The AWS managed key lets everybody in its
account. The owner of the lab may end all tokens at once: `RunningLab.control("ebs", expire=True)`.

References:
    "EBS direct APIs" reference, and "Control access to EBS direct APIs", EBS User Guide, 2026-11.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amberlight.lab import hooks
from amberlight.lab.disks.tokens import Tokens
from amberlight.lab.ebs.reading import Reading
from amberlight.lab.ebs.writing import Writing
from amberlight.lab.own import serve
from amberlight.lab.world import World

AFTER = ("snapshots", "kms")
REAL = {
    "ebs.ListSnapshotBlocks": "the blocks of the snapshot's image that hold anything",
    "ebs.ListChangedBlocks": "the blocks in which two images differ",
    "ebs.GetSnapshotBlock": "bytes of the image and their SHA-256; the key's policy",
    "ebs.StartSnapshot": "an image, of the parent's bytes where there is one",
    "ebs.PutSnapshotBlock": "bytes into the image, if their SHA-256 is right",
    "ebs.CompleteSnapshot": "the image as it was written, if count and sum are right",
}


def install(world: World) -> None:
    """Serve the API."""
    tokens = Tokens()
    reading, writing = Reading(world.disks, tokens), Writing(world.disks, world.options.snapshot_pending_s)
    serve("ebs", {
        "ListSnapshotBlocks": reading.blocks,
        "ListChangedBlocks": reading.changed,
        "GetSnapshotBlock": reading.block,
        "StartSnapshot": writing.start,
        "PutSnapshotBlock": writing.put,
        "CompleteSnapshot": writing.complete,
    }, resource=_arn)  # fmt: skip

    def control(data: Mapping[str, Any]) -> None:
        if data.get("expire") is not True:
            raise ValueError("the control 'ebs' takes expire=True")
        tokens.expire_all()

    world.control.offer("ebs", control)


def _arn(operation: str, params: dict[str, Any]) -> str:
    name = params.get("SecondSnapshotId" if operation == "ListChangedBlocks" else "SnapshotId") or "*"
    return f"arn:aws:ec2:{hooks.current_region()}::snapshot/{name}"
