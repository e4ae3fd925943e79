"""Paths to events: folders are walked, small files decoded at once, the rest as a stream; what failed is named."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from amberlight.trail.event import Event
from amberlight.trail.opening import MAGIC, Limits, Unreadable, pieces
from amberlight.trail.shapes import NO_JSON, Malformed, events
from amberlight.trail.splitting import values

ENDINGS = (".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz", ".ndjson.gz")
AT_ONCE = 16 << 20
BLANK = b"\xef\xbb\xbf \t\r\n"
STREAMED = 500
NO_RECORDS = "holds no CloudTrail records"


class File(msgspec.Struct, frozen=True, gc=False):
    """A delivery file."""

    Records: list[Event]


FILE = msgspec.json.Decoder(File)
LINES = msgspec.json.Decoder(Event)


def read(paths: Iterable[Path | str], limits: Limits | None = None) -> Reading:
    """Events of files and folders, in the order of the paths; folders are walked in the order of names."""
    return Reading([Path(path) for path in paths], limits or Limits())


class Reading:
    """Iterates over events; the counts are complete once the iteration is.

    Attributes:
        files: Files that were read, wholly or in part.
        count: Events that were read.
        other: JSON values that are no CloudTrail records, in files that hold some.
        skipped: Files of a walked folder that are neither JSON nor gzip, or that AWS puts beside its logs.
        unreadable: (path, problem), one for each file that could not be read, wholly or in part.
    """

    def __init__(self, paths: list[Path], limits: Limits) -> None:
        self.paths = paths
        self.limits = limits
        self.files = 0
        self.count = 0
        self.other = 0
        self.skipped: list[str] = []
        self.unreadable: list[tuple[str, str]] = []

    def __iter__(self) -> Iterator[Event]:
        for batch in self.batches():
            yield from batch

    def batches(self) -> Iterator[list[Event]]:
        """Events in lists, one for a small file: the fast way."""
        for path in self.walk():
            yield from self.file(path)

    def walk(self) -> Iterator[Path]:
        """Every file to read."""
        for path in self.paths:
            if not path.is_dir():
                yield path
                continue
            for found in self.below(str(path)):
                if found.endswith(ENDINGS) or looks_like_json(Path(found)):
                    yield Path(found)
                else:
                    self.skipped.append(found)

    def below(self, folder: str) -> Iterator[str]:
        """Files below a folder, in the order of names; links to folders are not followed, since they may go in circles."""
        try:
            entries = sorted(os.scandir(folder), key=lambda one: one.name)
        except OSError as problem:
            self.unreadable.append((folder, f"cannot be opened: {problem.strerror or problem}"))
            return
        for entry in entries:
            if not entry.is_dir():
                yield entry.path
            elif not entry.is_symlink():
                yield from self.below(entry.path)

    def file(self, path: Path) -> Iterator[list[Event]]:
        """Events of one file; problems are noted, not raised."""
        tally = Tally()
        try:
            for batch in content(path, self.limits, tally):
                self.count += len(batch)
                yield batch
        except Unreadable as problem:
            tally.add(str(problem))
        self.files += 1
        self.note(path, tally)

    def note(self, path: Path, tally: Tally) -> None:
        """Name what was wrong with a file."""
        if tally.beside:
            self.skipped.append(str(path))
        elif not tally.count and (tally.empty or tally.barren):
            tally.add("is empty" if tally.empty else NO_RECORDS)
        self.other += tally.others
        if tally.count:
            more = f" (and {tally.count - 1} more problems in this file)" if tally.count > 1 else ""
            self.unreadable.append((str(path), tally.problem + more))


class Tally:
    """What was met in one file besides events."""

    def __init__(self) -> None:
        self.problem = ""
        self.count = 0
        self.others = 0
        self.beside = False
        self.empty = False
        self.barren = False

    def add(self, problem: str) -> None:
        """Keep the first problem, and count the others."""
        self.problem = self.problem or problem
        self.count += 1


def content(path: Path, limits: Limits, tally: Tally) -> Iterator[list[Event]]:
    """Events of one file, at once where it is small and well formed."""
    stream = pieces(path, limits)
    head, broken = start(stream)
    if broken is None and not head:
        tally.empty = True
        return
    if head.lstrip(BLANK)[:1] not in (b"{", b"["):
        raise broken or Unreadable("is not JSON")
    whole = broken is None and len(head) <= AT_ONCE
    batch = at_once(head) if whole else None
    if batch is not None:
        yield batch
        return
    if whole and beside(head):
        tally.beside = True
        return
    yield from streamed(itertools.chain([head], stream if broken is None else []), limits, tally, broken)


def start(stream: Iterator[bytes]) -> tuple[bytes, Unreadable | None]:
    """The first 16 MiB, and the problem that ended them early."""
    parts: list[bytes] = []
    size = 0
    try:
        for piece in stream:
            parts.append(piece)
            size += len(piece)
            if size > AT_ONCE:
                break
    except Unreadable as problem:
        return b"".join(parts), problem
    return b"".join(parts), None


def at_once(data: bytes) -> list[Event] | None:
    """All events of a delivery file or of plain lines; None where it is anything else, or damaged."""
    try:
        if data[:64].lstrip()[:1] == b"{" and b'"Records"' in data[:64]:
            found = FILE.decode(data).Records
        else:
            found = LINES.decode_lines(data)
    except NO_JSON:
        return None
    # Records without an id go the slow way, which derives one from the bytes.
    return found if all(event.id for event in found) else None


def streamed(stream: Iterable[bytes], limits: Limits, tally: Tally, broken: Unreadable | None) -> Iterator[list[Event]]:
    """Events value by value; each value that cannot be read is noted with its number."""
    batch: list[Event] = []
    tally.barren = True
    try:
        for number, value in enumerate(values(iter(stream), limits.value_bytes), 1):
            take(value, number, batch, tally)
            if len(batch) >= STREAMED:
                yield batch
                batch = []
    except Unreadable as problem:
        tally.add(str(broken or problem))
        broken = None
    if batch:
        yield batch
    if broken is not None:
        raise broken


def take(value: bytes, number: int, batch: list[Event], tally: Tally) -> None:
    """The events of one value."""
    try:
        found = events(value)
    except Malformed as problem:
        tally.add(f"record {number}: {problem}")
        return
    batch.extend(found)
    tally.barren = tally.barren and not found
    tally.others += not found


def beside(data: bytes) -> bool:
    """Whether this is what lies beside logs: a digest file, or a sidecar with an object's metadata."""
    try:
        found = msgspec.json.decode(data)
    except NO_JSON:
        return False
    return isinstance(found, dict) and ("digestStartTime" in found or {"Bucket", "Key", "VersionId"} <= set(found))


def looks_like_json(path: Path) -> bool:
    """Whether a file without a known ending begins as gzip or JSON does."""
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError:
        return True  # so that it is tried, and named
    return head[:2] == MAGIC or head.lstrip(BLANK)[:1] in (b"{", b"[")
