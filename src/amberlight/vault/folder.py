"""The vault in a folder: for a laptop without any vault account, and for tests.

It creates and never replaces, and it hashes what it reads; more it cannot promise: whoever owns the folder can delete it.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote, unquote

from amberlight._aws import Clock
from amberlight.model.custody import Stored
from amberlight.model.errors import ConfigError, DeliveryError, IntegrityError, NotPossible
from amberlight.vault.store import Found, Hashes, Listed, check_key, compare, refuse_empty, refuse_existing

CHUNK_BYTES = 1 << 20
VERSION = "1"
INCOMING = ".incoming"
NAME_BYTES_MAX = 255
LIMITS = (
    "The owner of this machine, and whoever becomes it, can change or delete what is here.",
    "There is no retention period, no second account and no log that somebody else keeps.",
)
"""What this store cannot promise; printed wherever it is used."""


class FolderStore:
    """Objects as read-only files below one folder.

    Args:
        path: The folder; made by the first object if it is absent, so that who only reads writes nothing.
        clock: Kept for the common form of a store; a folder has no retention to reckon.
    """

    limits = LIMITS

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path = path
        self._clock = clock
        if path.exists() and not path.is_dir():
            raise ConfigError(f"{path} is not a folder.", "Name a folder for the vault.")

    def put(
        self,
        key: str,
        chunks: Iterable[bytes],
        *,
        media_type: str = "application/octet-stream",
        may_be_empty: bool = False,
    ) -> Stored:
        """Create an object from chunks; the media type is not kept here.

        Raises:
            DeliveryError: the key is taken, the content is empty, the key cannot be a path.
        """
        del media_type
        target = self._place(key)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as problem:
            raise _crossed(key) from problem
        seen = Hashes()
        (self.path / INCOMING).mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self.path / INCOMING, delete=False) as file:
            draft = Path(file.name)
            try:
                for chunk in seen.over(chunks):
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            except BaseException:
                draft.unlink()
                raise
        try:
            if not seen.size_bytes and not may_be_empty:
                raise refuse_empty(key)
            draft.chmod(0o444)
            # A link is made whole or not at all, and never replaces: the folder's conditional write.
            os.link(draft, target)
        except FileExistsError as problem:
            raise (_crossed(key) if target.is_dir() else refuse_existing(key)) from problem
        finally:
            draft.unlink(missing_ok=True)
        return stored(key, seen)

    def create(self, key: str, data: bytes, *, media_type: str = "application/json") -> Stored:
        """Create a small object."""
        return self.put(key, [data], media_type=media_type, may_be_empty=True)

    def read(self, stored: Found) -> Iterator[bytes]:
        """The file's bytes, in pieces of a mebibyte."""
        place = self._place(stored.key)
        if not place.is_file():
            raise NotPossible(f"{stored.key} is not in {self.path}.", "Look who could delete there.")
        return _chunks(place)

    def find(self, key: str) -> Stored | None:
        """The object of that key, read again and hashed, or None."""
        place = self._place(key)
        return stored(key, Hashes().drain(_chunks(place))) if place.is_file() else None

    def look(self, key: str) -> Listed | None:
        """Whether there is a file of that key."""
        place = self._place(key)
        return Listed(key, VERSION, place.stat().st_size) if place.is_file() else None

    def listing(self, prefix: str) -> Iterator[Listed]:
        """Every object whose key begins so, in order of keys."""
        folder = self._place(prefix + "x").parent
        files = (
            (each for each in folder.rglob("*") if each.is_file() and each.parent != self.path / INCOMING)
            if folder.is_dir()
            else ()
        )
        keys = {_key_of(each.relative_to(self.path)): each for each in files}
        for key in sorted(keys):
            if key.startswith(prefix):
                yield Listed(key, VERSION, keys[key].stat().st_size)

    def check(self, stored: Stored) -> None:
        """Read again and compare."""
        compare(stored, Hashes().drain(self.read(stored)))

    def adopt(self, key: str, sha256: str, size_bytes: int) -> Stored:
        """Take over an object that somebody else put into the folder.

        Raises:
            NotPossible: it is not there.
            IntegrityError: it is not what was said.
        """
        found = self.find(key)
        if found is None:
            raise NotPossible(f"Nothing was delivered to {key}.", "Run the step again.")
        if (found.sha256, found.size_bytes) != (sha256.lower(), size_bytes):
            raise IntegrityError(f"{key} holds other bytes than the host says that it sent.", "Distrust the host.")
        return found

    def _place(self, key: str) -> Path:
        check_key(key)
        parts = [_segment(each) for each in key.split("/")]
        if any(len(part.encode()) > NAME_BYTES_MAX for part in parts):
            raise DeliveryError("A part of an object's key is too long for a file name.", "Use a vault in S3.")
        return self.path.joinpath(*parts)


def _segment(text: str) -> str:
    """One part of a key as a file name that means nothing else: no empty one, no dots alone, no control characters."""
    if re.fullmatch(r"\.*", text) or text == INCOMING:
        return "".join(f"%{ord(each):02X}" for each in text) or "%"
    return quote(text, safe=" !#$&'()+,;=@[]{}^`~")


def _crossed(key: str) -> DeliveryError:
    return DeliveryError(f"{key} would be a file and a folder at once.", "Use a vault in S3, which knows no folders.")


def _key_of(place: Path) -> str:
    return "/".join("" if part == "%" else unquote(part) for part in place.parts)


def _chunks(place: Path) -> Iterator[bytes]:
    with place.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def stored(key: str, seen: Hashes) -> Stored:
    """The record of a file."""
    return Stored(key=key, version=VERSION, size_bytes=seen.size_bytes, sha256=seen.sha256, sha512=seen.sha512)
