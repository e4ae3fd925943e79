"""Where a copy lies: a folder, or a bucket behind a door. Files are only ever those that a walk has found.

References:
    ListObjectsV2, HeadObject (user metadata), GetObject, Amazon S3 API Reference; ListPublicKeys, CloudTrail API
    Reference, 2026-11.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from amberlight.model.errors import ConfigError, Denied, NotPossible, Unreachable
from amberlight.trail.prove.content import PIECE, Unavailable
from amberlight.trail.prove.layout import instant

if TYPE_CHECKING:
    from amberlight._aws import Door

WORKERS = 8
"""Requests to a bucket at once: a folder's answers come at once, a bucket's after a round trip each."""
PROBLEMS = (Denied, NotPossible, Unreachable)


class Source(Protocol):
    """Files of a copy by their paths below its root; `base` stands before the root, so that keys can be compared.

    `workers` says how many files are best read at once; `open` and `metadata` are then called from so many threads.
    """

    base: str
    workers: int

    def paths(self) -> Iterator[str]:
        """Every regular file."""
        ...

    def open(self, path: str) -> Iterator[bytes]:
        """A file's bytes as stored; raises Unavailable."""
        ...

    def metadata(self, path: str) -> Mapping[str, str]:
        """User metadata that the store itself keeps of a file; empty for a folder."""
        ...

    def public_keys(self, region: str, since: datetime, until: datetime) -> list[dict[str, Any]] | None:
        """What AWS itself says are the Region's public keys; None where nobody was asked or there was no answer."""
        ...


class Folder:
    """A folder on disk. Links, devices and pipes in it are no files of a copy and are left alone.

    Args:
        root: The folder.
        names: Only these files count: their paths as they were captured, and where below the root they lie now.

    Raises:
        ConfigError: it is not there, or no folder.
    """

    workers = 1

    def __init__(self, root: Path, names: Mapping[str, str] | None = None) -> None:
        self.root = root
        self.names = names
        self.base = os.path.abspath(root)  # noqa: PTH100 - `resolve` would follow links and change the path
        if not root.is_dir():
            raise ConfigError(f"There is no folder at {root}.", "Name the folder that holds the copied files.")

    def paths(self) -> Iterator[str]:
        """Every regular file, folder by folder."""
        if self.names is not None:
            yield from sorted(self.names)
            return
        waiting = [""]
        while waiting:
            folder = waiting.pop()
            with os.scandir(self.root / folder) as entries:
                for entry in sorted(entries, key=lambda one: one.name):
                    path = f"{folder}/{entry.name}" if folder else entry.name
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(path)
                    elif entry.is_file(follow_symlinks=False):
                        yield path

    def open(self, path: str) -> Iterator[bytes]:
        """The bytes; what has become a link or a pipe since the walk is not opened."""
        try:
            place = self.names[path] if self.names is not None else path
            number = os.open(self.root / place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with os.fdopen(number, "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise Unavailable("is no regular file")
                while piece := file.read(PIECE):
                    yield piece
        except OSError as problem:
            raise Unavailable(f"cannot be read: {problem.strerror or problem}") from problem

    def metadata(self, path: str) -> Mapping[str, str]:  # noqa: ARG002 - the protocol's
        """A folder keeps none; sidecars do."""
        return {}

    def public_keys(self, region: str, since: datetime, until: datetime) -> None:  # noqa: ARG002 - the protocol's
        """Nobody is asked."""
        return


class Bucket:
    """A bucket, or what lies below a prefix of it, as it is now.

    Args:
        door: May list, head and get the objects, and call ListPublicKeys (which any account may).
        bucket: Its name.
        prefix: A folder in it; empty for the whole bucket.
        workers: How many requests at once.
    """

    def __init__(self, door: Door, bucket: str, prefix: str = "", *, workers: int = WORKERS) -> None:
        self.door = door
        self.workers = workers
        self.bucket = bucket
        self.prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self.base = self.prefix.rstrip("/")

    def paths(self) -> Iterator[str]:
        """Every object below the prefix; raises what the door raises."""
        for page in self.door.pages("s3.ListObjectsV2", Bucket=self.bucket, Prefix=self.prefix):
            for item in page.get("Contents", []):
                if not item["Key"].endswith("/"):
                    yield item["Key"][len(self.prefix) :]

    def open(self, path: str) -> Iterator[bytes]:
        """The object's bytes."""
        try:
            yield from self.door.stream("s3.GetObject", Bucket=self.bucket, Key=self.prefix + path)
        except PROBLEMS as problem:
            raise Unavailable(f"cannot be read: {problem.cause}") from problem

    def metadata(self, path: str) -> Mapping[str, str]:
        """The object's user metadata; empty where it cannot be had."""
        try:
            answer = self.door.call("s3.HeadObject", Bucket=self.bucket, Key=self.prefix + path)
        except PROBLEMS:
            return {}
        return dict(answer.get("Metadata", {}))

    def public_keys(self, region: str, since: datetime, until: datetime) -> list[dict[str, Any]] | None:
        """The answer of ListPublicKeys, all pages."""
        found: list[dict[str, Any]] = []
        try:
            for page in self.door.pages("cloudtrail.ListPublicKeys", region=region, StartTime=since, EndTime=until):
                found.extend(page.get("PublicKeyList", []))
        except PROBLEMS:
            return None
        return found or None


def window_time(text: str, option: str) -> datetime:
    """A moment that a person gave: a date, or a date and a time, in UTC unless it says otherwise.

    Raises:
        ConfigError: it is none.
    """
    when = instant(text)
    if when is None:
        raise ConfigError(f"{option} {text!r} is no moment.", "Write it like 2026-03-01 or 2026-03-01T14:00:00Z.")
    return when
