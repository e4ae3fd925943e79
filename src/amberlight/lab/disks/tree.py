"""A host's directory tree, read without ever following a link out of it: who works on the host is hostile."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
VANISHED = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ESTALE})
"""What it is called when a file is gone, or something else took its place."""

MOST_DEEP = 100
"""Directories below one another; what is deeper is left out, and said."""

Entry = tuple[bytes, int, bytes, os.stat_result]
"""Path below the root, open directory, name in it, and what lstat says."""


def walk(root: Path, on_lack: Callable[[str], None]) -> Iterator[Entry]:
    """Every entry, each directory before what is in it; what vanishes meanwhile is left out, what is left out else is said."""
    top = os.open(root, _DIRECTORY)
    try:
        yield from _walk(top, b"", (os.fstat(top).st_dev, MOST_DEEP), on_lack)
    finally:
        os.close(top)


def _walk(directory: int, path: bytes, within: tuple[int, int], on_lack: Callable[[str], None]) -> Iterator[Entry]:
    device, depth = within
    for name in sorted(os.fsencode(each) for each in os.listdir(directory)):
        try:
            found = os.stat(name, dir_fd=directory, follow_symlinks=False)
        except OSError as error:
            _left_out(error, on_lack)
            continue
        if found.st_dev != device:
            continue
        below = path + b"/" + name if path else name
        yield below, directory, name, found
        if stat.S_ISDIR(found.st_mode):
            yield from _inside(directory, name, below, (device, depth - 1), on_lack)


def _inside(
    directory: int, name: bytes, path: bytes, within: tuple[int, int], on_lack: Callable[[str], None]
) -> Iterator[Entry]:
    if within[1] < 0:
        on_lack(f"files more than {MOST_DEEP} directories deep are not in disk images")
        return
    try:
        inner = os.open(name, _DIRECTORY, dir_fd=directory)
    except OSError as error:
        _left_out(error, on_lack)
        return
    try:
        yield from _walk(inner, path, within, on_lack)
    finally:
        os.close(inner)


def _left_out(error: OSError, on_lack: Callable[[str], None]) -> None:
    if error.errno not in VANISHED:
        on_lack("the lab may not read some directories of a host: what is in them is not in its disk image")


def open_file(directory: int, name: bytes) -> int:
    """Open a regular file for reading.

    Raises:
        OSError: It is none, or none any more.
    """
    fd = os.open(name, _FILE, dir_fd=directory)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise FileNotFoundError(name)
    return fd


def open_directory(root: Path, path: bytes) -> int:
    """Open the directory at a path below the root.

    Raises:
        OSError: It is none, or a link leads there.
    """
    fd = os.open(root, _DIRECTORY)
    for part in path.split(b"/") if path else []:
        try:
            inner = os.open(part, _DIRECTORY, dir_fd=fd)
        finally:
            os.close(fd)
        fd = inner
    return fd
