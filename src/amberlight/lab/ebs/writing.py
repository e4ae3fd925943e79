"""EBS direct APIs: snapshots that callers write block by block.

What is refused: a block whose SHA-256 is not the caller's, a block beyond the volume, one to a snapshot that is complete or was
not started, a completion that counts or sums up otherwise than what was written.

References:
    StartSnapshot, PutSnapshotBlock, CompleteSnapshot, "EBS direct APIs" reference, 2026-11. The writer of an encrypted snapshot
    needs `kms:GenerateDataKeyWithoutPlaintext` to start it and `kms:Decrypt` to write ("Control access to EBS direct APIs").
    A wrong checksum ends as `INVALID_BLOCK`; the reference does not say with which reason.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import math
from collections.abc import Mapping
from typing import Any

from amberlight.lab import clock, hooks
from amberlight.lab.disks.disks import Disks
from amberlight.lab.disks.draft import Draft
from amberlight.lab.disks.images import BLOCK
from amberlight.lab.ebs.rights import allowed
from amberlight.lab.own import Refused
from amberlight.lab.services.ec2 import default_key
from amberlight.lab.services.snapshots import find, new, restorable, settled

_MOST_GIB, _MINUTES = 65_536, 60
_SAME = ("VolumeSize", "ParentSnapshotId", "Description", "Encrypted", "KmsKeyArn", "Tags", "Timeout")


def _invalid(reason: str, message: str) -> Refused:
    return Refused("ValidationException", message, Reason=reason)


class Writing:
    """The operations that write."""

    def __init__(self, disks: Disks, pending_s: float) -> None:
        self._disks, self._pending_s = disks, pending_s
        self._begun: dict[tuple[str, str, str], tuple[dict[str, Any], dict[str, Any]]] = {}

    async def start(self, asked: dict[str, Any]) -> dict[str, Any]:
        """StartSnapshot; the same client token gives the same snapshot."""
        who = (hooks.current_account(), hooks.current_region(), str(asked.get("ClientToken") or ""))
        wanted = {name: asked.get(name) for name in _SAME}
        before = self._begun.get(who) if who[2] else None
        if before is not None and before[0] != wanted:
            raise Refused("ConflictException", "The client token was used for another request.", 409)
        if before is not None:
            return before[1]
        size = int(asked["VolumeSize"])
        if not 1 <= size <= _MOST_GIB:
            raise _invalid("INVALID_VOLUME_SIZE", f"The volume size must be from 1 to {_MOST_GIB} GiB.")
        parent = self._parent(asked, size)
        key = self._key(asked, parent)
        volume = {"VolumeId": "vol-ffffffff", "Size": size, "Encrypted": key is not None, "KmsKeyId": key}
        snapshot = new(volume, str(asked.get("Description") or ""), math.inf, clock.now())
        snapshot["_lineage"] = parent["_lineage"] if parent else snapshot["SnapshotId"]
        self._tag(snapshot, asked.get("Tags") or [])
        answer = {
            "SnapshotId": snapshot["SnapshotId"], "OwnerId": snapshot["OwnerId"], "Status": "pending",
            "StartTime": clock.now(), "VolumeSize": size, "BlockSize": BLOCK, "Description": asked.get("Description"),
            "Tags": asked.get("Tags"), "ParentSnapshotId": asked.get("ParentSnapshotId"),
            "KmsKeyArn": key if key and ":key/" in key else None,
        }  # fmt: skip
        if who[2]:
            self._begun[who] = (wanted, answer)
        bytes_of, minutes = (
            self._disks.snapshots.get(str(asked.get("ParentSnapshotId"))),
            asked.get("Timeout") or _MINUTES,
        )
        self._disks.drafts[snapshot["SnapshotId"]] = await asyncio.to_thread(
            Draft, self._disks.images.fresh(), size, bytes_of, float(minutes) * 60
        )
        return answer

    def _parent(self, asked: Mapping[str, Any], size: int) -> dict[str, Any] | None:
        name = asked.get("ParentSnapshotId")
        if not name:
            return None
        if asked.get("Encrypted") is not None:
            raise _invalid("INVALID_PARAMETER_VALUE", "ParentSnapshotId and Encrypted exclude one another.")
        found = restorable(name)
        if found is None:
            said = f"The snapshot '{name}' does not exist."
            raise Refused("ResourceNotFoundException", said, 404, Reason="SNAPSHOT_NOT_FOUND")
        if settled(found)["State"] != "completed":
            raise _invalid("INVALID_SNAPSHOT_ID", f"The snapshot '{name}' is not in the 'completed' state.")
        if size < found["VolumeSize"]:
            raise _invalid("INVALID_VOLUME_SIZE", "The volume size must be at least that of the parent snapshot.")
        return found

    def _key(self, asked: Mapping[str, Any], parent: Mapping[str, Any] | None) -> str | None:
        """The key of the new snapshot; None leaves it unencrypted."""
        key = asked.get("KmsKeyArn")
        if key and not asked.get("Encrypted") and not (parent and parent["Encrypted"]):
            raise _invalid("INVALID_PARAMETER_VALUE", "KmsKeyArn needs Encrypted.")
        if not key and parent and parent["Encrypted"]:
            key = parent["KmsKeyId"]
        if not key and not (
            asked.get("Encrypted") or self._disks.encrypts(hooks.current_account(), hooks.current_region())
        ):
            return None
        key = str(key or default_key())
        if ":key/" in key and hooks.service("kms")._resolve_key(key) is None:
            said = "The KMS key does not exist."
            raise Refused("ResourceNotFoundException", said, 404, Reason="DEPENDENCY_RESOURCE_NOT_FOUND")
        self._needs(key, "kms:GenerateDataKeyWithoutPlaintext")
        return key

    def _needs(self, key: str, action: str) -> None:
        if ":key/" in key and not allowed(action, "kms", key):
            said = "The caller may not use the KMS key of the snapshot."
            raise Refused("AccessDeniedException", said, 403, Reason="DEPENDENCY_ACCESS_DENIED")

    def _tag(self, snapshot: Mapping[str, Any], tags: list[dict[str, str]]) -> None:
        arn = f"arn:aws:ec2:{hooks.current_region()}::snapshot/{snapshot['SnapshotId']}"
        if tags and not allowed("ec2:CreateTags", "ec2", arn):
            hooks.service("ec2")._snapshots.pop(snapshot["SnapshotId"])
            said = "The caller may not tag snapshots."
            raise Refused("AccessDeniedException", said, 403, Reason="DEPENDENCY_ACCESS_DENIED")
        if tags:
            hooks.service("ec2")._tags[snapshot["SnapshotId"]] = [dict(tag) for tag in tags]

    async def put(self, asked: dict[str, Any]) -> dict[str, Any]:
        """PutSnapshotBlock."""
        snapshot, draft = self._draft(asked["SnapshotId"])
        self._needs(str(snapshot.get("KmsKeyId") or ""), "kms:Decrypt")
        index, data = int(asked["BlockIndex"]), bytes(asked.get("BlockData") or b"")
        if not 0 <= index < draft.blocks:
            raise _invalid("INVALID_BLOCK", f"The volume has no block {index}.")
        if len(data) != BLOCK or int(asked["DataLength"]) != BLOCK:
            raise _invalid("INVALID_BLOCK", f"A block has {BLOCK} bytes.")
        digest = await asyncio.to_thread(lambda: hashlib.sha256(data).digest())
        checksum = base64.b64encode(digest).decode()
        if asked["ChecksumAlgorithm"] != "SHA256" or asked["Checksum"] != checksum:
            raise _invalid("INVALID_BLOCK", "The checksum is not that of the data.")
        await asyncio.to_thread(draft.write, index, data, digest)
        return {"Checksum": checksum, "ChecksumAlgorithm": "SHA256"}

    async def complete(self, asked: dict[str, Any]) -> dict[str, Any]:
        """CompleteSnapshot."""
        snapshot, draft = self._draft(asked["SnapshotId"])
        if int(asked["ChangedBlocksCount"]) != draft.written():
            raise _invalid(
                "INVALID_PARAMETER_VALUE", "ChangedBlocksCount is not the number of blocks that were written."
            )
        given = asked.get("Checksum")
        if given and (asked.get("ChecksumAlgorithm"), asked.get("ChecksumAggregationMethod")) != ("SHA256", "LINEAR"):
            raise _invalid(
                "INVALID_PARAMETER_VALUE", "A checksum needs ChecksumAlgorithm SHA256 and the method LINEAR."
            )
        if given and given != base64.b64encode(draft.linear()).decode():
            raise _invalid("INVALID_PARAMETER_VALUE", "The checksum is not that of the blocks that were written.")
        del self._disks.drafts[snapshot["SnapshotId"]]
        self._disks.keep(snapshot["SnapshotId"], draft.finish())
        snapshot["_done_at"] = clock.now() + self._pending_s
        return {"Status": settled(snapshot)["State"]}

    def _draft(self, snapshot_id: str) -> tuple[dict[str, Any], Draft]:
        """A snapshot of the caller's account that is being written."""
        found = find(snapshot_id, hooks.current_region())
        if found is None:
            said = f"The snapshot '{snapshot_id}' does not exist."
            raise Refused("ResourceNotFoundException", said, 404, Reason="SNAPSHOT_NOT_FOUND")
        if found["OwnerId"] != hooks.current_account():
            said = f"The account may not write the snapshot '{snapshot_id}'."
            raise Refused("AccessDeniedException", said, 403, Reason="UNAUTHORIZED_ACCOUNT")
        draft = self._disks.drafts.get(snapshot_id)
        if draft is not None and draft.is_given_up:
            found["State"] = "error"
            self._disks.forget(snapshot_id)
            draft = None
        if draft is None:
            raise _invalid("INVALID_SNAPSHOT_ID", f"The snapshot '{snapshot_id}' is not one that can be written.")
        return found, draft
