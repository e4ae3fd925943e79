"""A BagIt 1.0 folder while it is being written: every file hashed as it goes to disk.

References:
    RFC 8493, The BagIt File Packaging Format (V1.0).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from amberlight.model.errors import ConfigError, DeliveryError
from amberlight.vault.store import Hashes

DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
TAG_MANIFEST = "tagmanifest-sha256.txt"


class Bag:
    """Files below one folder, with what was hashed on their way there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[str, Hashes] = {}
        self.folders: set[str] = set()

    def add(self, path: str, chunks: Iterable[bytes]) -> Hashes:
        """Write a new file; its hashes."""
        if path in self.files:
            raise DeliveryError(f"Two files of the package would be {path}.", "Give one of them another path.")
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        seen = Hashes()
        with target.open("xb") as file:
            for chunk in seen.over(chunks):
                file.write(chunk)
        self.files[path] = seen
        parts = path.split("/")
        self.folders.update("/".join(parts[:depth]) for depth in range(1, len(parts)))
        return seen

    def payload(self) -> list[str]:
        """Paths of the payload, in order."""
        return sorted(path for path in self.files if path.startswith("data/"))

    def tags(self) -> list[str]:
        """Paths of all else, in order."""
        return sorted(path for path in self.files if not path.startswith("data/"))

    @property
    def size_bytes(self) -> int:
        """Size of all files."""
        return sum(each.size_bytes for each in self.files.values())

    def add_manifests(self) -> None:
        """Declare the bag, and list its payload."""
        self.add("bagit.txt", [DECLARATION])
        self.add("manifest-sha256.txt", self._lines(self.payload(), lambda each: each.sha256))
        self.add("manifest-sha512.txt", self._lines(self.payload(), lambda each: each.sha512))

    def add_tag_manifest(self) -> None:
        """List everything but the payload; to be the last file."""
        self.add(TAG_MANIFEST, self._lines(self.tags(), lambda each: each.sha256))

    def _lines(self, paths: list[str], digest: Callable[[Hashes], str]) -> Iterator[bytes]:
        for path in paths:
            yield f"{digest(self.files[path])}  {path}\n".encode()


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A folder beside `out` that becomes `out` at the end; after an error neither is there.

    Raises:
        ConfigError: `out` is there already and not empty.
        DeliveryError: the disk is full, or the place cannot be written.
    """
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise ConfigError(f"{out} is there already.", "Name a folder that does not exist yet.")
    draft = out.parent / f".{out.name}.partial"
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        # Left by a run that was killed; its evidence still lies in the vault.
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        yield draft
        _settle(draft)
        draft.rename(out)
    except OSError as problem:
        raise DeliveryError(
            f"The package could not be written: {problem.strerror or problem}: {problem.filename or out}.",
            "Make room, or name another place; the evidence is safe in the vault.",
        ) from problem
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _settle(folder: Path) -> None:
    """Have the disk take everything before the name says that it is whole."""
    for place, _, names in os.walk(folder):
        for name in names:
            handle = os.open(Path(place) / name, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
