"""A host's directory tree, read without ever following a link out of it: who works on the host is hostile."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
MOST_DEEP = 100
"""Directories below one another; what is deeper is left out, and said."""

Entry = tuple[bytes, int, bytes, os.stat_result]
"""Path below the root, open directory, name in it, and what lstat says."""


def walk(root: Path) -> Iterator[Entry]:
    """Every entry, each directory before what is in it; what vanishes meanwhile is left out."""
    with suppress(FileNotFoundError):
        top = os.open(root, _DIRECTORY)
        try:
            yield from _walk(top, b"", os.fstat(top).st_dev, MOST_DEEP)
        finally:
            os.close(top)


def _walk(directory: int, path: bytes, device: int, depth: int) -> Iterator[Entry]:
    for name in sorted(os.fsencode(each) for each in os.listdir(directory)):
        with suppress(FileNotFoundError, NotADirectoryError):
            found = os.stat(name, dir_fd=directory, follow_symlinks=False)
            below = path + b"/" + name if path else name
            if found.st_dev != device:
                continue
            yield below, directory, name, found
            if stat.S_ISDIR(found.st_mode) and depth:
                inner = os.open(name, _DIRECTORY, dir_fd=directory)
                try:
                    yield from _walk(inner, below, device, depth - 1)
                finally:
                    os.close(inner)


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
