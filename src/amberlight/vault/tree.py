"""The Merkle tree over the ledger: its root after any number of leaves, kept up to date at the cost of a few hashes.

References:
    RFC 6962 section 2.1: leaf = H(0x00 || entry), node = H(0x01 || left || right), left subtree the largest power of two.
"""

from __future__ import annotations

import hashlib


def leaf(entry: bytes) -> bytes:
    """The leaf hash of an entry."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """Grows by leaves; remembers only the roots of its full subtrees."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[tuple[int, bytes]] = []

    def add(self, entry: bytes) -> None:
        """Append an entry."""
        height, top = 0, leaf(entry)
        while self._peaks and self._peaks[-1][0] == height:
            top = node(self._peaks.pop()[1], top)
            height += 1
        self._peaks.append((height, top))
        self.size += 1

    def root(self) -> bytes:
        """The root over all leaves so far; over none, the hash of nothing."""
        if not self._peaks:
            return hashlib.sha256(b"").digest()
        top = self._peaks[-1][1]
        for _, left in reversed(self._peaks[:-1]):
            top = node(left, top)
        return top
