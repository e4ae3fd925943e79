"""A snapshot that is written block by block."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

from amberlight.lab import clock
from amberlight.lab.disks.images import BLOCK, GIB, Frozen, blank, copy


class Draft:
    """Bytes that are still being written.

    Args:
        path: Where they go.
        size: GiB.
        parent: What the snapshot has where nothing is written.
        patience_s: How long nothing may be written before it is given up.
    """

    def __init__(self, path: Path, size: int, parent: Frozen | None, patience_s: float) -> None:
        self.path, self.blocks = path, size * GIB // BLOCK
        self._patience_s, self._touched = patience_s, clock.now()
        self._digests: dict[int, bytes] = {}
        self._lock = threading.Lock()
        blank(path, size * GIB)
        if parent is not None:
            copy(parent.path, path, size * GIB)

    @property
    def is_given_up(self) -> bool:
        """Whether nothing was written for too long."""
        return clock.now() > self._touched + self._patience_s

    def write(self, index: int, data: bytes, digest: bytes) -> None:
        """Write one block."""
        fd = os.open(self.path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.pwrite(fd, data, index * BLOCK)
        finally:
            os.close(fd)
        with self._lock:
            self._touched = clock.now()
            self._digests[index] = digest

    def written(self) -> int:
        """How many blocks were written."""
        return len(self._digests)

    def linear(self) -> bytes:
        """SHA-256 over the blocks' SHA-256 in order of their indexes. From: CompleteSnapshot, "LINEAR"."""
        with self._lock:
            return hashlib.sha256(b"".join(digest for _, digest in sorted(self._digests.items()))).digest()

    def finish(self) -> Frozen:
        """The bytes, which do not change any more."""
        return Frozen(self.path)

    def discard(self) -> None:
        """Throw the bytes away."""
        self.path.unlink(missing_ok=True)
