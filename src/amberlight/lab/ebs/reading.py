"""EBS direct APIs: the blocks of snapshots, listed, compared and read. What takes reading is done off the event loop.

References:
    ListSnapshotBlocks, ListChangedBlocks, GetSnapshotBlock, "EBS direct APIs" reference, and the questions about them in the EBS
    User Guide (only completed snapshots; a page has at least 100 blocks), 2026-11. Which exception says that a snapshot of
    another account is not shared is not documented; `UNAUTHORIZED_ACCOUNT` is taken for it.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from typing import Any

from amberlight.lab import clock, hooks
from amberlight.lab.disks.disks import Disks
from amberlight.lab.disks.images import BLOCK, Frozen
from amberlight.lab.disks.tokens import BLOCK_S, PAGE_S, Tokens
from amberlight.lab.ebs.rights import may_decrypt
from amberlight.lab.own import Refused
from amberlight.lab.services.snapshots import find, settled, shared_with

_FEWEST, _MOST = 100, 10_000


class Reading:
    """The operations that read."""

    def __init__(self, disks: Disks, tokens: Tokens) -> None:
        self._disks, self._tokens = disks, tokens

    async def blocks(self, asked: dict[str, Any]) -> dict[str, Any]:
        """ListSnapshotBlocks."""
        snapshot, frozen = self._snapshot(asked["SnapshotId"])
        indexes = list(await asyncio.to_thread(frozen.digests))
        name = snapshot["SnapshotId"]
        page, following = self._page(name, indexes, asked)
        listed = [{"BlockIndex": index, "BlockToken": self._tokens.make(name, index, BLOCK_S)} for index in page]
        return {"Blocks": listed, **_about(snapshot), "NextToken": following}

    async def changed(self, asked: dict[str, Any]) -> dict[str, Any]:
        """ListChangedBlocks; without a first snapshot, everything in the second is a change."""
        second, frozen = self._snapshot(asked["SecondSnapshotId"])
        new, old, first_id = await asyncio.to_thread(frozen.digests), {}, asked.get("FirstSnapshotId")
        if first_id:
            first, before = self._snapshot(first_id)
            if first["_lineage"] != second["_lineage"]:
                raise Refused("ValidationException", "The snapshots are not of the same volume or lineage.",
                              Reason="UNRELATED_SNAPSHOTS")  # fmt: skip
            old = await asyncio.to_thread(before.digests)
        indexes = sorted(index for index in {*new, *old} if new.get(index) != old.get(index))
        about = f"{first_id or ''} {second['SnapshotId']}"
        page, following = self._page(about, indexes, asked)
        listed = [{
            "BlockIndex": index,
            "FirstBlockToken": self._tokens.make(str(first_id), index, BLOCK_S) if index in old else None,
            "SecondBlockToken": self._tokens.make(second["SnapshotId"], index, BLOCK_S) if index in new else None,
        } for index in page]  # fmt: skip
        return {"ChangedBlocks": listed, **_about(second), "NextToken": following}

    async def block(self, asked: dict[str, Any]) -> dict[str, Any]:
        """GetSnapshotBlock."""
        snapshot, frozen = self._snapshot(asked["SnapshotId"])
        index = int(asked["BlockIndex"])
        if self._tokens.read(snapshot["SnapshotId"], asked["BlockToken"]) != index:
            raise Refused(
                "ValidationException", "The block token is invalid or has expired.", Reason="INVALID_BLOCK_TOKEN"
            )
        if not may_decrypt(snapshot, hooks.current_region()):
            said = "The caller may not use the KMS key of the snapshot."
            raise Refused("AccessDeniedException", said, 403, Reason="DEPENDENCY_ACCESS_DENIED")
        data = await asyncio.to_thread(frozen.read, index)
        digest = (await asyncio.to_thread(frozen.digests))[index]
        checksum = base64.b64encode(digest).decode()
        return {"DataLength": BLOCK, "BlockData": data, "Checksum": checksum, "ChecksumAlgorithm": "SHA256"}

    def _page(self, about: str, indexes: list[int], asked: Mapping[str, Any]) -> tuple[list[int], str | None]:
        """One page, and the token of the next."""
        start = int(asked.get("StartingBlockIndex") or 0)
        if asked.get("NextToken"):
            found = self._tokens.read("page " + about, str(asked["NextToken"]))
            if found is None:
                said = "The page token is invalid or has expired."
                raise Refused("ValidationException", said, Reason="INVALID_PAGE_TOKEN")
            start = found
        size = min(max(int(asked.get("MaxResults") or _MOST), _FEWEST), _MOST)
        left = [index for index in indexes if index >= start]
        following = self._tokens.make("page " + about, left[size], PAGE_S) if len(left) > size else None
        return left[:size], following

    def _snapshot(self, snapshot_id: str) -> tuple[dict[str, Any], Frozen]:
        found = find(snapshot_id, hooks.current_region())
        if found is None:
            said = f"The snapshot '{snapshot_id}' does not exist."
            raise Refused("ResourceNotFoundException", said, 404, Reason="SNAPSHOT_NOT_FOUND")
        account = hooks.current_account()
        if found["OwnerId"] != account and not shared_with(found, account, public=False):
            said = f"The account may not use the snapshot '{snapshot_id}'."
            raise Refused("AccessDeniedException", said, 403, Reason="UNAUTHORIZED_ACCOUNT")
        if settled(found)["State"] != "completed":
            said = f"The snapshot '{snapshot_id}' is not in the 'completed' state."
            raise Refused("ValidationException", said, Reason="INVALID_SNAPSHOT_ID")
        frozen = self._disks.snapshots.get(snapshot_id)
        if frozen is None:
            said = "The lab has no bytes behind this snapshot; its limits say why."
            raise Refused("InternalServerException", said, 500)
        return found, frozen


def _about(snapshot: Mapping[str, Any]) -> dict[str, Any]:
    return {"VolumeSize": snapshot["VolumeSize"], "BlockSize": BLOCK, "ExpiryTime": clock.now() + BLOCK_S}
