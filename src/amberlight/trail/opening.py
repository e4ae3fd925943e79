"""Files as pieces of bytes: gzip is known by content, and nothing may grow beyond its limit.

References:
    RFC 1952 (a gzip file may hold several members). DEFLATE cannot pack tighter than about 1:1032; CloudTrail's own
    files are packed 7 to 20 times.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from isal import isal_zlib

MAGIC = b"\x1f\x8b"
PIECE = 1 << 20
FIRST = 1 << 16
"""Most delivery files are small; room for a whole piece, asked for each of them, would cost more than reading them."""
DAMAGED: Any = isal_zlib.error
GZIP = 31  # window bits for a gzip header and trailer


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How far a single file may go, in bytes once unpacked; `value_bytes` is for one JSON value.

    A file that unpacks to more than `free_bytes` and to more than `ratio` times its size is taken for a bomb.
    """

    file_bytes: int = 4 << 30
    value_bytes: int = 64 << 20
    free_bytes: int = 64 << 20
    ratio: int = 200


class Unreadable(Exception):
    """A file, or the rest of one, cannot be read; the text says why."""


def pieces(path: Path, limits: Limits) -> Iterator[bytes]:
    """The content, unpacked, in pieces of at most 1 MiB.

    Raises:
        Unreadable: the file cannot be opened or its gzip stream is damaged; pieces before the damage were yielded.
    """
    try:
        with path.open("rb", buffering=0) as file:
            head = file.read(FIRST)
            if head[:2] == MAGIC:
                yield from unpacked(head, iter(lambda: file.read(FIRST), b""), limits)
                return
            while head:
                yield head
                head = file.read(PIECE)
    except OSError as problem:
        raise Unreadable(f"cannot be opened: {problem.strerror or problem}") from problem


def unpacked(head: bytes, rest: Iterator[bytes], limits: Limits) -> Iterator[bytes]:
    """All members of a gzip stream."""
    packed, total, data = len(head), 0, head
    stream = isal_zlib.decompressobj(wbits=GZIP)
    try:
        while True:
            piece = stream.decompress(data, PIECE)
            if piece:
                total += len(piece)
                check(total, packed, limits)
                yield piece
            if stream.eof:
                data = stream.unused_data.lstrip(b"\0")
                if not data and not (data := next(rest, b"")):
                    return
                stream = isal_zlib.decompressobj(wbits=GZIP)
                continue
            data = stream.unconsumed_tail
            if not data and not piece:
                if not (data := next(rest, b"")):
                    raise Unreadable("gzip stream is cut off before its end")
                packed += len(data)
    except DAMAGED as problem:
        raise Unreadable(f"gzip stream is damaged: {problem}") from problem


def check(total: int, packed: int, limits: Limits) -> None:
    """Stop at a bomb.

    Raises:
        Unreadable: the stream has grown beyond the limits.
    """
    if total > limits.file_bytes:
        raise Unreadable(f"unpacks to more than {limits.file_bytes} bytes")
    if total > limits.free_bytes and total > packed * limits.ratio:
        raise Unreadable(f"looks like a decompression bomb: {packed} bytes unpack to more than {total}")
