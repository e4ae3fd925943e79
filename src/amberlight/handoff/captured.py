"""Captured API-call records as they lie in a package: delivery files of a trail, and event history.

References:
    "CloudTrail log file examples" ({"Records": [...]}, gzip) and LookupEvents (items with `CloudTrailEvent`), 2026-11.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FILE_BYTES_MAX = 256 << 20
"""A delivery file is some tens of MiB at most when unpacked; more is a bomb, or something else."""
LINE_BYTES_MAX = 4 << 20


@dataclass(frozen=True, kw_only=True)
class Captured:
    """One record: the event, the item of LookupEvents around it if there was one, and where it lies in the package."""

    event: dict[str, Any]
    evidence_ref: str
    item: dict[str, Any] = field(default_factory=dict)

    @property
    def when(self) -> datetime | None:
        """The event's time, aware, UTC; None if it has none that can be read."""
        try:
            when = datetime.fromisoformat(self.text("eventTime"))
        except ValueError:
            return None
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)

    def text(self, *names: str) -> str:
        """A text inside the event by the names on the way to it; empty where there is none."""
        value: Any = self.event
        for name in names:
            value = value.get(name) if isinstance(value, dict) else None
        return value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)


@dataclass
class Reading:
    """What was read of one file, and what could not be."""

    records: int = 0
    problems: list[str] = field(default_factory=list)


def is_trail_file(path: str) -> bool:
    """Whether a file's name is that of a delivery file; digests are no records."""
    return path.endswith(".json.gz") and "/CloudTrail-Digest/" not in path


def read(place: Path, ref: str, reading: Reading) -> Iterator[Captured]:
    """The records of a file, if it holds any; what cannot be read is noted.

    Args:
        place: The file on disk.
        ref: Its path in the package.
        reading: Counts and problems, kept up as the records pass.
    """
    if is_trail_file(ref):
        yield from _delivered(place, ref, reading)
    elif ref.endswith(".jsonl"):
        yield from _history(place, ref, reading)


def _delivered(place: Path, ref: str, reading: Reading) -> Iterator[Captured]:
    try:
        with gzip.open(place) as file:
            data = file.read(FILE_BYTES_MAX + 1)
        if len(data) > FILE_BYTES_MAX:
            reading.problems.append(f"{ref}: unpacks to more than {FILE_BYTES_MAX >> 20} MiB")
            return
        body = json.loads(data)
    except (OSError, EOFError, zlib.error, ValueError, RecursionError) as problem:
        reading.problems.append(f"{ref}: {type(problem).__name__}: {problem}")
        return
    records = body.get("Records") if isinstance(body, dict) else None
    if not isinstance(records, list):
        return  # gzip JSON of another kind: no API-call records, and nothing to complain of
    for index, event in enumerate(records):
        reading.records += 1
        if isinstance(event, dict):
            yield Captured(event=event, evidence_ref=f"{ref}#record={index}")
        else:
            reading.problems.append(f"{ref}#record={index}: is no record")


def _history(place: Path, ref: str, reading: Reading) -> Iterator[Captured]:
    with place.open("rb") as file:
        number = 0
        while line := file.readline(LINE_BYTES_MAX + 1):
            number += 1
            item = _json(line)
            if number == 1 and not (isinstance(item, dict) and "CloudTrailEvent" in item):
                return  # JSON lines of another kind
            event = _json(item.get("CloudTrailEvent", "")) if isinstance(item, dict) else None
            reading.records += 1
            if isinstance(item, dict) and isinstance(event, dict):
                yield Captured(event=event, item=item, evidence_ref=f"{ref}#line={number}")
            else:
                reading.problems.append(f"{ref}#line={number}: is no item of LookupEvents")


def _json(text: bytes | str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return None
