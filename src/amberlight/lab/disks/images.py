"""Image files of volumes and snapshots: as large as the disk to whoever asks, as small as its data on this machine."""

from __future__ import annotations

import fcntl
import hashlib
import itertools
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

GIB = 1 << 30
BLOCK = 512 * 1024
"""What the EBS direct APIs read and write. From: "EBS direct APIs", EBS User Guide, 2026-11."""

_FICLONE = 0x40049409
_CHUNK = 8 << 20


class Frozen:
    """Bytes that do not change any more; shared by all snapshots that are copies of one another."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._holders = 1
        self._digests: dict[int, bytes] | None = None
        self._lock = threading.Lock()

    def held(self) -> Frozen:
        """The same bytes for one more holder."""
        with self._lock:
            self._holders += 1
        return self

    def release(self) -> None:
        """One holder less; the last one takes the file along."""
        with self._lock:
            self._holders -= 1
            if self._holders == 0:
                self.path.unlink(missing_ok=True)

    def digests(self) -> dict[int, bytes]:
        """SHA-256 of each block that is not all zeros, in order of their indexes. Reads all data the first time."""
        with self._lock:
            if self._digests is None:
                self._digests = dict(_digests(self.path))
            return self._digests

    def read(self, index: int) -> bytes:
        """One block."""
        with self.path.open("rb") as file:
            file.seek(index * BLOCK)
            return file.read(BLOCK).ljust(BLOCK, b"\0")


class Images:
    """The image files below one directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._serial = itertools.count(1)
        for name in ("volumes", "snapshots"):
            (directory / name).mkdir(parents=True, exist_ok=True)

    def of_volume(self, volume_id: str) -> Path:
        """Where a volume's image is or will be."""
        return self._directory / "volumes" / f"{volume_id}.raw"

    def provide(
        self, volume_id: str, size: int, source: Frozen | None = None, fill: Callable[[Path], None] | None = None
    ) -> Path:
        """The image of a volume of *size* GiB, with the bytes of *source* or what *fill* writes; made whole or not at all."""
        path = self.of_volume(volume_id)
        if not path.exists():
            draft = path.with_suffix(f".{next(self._serial)}")
            blank(draft, size * GIB)
            if source is not None:
                copy(source.path, draft, size * GIB)
            if fill is not None:
                fill(draft)
            with suppress(FileExistsError):
                os.link(draft, path)
            draft.unlink()
        elif path.stat().st_size < size * GIB:
            os.truncate(path, size * GIB)
        return path

    def volumes(self) -> list[Path]:
        """The images of all volumes."""
        return list((self._directory / "volumes").glob("vol-*.raw"))

    def fresh(self) -> Path:
        """A name for a snapshot's bytes."""
        return self._directory / "snapshots" / f"{next(self._serial)}.raw"

    def freeze(self, image: Path) -> Frozen:
        """The bytes of an image as they are now."""
        path = self.fresh()
        copy(image, path, image.stat().st_size)
        return Frozen(path)


def blank(path: Path, size: int) -> None:
    """A file of *size* zeros that takes no room."""
    with path.open("wb") as file:
        file.truncate(size)


def copy(source: Path, target: Path, size: int) -> None:
    """Copy the data of a sparse file and leave its holes; where the file system can, both share the data until one changes."""
    with source.open("rb") as here, target.open("wb") as there:
        try:
            fcntl.ioctl(there.fileno(), _FICLONE, here.fileno())
        except OSError:  # this file system has no reflinks
            for start, end in extents(here.fileno()):
                _copy_range(here.fileno(), there.fileno(), start, end)
        there.truncate(size)


def _copy_range(here: int, there: int, start: int, end: int) -> None:
    while start < end:
        data = os.pread(here, min(_CHUNK, end - start), start)
        if not data:
            return
        if data.count(0) != len(data):
            os.pwrite(there, data, start)
        start += len(data)


def extents(fd: int) -> Iterator[tuple[int, int]]:
    """Where a sparse file has data."""
    end, size = 0, os.fstat(fd).st_size
    while end < size:
        try:
            start = os.lseek(fd, end, os.SEEK_DATA)
        except OSError:  # ENXIO: only a hole is left
            return
        end = os.lseek(fd, start, os.SEEK_HOLE)
        yield start, end


def _digests(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as file:
        done = -1
        for start, end in extents(file.fileno()):
            for index in range(max(done + 1, start // BLOCK), -(-end // BLOCK)):
                done, data = index, os.pread(file.fileno(), BLOCK, index * BLOCK).ljust(BLOCK, b"\0")
                if data.count(0) != BLOCK:
                    yield index, hashlib.sha256(data).digest()
