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
        self._peaks: list[bytes] = []

    def add(self, entry: bytes) -> None:
        """Append an entry."""
        top, full = leaf(entry), self.size
        while full % 2:  # each one at the end of the size's binary form is a subtree that this leaf fills up
            top, full = node(self._peaks.pop(), top), full // 2
        self._peaks.append(top)
        self.size += 1

    def root(self) -> bytes:
        """The root over all leaves so far; over none, the hash of nothing."""
        if not self._peaks:
            return hashlib.sha256(b"").digest()
        top = self._peaks[-1]
        for left in reversed(self._peaks[:-1]):
            top = node(left, top)
        return top
