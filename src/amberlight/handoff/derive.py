"""What is made of the evidence for the receivers' tools, and the count of it: records in are lines out, or named."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from amberlight.handoff import captured
from amberlight.handoff.bag import Bag
from amberlight.handoff.format import Format
from amberlight.handoff.paths import safe_name


class Derived(msgspec.Struct, frozen=True, kw_only=True):
    """One derived file: of how many records it was made, how many lines it has, and what is missing and why.

    `records_in` equals `lines_out` plus the number of `left_out`.
    """

    format: str
    receiver: str
    path: str
    source: str
    sha256: str
    made_from: tuple[str, ...]
    records_in: int
    lines_out: int
    left_out: tuple[str, ...]


def derive(bag: Bag, native: Mapping[str, Iterable[str]], formats: Mapping[str, Format]) -> tuple[Derived, ...]:
    """Add every format's files, one for each source that holds API-call records.

    Args:
        bag: Where the native files are already.
        native: Source id to the paths of its files in the bag.
        formats: What to make.
    """
    made = []
    for source, paths in sorted(native.items()):
        for each in formats.values():
            derived = _derive_one(bag, source, sorted(paths), each)
            if derived is not None:
                made.append(derived)
    return tuple(made)


def _derive_one(bag: Bag, source: str, paths: list[str], form: Format) -> Derived | None:
    lines = _Lines(bag, paths, form)
    first = next(lines.out, None)
    if first is None and not lines.left_out:
        return None
    path = f"data/derived/{form.folder}/{safe_name(source)}.jsonl"
    hashes = bag.add(path, _and_rest(first, lines.out))
    return Derived(
        format=form.id,
        receiver=form.receiver,
        path=path,
        source=source,
        sha256=hashes.sha256,
        made_from=tuple(lines.made_from),
        records_in=lines.lines_out + len(lines.left_out),
        lines_out=lines.lines_out,
        left_out=tuple(lines.left_out),
    )


def _and_rest(first: bytes | None, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first is not None:
        yield first
    yield from rest


class _Lines:
    """The lines of one derived file, counted as they pass."""

    def __init__(self, bag: Bag, paths: list[str], form: Format) -> None:
        self.made_from: list[str] = []
        self.left_out: list[str] = []
        self.lines_out = 0
        self.out = self._all(bag, paths, form)

    def _all(self, bag: Bag, paths: list[str], form: Format) -> Iterator[bytes]:
        for path in paths:
            reading = captured.Reading()
            for each in captured.read(bag.folder / path, path, reading):
                made = form.line(each)
                if made is None:
                    self.left_out.append(f"{each.evidence_ref}: has no time that can be read")
                    continue
                self.lines_out += 1
                yield as_line(made)
            self.left_out.extend(reading.problems)
            if reading.records or reading.problems:
                self.made_from.append(path)


def as_line(made: dict[str, Any]) -> bytes:
    """One JSON object on one line, ASCII, so that no reader splits it at an exotic line end."""
    return json.dumps(made).encode() + b"\n"
