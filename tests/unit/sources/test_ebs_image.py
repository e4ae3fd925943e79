"""Raw images on an EBS that answers badly: nothing is silently wrong, and nothing that is safe is asked for twice."""

import base64
import hashlib
import json
from types import SimpleNamespace

import pytest
from source_fakes import ACCOUNT, Context

from amberlight.capture.sources.disk.ebs_image import BLOCK, SNAPSHOTS, Disk, capture
from amberlight.model.errors import Denied, NotPossible, Unreachable
from amberlight.model.evidence import Bytes, Missing, Stream
from amberlight.model.signals import Target

HOST = Target(type="instance", account=ACCOUNT, region="us-east-1", name="i-1")


def block(number):
    return bytes([number % 251 + 1]) * BLOCK


def checksum(data):
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


class Ebs:
    """One snapshot; `broken` blocks come broken so many times."""

    def __init__(self, *indexes, pages=1, size=BLOCK):
        self.indexes, self.page_count, self.size, self.broken, self.asked = indexes, pages, size, {}, []

    def pages(self, operation, *, region=None, SnapshotId, MaxResults):  # noqa: N803 - AWS's names
        assert (operation, region) == ("ebs.ListSnapshotBlocks", "us-east-1")
        cut = -(-len(self.indexes) // self.page_count) or 1
        for start in range(0, max(len(self.indexes), 1), cut):
            blocks = [{"BlockIndex": n, "BlockToken": f"token-{n}"} for n in self.indexes[start : start + cut]]
            yield {"Blocks": blocks, "BlockSize": self.size}

    def bodies(self, operation, member, asked, *, region=None):
        assert (operation, member, region) == ("ebs.GetSnapshotBlock", "BlockData", "us-east-1")
        for parameters in asked:
            number = parameters["BlockIndex"]
            assert parameters["BlockToken"] == f"token-{number}"
            self.asked.append(number)
            data, self.broken[number] = block(number), self.broken.get(number, 0) - 1
            yield {"Checksum": checksum(data)}, data if self.broken[number] < 0 else data[:-1] + b"\0"


def context(ebs, *snapshots):
    made = Context({}, target=HOST)
    made.vault_aws = ebs
    made.earlier = lambda source: iter(snapshots if source == SNAPSHOTS else ())
    return made


def held(volume="vol-a", size=8, copy="snap-copy"):
    return SimpleNamespace(facts={"volume": volume, "copy": copy, "size_gib": size, "first": "snap-first"})


def taken(artifacts):
    """What the vault would get: bytes by path, and gaps."""
    found, gaps = {}, []
    for artifact in artifacts:
        if isinstance(artifact, Missing):
            gaps.append(artifact)
        else:
            found[artifact.path] = artifact.data if isinstance(artifact, Bytes) else b"".join(artifact.chunks)
    return found, gaps


@pytest.mark.parametrize("pages", [1, 3])
def test_blocks_are_stored_in_segments_and_the_map_says_where_each_lies(pages):
    ebs = Ebs(0, 1, 127, 128, 5000, 16383, pages=pages)
    found, gaps = taken(capture(context(ebs, held())))
    assert gaps == []
    described = json.loads(found.pop("vol-a/blocks.json"))
    assert (described["size_bytes"], described["block_bytes"]) == (8 << 30, BLOCK)
    assert [each["blocks"] for each in described["segments"]] == [[0, 1, 127], [128], [5000], [16383]]
    for segment in described["segments"]:
        assert found.pop(f"vol-a/{segment['file']}") == b"".join(block(n) for n in segment["blocks"])
    assert found == {}


def test_a_segment_that_is_in_the_vault_is_not_fetched_again():
    ebs = Ebs(0, 200, 400)
    for artifact in capture(context(ebs, held())):
        # As the vault does when the object is there: its chunks are not read.
        if isinstance(artifact, Stream) and artifact.path != "vol-a/000000.blocks":
            assert b"".join(artifact.chunks)
    assert ebs.asked == [200, 400]


def test_a_block_that_came_broken_is_asked_for_again():
    ebs = Ebs(3, 4, 5)
    ebs.broken[4] = 1
    found, gaps = taken(capture(context(ebs, held())))
    assert gaps == []
    assert found["vol-a/000000.blocks"] == block(3) + block(4) + block(5)
    assert sorted(ebs.asked) == [3, 4, 4, 5]


def test_a_block_that_comes_broken_twice_is_not_stored():
    ebs = Ebs(3, 4, 5)
    ebs.broken[4] = 2
    with pytest.raises(Unreachable, match="Block 4 of snap-copy came broken"):
        taken(capture(context(ebs, held())))


def test_a_short_block_is_broken():
    ebs = Ebs(7)
    whole = ebs.bodies
    ebs.bodies = lambda *given, **more: (
        ({"Checksum": checksum(data[:-1])}, data[:-1]) for _, data in whole(*given, **more)
    )
    with pytest.raises(Unreachable, match="came broken"):
        taken(capture(context(ebs, held())))


@pytest.mark.parametrize("problem", [Denied("no", "allow"), NotPossible("gone", "look"), Unreachable("away", "wait")])
def test_a_snapshot_that_cannot_be_read_is_a_gap_and_the_next_one_is_read(problem):
    ebs, bad = Ebs(1), {"vol-bad"}
    pages = ebs.pages

    def answer(operation, **parameters):
        if parameters["SnapshotId"] in bad:
            raise problem
        return pages(operation, **parameters)

    ebs.pages = answer
    found, (gap,) = taken(capture(context(ebs, held("vol-b", copy="vol-bad"), held())))
    assert gap.what == "image of vol-b out of vol-bad"
    assert gap.reason.startswith(problem.cause)
    assert set(found) == {"vol-a/000000.blocks", "vol-a/blocks.json"}


@pytest.mark.parametrize(
    "ebs, reason", [(Ebs(5, 4), "not listed in order"), (Ebs(1, 1), "not listed in order"), (Ebs(1, size=4096), "4096")]
)
def test_a_list_that_cannot_be_right_is_a_gap(ebs, reason):
    found, gaps = taken(capture(context(ebs, held())))
    assert [reason in gap.reason for gap in gaps] == [True]
    assert "vol-a/blocks.json" not in found


def test_an_empty_disk_and_no_disk_at_all_are_said():
    assert [gap.state for gap in taken(capture(context(Ebs(), held())))[1]] == ["empty"]
    assert [gap.reason for gap in taken(capture(context(Ebs())))[1]] == ["No snapshot came into the vault account."]


@pytest.mark.parametrize("size, blocks", [(1, 128), (64, 128), (128, 128), (129, 256), (16384, 16384)])
def test_a_large_disk_has_larger_segments_and_never_too_many(size, blocks):
    disk = Disk(snapshot="s", volume="v", size_gib=size)
    assert disk.segment_blocks == blocks
    assert size * 2048 / disk.segment_blocks <= 2048
