"""Content of a copied file: one gzip member or plain bytes, streamed, hashed and bounded; JSON without ambiguity.

References:
    RFC 1952. AWS's own validator refuses bytes after the gzip member since 2026 (aws-cli, pull request 10326).
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn

from amberlight.trail.opening import MAGIC, Limits, Unreadable, check

PIECE = 1 << 20
GZIP = 31  # window bits for a gzip header and trailer
VALUES_MOST = 1_000_000
"""Values in one JSON document, counted by what separates them. A digest of 80,000 log files has some 560,000; empty lists
cost twenty times their bytes in memory."""


class Damaged(Exception):
    """The file is there, and cannot be what was signed; the text says why."""


class Unavailable(Exception):
    """The file cannot be read; the text says why."""


def content(pieces: Iterable[bytes], limits: Limits) -> Iterator[bytes]:
    """The uncompressed content, in pieces of at most a mebibyte; a file that is no gzip is its own content.

    Some tools unpack on download what S3 serves with `Content-Encoding: gzip`, and keep the name.

    Raises:
        Damaged: the stream is broken, cut off, followed by anything, or grows beyond the limits.
    """
    source = iter(pieces)
    head = next(source, b"")
    while len(head) < len(MAGIC) and (more := next(source, b"")):
        head += more
    if head[:2] != MAGIC:
        yield head
        yield from source
        return
    yield from _member(head, source, limits)


def _member(data: bytes, source: Iterator[bytes], limits: Limits) -> Iterator[bytes]:
    stream, packed, total = zlib.decompressobj(wbits=GZIP), len(data), 0
    try:
        while not stream.eof:
            piece = stream.decompress(data, PIECE)
            if piece:
                total += len(piece)
                check(total, packed, limits)
                yield piece
            data = stream.unconsumed_tail
            if not data and not piece and not stream.eof:
                if not (data := next(source, b"")):
                    raise Damaged("the compressed stream is cut off")
                packed += len(data)
    except zlib.error as problem:
        raise Damaged(f"the compressed stream is damaged: {problem}") from problem
    except Unreadable as problem:
        raise Damaged(str(problem)) from problem
    if stream.unused_data or next(source, b""):
        raise Damaged("data follows the end of the compressed stream")


def sha256_of(pieces: Iterable[bytes], limits: Limits) -> str:
    """SHA-256 of the uncompressed content, in hex."""
    whole = hashlib.sha256()
    for piece in content(pieces, limits):
        whole.update(piece)
    return whole.hexdigest()


def at_most(pieces: Iterable[bytes], most: int) -> bytes:
    """All bytes.

    Raises:
        Damaged: there are more than `most`.
    """
    parts, size = [], 0
    for piece in pieces:
        size += len(piece)
        if size > most:
            raise Damaged(f"holds more than {most} bytes")
        parts.append(piece)
    return b"".join(parts)


def strict_json(data: bytes) -> Any:
    """One JSON document in UTF-8 whose objects repeat no name, and of which every name is text.

    Raises:
        Damaged: it is not, or holds too many values.
    """
    if data.count(b",") + data.count(b"[") + data.count(b"{") > VALUES_MOST:
        raise Damaged(f"holds more than {VALUES_MOST} values")
    try:
        return json.loads(data.decode(), object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as problem:
        raise Damaged(f"is no JSON as it should be: {problem}"[:200]) from problem


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name is repeated")
    for name in made:
        name.encode()  # half of a surrogate pair is no text, and not every reader of the object takes it
    return made


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
