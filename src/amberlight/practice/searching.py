"""Looks for texts in captured bytes, in constant memory, and checks the bytes' hash on the way."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

CHUNK_BYTES = 1 << 20
GZIP = b"\x1f\x8b"
LIMIT_BYTES = 1 << 31
"""Unpacked bytes that are searched of one file: a decompression bomb must not stop a score."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Which of the texts a file holds, and the SHA-256 (hex) of the file as it lies there."""

    texts: frozenset[str]
    sha256: str


def search(path: Path, texts: Iterable[str]) -> Found:
    """Read a file once: as it is, and unpacked where it is gzip.

    Raises:
        OSError: the file cannot be read.
    """
    digest = hashlib.sha256()
    needles = {text: text.encode() for text in texts}
    found = {text for text, needle in needles.items() if not needle}
    with path.open("rb") as stream:
        packed = stream.read(2) == GZIP
        stream.seek(0)
        raw = hashed(iter(lambda: stream.read(CHUNK_BYTES), b""), digest)
        for window in windows(unpacked(raw) if packed else raw, max(map(len, needles.values()), default=0)):
            found |= {text for text, needle in needles.items() if needle in window}
    return Found(texts=frozenset(found), sha256=digest.hexdigest())


def hashed(chunks: Iterator[bytes], digest: hashlib._Hash) -> Iterator[bytes]:
    """The chunks, hashed on their way."""
    for chunk in chunks:
        digest.update(chunk)
        yield chunk


def windows(chunks: Iterator[bytes], longest: int) -> Iterator[bytes]:
    """The chunks with so much of the one before that nothing is lost at a border."""
    rest = b""
    for chunk in chunks:
        yield rest + chunk
        rest = (rest + chunk)[-(longest - 1) :] if longest > 1 else b""


def unpacked(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The content of a gzip file, member by member; what is broken ends it, the rest is still read for its hash."""
    reader, total, broken = zlib.decompressobj(wbits=31), 0, False
    for chunk in chunks:
        data = chunk
        while data and not broken and total < LIMIT_BYTES:
            try:
                piece = reader.decompress(data, CHUNK_BYTES)
            except zlib.error:
                broken = True
                break
            total += len(piece)
            yield piece
            data = reader.unconsumed_tail
            if reader.eof:
                data, reader = reader.unused_data, zlib.decompressobj(wbits=31)
