"""An archive as a kernel unpacks it into its first root (cpio, "newc"); the same files give the same bytes.

References:
    https://docs.kernel.org/driver-api/early-userspace/buffer-format.html (2026-11)
"""

from __future__ import annotations

import dataclasses
import stat
from collections.abc import Iterator, Mapping

_END = "TRAILER!!!"


@dataclasses.dataclass(frozen=True)
class Entry:
    """A file, a directory or a link: `mode` with its type bits; `data` is the content, or where the link leads."""

    mode: int
    data: bytes = b""


def directory(mode: int = 0o755) -> Entry:
    """A directory."""
    return Entry(stat.S_IFDIR | mode)


def file(data: bytes, mode: int = 0o644) -> Entry:
    """A file."""
    return Entry(stat.S_IFREG | mode, data)


def link(target: str) -> Entry:
    """A symbolic link."""
    return Entry(stat.S_IFLNK | 0o777, target.encode())


def archive(tree: Mapping[str, Entry]) -> Iterator[bytes]:
    """The archive of a tree (paths without leading slash), all owned by root; directories that are implied are made."""
    whole = dict(tree)
    for path in tree:
        for at, letter in enumerate(path):
            if letter == "/":
                whole.setdefault(path[:at], directory())
    for number, path in enumerate(sorted(whole), 1):
        yield _record(number, path, whole[path])
    yield _record(0, _END, Entry(0))


def _record(number: int, path: str, entry: Entry) -> bytes:
    name = path.encode() + b"\0"
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    # inode, mode, owner, group, links, time, size, device and special device (two numbers each), name's size, checksum
    fields = (number, entry.mode, 0, 0, links, 0, len(entry.data), 0, 0, 0, 0, len(name), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name
    return _padded(head) + _padded(entry.data)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
