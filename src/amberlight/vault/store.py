"""What a store is, and what both stores share: hashing on the way, keys, comparison after reading again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from amberlight.model.custody import Stored
from amberlight.model.errors import DeliveryError, IntegrityError

KEY_BYTES_MAX = 1024
"""From: "Object key names", Amazon S3 User Guide, 2026-11."""


class Exists(DeliveryError):
    """There is an object of that key already; it was left as it is."""

    code = "AL601"


class Found(Protocol):
    """Enough to read an object: its key, and the version that was written first."""

    @property
    def key(self) -> str:
        """The object's key."""

    @property
    def version(self) -> str:
        """The version that is meant; never "the latest"."""


@dataclass(frozen=True)
class Listed:
    """One line of a listing."""

    key: str
    version: str
    size_bytes: int


class Signer(Protocol):
    """Signs checkpoints. `fingerprint` is the SHA-256 (hex) of the public key's SubjectPublicKeyInfo in DER."""

    @property
    def fingerprint(self) -> str:
        """64 lower-case hex digits."""

    @property
    def public_pem(self) -> bytes:
        """The public key, PEM, SubjectPublicKeyInfo."""

    def sign(self, data: bytes) -> bytes:
        """ECDSA P-256 over the SHA-256 of the data, DER."""


class Store(Protocol):
    """A place where objects are created once, and read by version. Safe for threads.

    Raises:
        Exists: (a DeliveryError) an object of that key is there already.
        IntegrityError: what is there is not what was written, or is hidden by a delete marker.
    """

    def put(
        self,
        key: str,
        chunks: Iterable[bytes],
        *,
        media_type: str = "application/octet-stream",
        may_be_empty: bool = False,
    ) -> Stored:
        """Create an object from chunks of any size, hashed on the way, in constant memory."""

    def create(self, key: str, data: bytes, *, media_type: str = "application/json") -> Stored:
        """Create a small object in one request, without reading it back."""

    def read(self, stored: Found) -> Iterator[bytes]:
        """The bytes of exactly that version, in pieces."""

    def find(self, key: str) -> Stored | None:
        """The object of that key, read again and hashed, or None."""

    def look(self, key: str) -> Listed | None:
        """Whether there is an object of that key, without reading it."""

    def listing(self, prefix: str) -> Iterator[Listed]:
        """Every object below a prefix, in order of keys."""

    def check(self, stored: Stored) -> None:
        """Read again and compare size and hashes."""

    def adopt(self, key: str, sha256: str, size_bytes: int) -> Stored:
        """Take over an object that a host delivered: read it on our side, compare with what the host said."""


@dataclass
class Hashes:
    """SHA-256, SHA-512 and size of what went by."""

    size_bytes: int = 0
    _sha256: Any = field(default_factory=hashlib.sha256)
    _sha512: Any = field(default_factory=hashlib.sha512)

    def add(self, chunk: bytes | memoryview) -> None:
        """Count and hash a chunk."""
        self.size_bytes += len(chunk)
        self._sha256.update(chunk)
        self._sha512.update(chunk)

    def over(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The chunks, counted and hashed as they pass."""
        for chunk in chunks:
            self.add(chunk)
            yield chunk

    def drain(self, chunks: Iterable[bytes]) -> Hashes:
        """Read to the end, keeping nothing."""
        for chunk in chunks:
            self.add(chunk)
        return self

    @property
    def sha256(self) -> str:
        """Hex."""
        return str(self._sha256.hexdigest())

    @property
    def sha512(self) -> str:
        """Hex."""
        return str(self._sha512.hexdigest())


def compare(stored: Stored, seen: Hashes) -> None:
    """Hold what was read against what was written.

    Raises:
        IntegrityError: size or a hash differs.
    """
    for what, was, now in (
        ("size", stored.size_bytes, seen.size_bytes),
        ("SHA-256", stored.sha256, seen.sha256),
        ("SHA-512", stored.sha512 or seen.sha512, seen.sha512),
    ):
        if was != now:
            raise IntegrityError(
                f"{stored.key} is not what was sealed: its {what} was {was} and is {now}.",
                "Stop, keep everything as it is, and look who could write there.",
            )


def check_key(key: str) -> None:
    """Refuse a key that a store cannot hold.

    Raises:
        DeliveryError: it is empty, too long, or no text.
    """
    try:
        length = len(key.encode())
    except UnicodeEncodeError as problem:
        raise DeliveryError(
            "An object's key holds what is no text.", "Encode the name before it is stored."
        ) from problem
    if not 0 < length <= KEY_BYTES_MAX:
        raise DeliveryError(
            f"An object's key has {length} bytes; 1 to {KEY_BYTES_MAX} are possible.", "Shorten the evidence path."
        )


def refuse_empty(key: str) -> DeliveryError:
    """The error for content that has no byte where some was expected."""
    return DeliveryError(f"{key} would be empty.", "Say that it may be empty, or record a gap with its reason.")


def refuse_existing(key: str) -> Exists:
    """The error for a key that is taken."""
    return Exists(f"{key} is in the vault already and was left as it is.", "Find what is there, or choose another key.")
