"""What bytes were on the instance's disks?

Each snapshot that `disk.ebs_snapshot` brought into the vault account is read through the EBS direct APIs, block by block and
several at once, with every block's checksum compared, and stored as a raw image: segments of whole 512 KiB blocks in their
order, without the blocks that were never written, and beside them `blocks.json`, which says where on the disk each block of
each segment lies. `assemble_disk.py` in the package makes the raw file of it.

The subject account sees none of this: the snapshots that are read lie in the vault account. A capture that was killed goes on
with the segment that it was at; what is in the vault is not fetched again.

Reading a volume of 8 GiB that is full takes 16,384 calls.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import Any

from amberlight.capture.answers import PROBLEMS, missing
from amberlight.model.codec import dumps
from amberlight.model.errors import NotPossible, Unreachable
from amberlight.model.evidence import Artifact, Bytes, Call, Context, Cost, Evidence, Missing, Source, Stream

SNAPSHOTS = "disk.ebs_snapshot"
BLOCK = 512 * 1024
GIB = 1 << 30
SEGMENT_BLOCKS = 128
"""64 MiB: so much is fetched again, at most, when a capture is killed."""
SEGMENTS_MAX = 2048
"""A large volume has larger segments, since each is an entry of the ledger."""


@dataclass(frozen=True, kw_only=True)
class Disk:
    """A snapshot in the vault account, and the volume that it is of."""

    snapshot: str
    volume: str
    size_gib: int

    @property
    def segment_blocks(self) -> int:
        """Blocks of the disk that a segment stands for; the same at every attempt."""
        blocks = SEGMENT_BLOCKS
        while self.size_gib * (GIB // BLOCK) > blocks * SEGMENTS_MAX:
            blocks *= 2
        return blocks


def capture(context: Context) -> Iterator[Artifact]:
    """Read each snapshot as soon as it is held."""
    read = 0
    for evidence in context.earlier(SNAPSHOTS):
        read += 1
        disk = _disk(evidence)
        try:
            yield from _image(context, disk)
        except PROBLEMS as problem:
            yield missing(f"image of {disk.volume} out of {disk.snapshot}", problem)
    if not read:
        yield Missing(what="disk images", state="empty", reason="No snapshot came into the vault account.")


def _disk(evidence: Evidence) -> Disk:
    facts = evidence.facts
    return Disk(snapshot=str(facts["copy"]), volume=str(facts["volume"]), size_gib=int(facts["size_gib"]))


def _image(context: Context, disk: Disk) -> Iterator[Artifact]:
    segments: list[dict[str, Any]] = []
    by_segment = groupby(_blocks(context, disk), lambda block: block["BlockIndex"] // disk.segment_blocks)
    for number, group in by_segment:
        blocks = list(group)
        path = f"{disk.volume}/{number:06d}.blocks"
        segments.append({"file": f"{number:06d}.blocks", "blocks": [block["BlockIndex"] for block in blocks]})
        yield Stream(
            path=path,
            chunks=_fetch(context, disk, blocks),
            facts={"volume": disk.volume, "snapshot": disk.snapshot, "blocks": len(blocks)},
        )
    count = sum(len(each["blocks"]) for each in segments)
    if not count:
        reason = "The snapshot has no block that was ever written."
        yield Missing(what=f"image of {disk.volume} out of {disk.snapshot}", state="empty", reason=reason)
        return
    described = {
        "volume": disk.volume,
        "snapshot": disk.snapshot,
        "size_bytes": disk.size_gib * GIB,
        "block_bytes": BLOCK,
    }
    yield Bytes(
        path=f"{disk.volume}/blocks.json",
        data=dumps({**described, "segments": segments}),
        facts={"volume": disk.volume, "snapshot": disk.snapshot, "blocks": count, "segments": len(segments)},
    )


def _blocks(context: Context, disk: Disk) -> Iterator[dict[str, Any]]:
    """The blocks that have data, in their order on the disk: `BlockIndex` and `BlockToken`."""
    last = -1
    pages = context.vault_aws.pages(
        "ebs.ListSnapshotBlocks", region=context.target.region, SnapshotId=disk.snapshot, MaxResults=10_000
    )
    for page in pages:
        if page.get("BlockSize", BLOCK) != BLOCK:
            raise NotPossible(f"{disk.snapshot} has blocks of {page['BlockSize']} bytes, not {BLOCK}.", "Report it.")
        for block in page.get("Blocks", ()):
            if block["BlockIndex"] <= last:
                raise Unreachable(f"The blocks of {disk.snapshot} were not listed in order.", "Run the step again.")
            last = block["BlockIndex"]
            yield block


def _fetch(context: Context, disk: Disk, blocks: list[dict[str, Any]]) -> Iterator[bytes]:
    """The data of the blocks, each compared with the checksum that EBS gives for it; one that differs is asked for again."""
    for block, came in zip(blocks, _ask(context, disk, blocks), strict=True):
        tries = (came, *(() if _whole(*came) else _ask(context, disk, [block])))
        answer, data = tries[-1]
        if not _whole(answer, data):
            raise Unreachable(
                f"Block {block['BlockIndex']} of {disk.snapshot} came broken, twice.", "Run the step again."
            )
        yield data


def _ask(context: Context, disk: Disk, blocks: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], bytes]]:
    asked = (
        {"SnapshotId": disk.snapshot, "BlockIndex": block["BlockIndex"], "BlockToken": block["BlockToken"]}
        for block in blocks
    )
    return context.vault_aws.bodies("ebs.GetSnapshotBlock", "BlockData", asked, region=context.target.region)


def _whole(answer: dict[str, Any], data: bytes) -> bool:
    return len(data) == BLOCK and base64.b64encode(hashlib.sha256(data).digest()).decode() == answer.get("Checksum")


SOURCE = Source(
    id="disk.ebs_image",
    title="Raw images of an instance's EBS volumes",
    takes=("instance",),
    capture=capture,
    calls=(
        Call(
            operation="ebs.ListSnapshotBlocks",
            actions=("ebs:ListSnapshotBlocks",),
            account="vault",
        ),
        Call(
            operation="ebs.GetSnapshotBlock",
            actions=("ebs:GetSnapshotBlock", "kms:Decrypt"),
            account="vault",
        ),
    ),
    seen=0,
    seen_text="the snapshots that are read lie in the vault account",
    gone_after=None,
    reaches_back=timedelta(0),
    cost=Cost(usd=0.05, basis="8 GiB are 16,384 blocks at USD 0.003 a thousand (us-east-1, 2026-11)"),
    needs=(),
    yields=("application/octet-stream", "application/json"),
    leaves=(),
    references=(
        "https://docs.aws.amazon.com/ebs/latest/userguide/ebs-accessing-snapshot.html",
        "https://docs.aws.amazon.com/ebs/latest/APIReference/API_GetSnapshotBlock.html",
        "https://aws.amazon.com/ebs/pricing/",
    ),
    lasts=timedelta(minutes=10),
    goes_on_from=(SNAPSHOTS,),
)
