"""Makes a raw disk image of the blocks in a package: `python3 -I -S assemble_disk.py FOLDER IMAGE`.

FOLDER holds `blocks.json` and the segments that it names; IMAGE is made, and must not exist. Blocks that were never written on
the disk become holes, so that the image takes no more room than the blocks. Standard library alone: this file is in the package.
The package is to be verified first (`verify.py`): this program checks that the parts fit together, not that they are genuine.

Ends with 0 and one line of JSON; with 1 and a sentence where the parts do not fit; with 3 where a segment was never captured and
`--missing-as-zeros` was given, in which case the JSON names the blocks that are zero for want of it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BLOCK = 512 * 1024
DISK_MAX = 64 << 40
"""The largest EBS volume has 64 TiB."""
MAP_MAX = 2 << 30
SEGMENT = re.compile(r"[0-9]{6}\.blocks")


class Unfit(Exception):
    """The parts do not make a disk; the message says which."""


def load(folder: Path) -> tuple[int, list[tuple[str, list[int]]]]:
    """Size of the disk in bytes, and its segments: file name and the indexes of the blocks in it.

    Raises:
        Unfit: `blocks.json` is absent, too large or not what it should be.
    """
    path = folder / "blocks.json"
    try:
        if path.stat().st_size > MAP_MAX:
            raise Unfit(f"{path} is too large.")
        described = json.loads(path.read_bytes())
        size, segments = described["size_bytes"], [(each["file"], each["blocks"]) for each in described["segments"]]
        block_bytes = described["block_bytes"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as problem:
        raise Unfit(f"{path} cannot be read: {type(problem).__name__}.") from problem
    if block_bytes != BLOCK or not _number(size) or not 0 < size <= DISK_MAX or size % BLOCK:
        raise Unfit(f"{path} describes no disk of blocks of {BLOCK} bytes.")
    last = -1
    for name, blocks in segments:
        if not isinstance(name, str) or not SEGMENT.fullmatch(name) or not isinstance(blocks, list):
            raise Unfit(f"{path} names a segment that cannot be one.")
        for block in blocks:
            if not _number(block) or not last < block < size // BLOCK:
                raise Unfit(f"{path} puts a block of {name} where none can be.")
            last = block
    return size, segments


def _number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def assemble(folder: Path, image: Path, *, missing_as_zeros: bool = False) -> dict[str, Any]:
    """Write the image; what came of it: `size_bytes`, `blocks` written, `missing` blocks.

    Raises:
        Unfit: a segment is absent or has another size than its blocks; no image is left then.
        OSError: the image is there already, or cannot be written.
    """
    size, segments = load(folder)
    absent = [name for name, _ in segments if not (folder / name).is_file()]
    if absent and not missing_as_zeros:
        raise Unfit(f"{', '.join(absent[:5])} was not captured (see the gaps); --missing-as-zeros goes on without.")
    written = 0
    with image.open("xb") as out:
        try:
            for name, blocks in segments:
                if name in absent:
                    continue
                for block, data in zip(blocks, _data(folder / name, len(blocks)), strict=True):
                    out.seek(block * BLOCK)
                    out.write(data)
                    written += 1
            out.truncate(size)
        except BaseException:
            image.unlink()
            raise
    missing = [block for name, blocks in segments if name in absent for block in blocks]
    return {"size_bytes": size, "blocks": written, "missing": missing}


def _data(path: Path, count: int) -> Iterator[bytes]:
    # A link would lead out of the package.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(descriptor, "rb") as segment:
        if os.fstat(segment.fileno()).st_size != count * BLOCK:
            raise Unfit(f"{path} does not have the size of its {count} blocks.")
        for _ in range(count):
            yield segment.read(BLOCK)


def main(arguments: list[str]) -> int:
    """The program; gives its exit status."""
    parser = argparse.ArgumentParser(description="Make a raw disk image of the blocks in a package.")
    parser.add_argument("folder", type=Path, help="the folder with blocks.json")
    parser.add_argument("image", type=Path, help="the file to make")
    parser.add_argument("--missing-as-zeros", action="store_true", help="go on where a segment was not captured")
    given = parser.parse_args(arguments)
    try:
        result = assemble(given.folder, given.image, missing_as_zeros=given.missing_as_zeros)
    except (Unfit, OSError) as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    sys.stdout.write(json.dumps(result) + "\n")
    return 3 if result["missing"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
