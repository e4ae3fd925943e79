"""Proofs over the ledger's tree: that an entry is in it, and that a later tree continues an earlier one.

Whoever holds a signed checkpoint checks either with a handful of hashes, and sees no other entry. Proofs are lists of hashes
from the leaf upwards. Checking never trusts a number that it is given: an index or a size that cannot be refuses.

References:
    RFC 6962 section 2.1.1 (audit paths), 2.1.2 (consistency proofs); RFC 9162 sections 2.1.3.2 and 2.1.4.2 (checking them).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from amberlight.vault.tree import node


def root(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf hashes (`tree.leaf`); there must be at least one."""
    if len(leaves) == 1:
        return leaves[0]
    split = _split(len(leaves))
    return node(root(leaves[:split]), root(leaves[split:]))


def inclusion(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The path that leads from the leaf of that index to the root.

    Raises:
        IndexError: there is no such leaf.
    """
    if not 0 <= index < len(leaves):
        raise IndexError(f"there is no leaf {index} among {len(leaves)}")
    if len(leaves) == 1:
        return []
    split = _split(len(leaves))
    if index < split:
        return [*inclusion(leaves[:split], index), root(leaves[split:])]
    return [*inclusion(leaves[split:], index - split), root(leaves[:split])]


def consistency(leaves: Sequence[bytes], first: int) -> list[bytes]:
    """The hashes that show that the tree over all leaves continues the tree over the first ones.

    Raises:
        IndexError: there are not so many leaves, or none is asked for.
    """
    if not 0 < first <= len(leaves):
        raise IndexError(f"no tree of {first} leaves among {len(leaves)}")
    return _consistency(leaves, first, whole=True)


def _consistency(leaves: Sequence[bytes], first: int, *, whole: bool) -> list[bytes]:
    if first == len(leaves):
        return [] if whole else [root(leaves)]
    split = _split(len(leaves))
    if first <= split:
        return [*_consistency(leaves[:split], first, whole=whole), root(leaves[split:])]
    return [*_consistency(leaves[split:], first - split, whole=False), root(leaves[:split])]


def includes(leaf_hash: bytes, index: int, size: int, proof: Sequence[bytes], head: bytes) -> bool:
    """Whether a leaf stands at that index of the tree with that many leaves and that root."""
    if not 0 <= index < size:
        return False
    place, last, top = index, size - 1, leaf_hash
    for sibling in proof:
        if last == 0:
            return False
        if place % 2 or place == last:
            top = node(sibling, top)
            while place and not place % 2:
                place, last = place // 2, last // 2
        else:
            top = node(top, sibling)
        place, last = place // 2, last // 2
    return last == 0 and top == head


def continues(first: tuple[int, bytes], second: tuple[int, bytes], proof: Sequence[bytes]) -> bool:
    """Whether the second tree (size and root) holds the first one unchanged at its beginning."""
    (old, old_root), (new, new_root) = first, second
    if not 0 < old <= new:
        return False
    if old == new:
        return not proof and old_root == new_root
    hashes = iter(proof if old & (old - 1) else [old_root, *proof])
    place, last = old - 1, new - 1
    while place % 2:
        place, last = place // 2, last // 2
    return _both_roots(hashes, place, last) == (old_root, new_root)


def _both_roots(hashes: Iterator[bytes], place: int, last: int) -> tuple[bytes, bytes] | None:
    """The two roots that a proof leads to, or None where it leads nowhere."""
    start = next(hashes, None)
    if start is None:
        return None
    before = after = start
    for sibling in hashes:
        if last == 0:
            return None
        if place % 2 or place == last:
            before, after = node(sibling, before), node(sibling, after)
            while place and not place % 2:
                place, last = place // 2, last // 2
        else:
            after = node(after, sibling)
        place, last = place // 2, last // 2
    return (before, after) if last == 0 else None


def _split(size: int) -> int:
    """The largest power of two below a size of at least two."""
    return int(1 << (size - 1).bit_length() - 1)
