"""Log files put against the digests that list them, and log files that no digest lists."""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from amberlight.model.trail_proof import FileCounts, State
from amberlight.trail.prove.content import Damaged, Unavailable, sha256_of
from amberlight.trail.prove.copy import Copy
from amberlight.trail.prove.digests import Digest, Listed, listed
from amberlight.trail.prove.hours import Hours
from amberlight.trail.prove.layout import HOUR, Chain, Place

DAY = timedelta(days=1)
LATE = timedelta(minutes=15)
"""A log file's name has its time to the minute, and one delivered at the end of an hour may stand in the next digest."""
NOT_LISTED = "log file that stands in no digest"


@dataclass
class Logs:
    """The state of every log file, by its path; hashes are made once.

    `listed` has those that some digest worth believing lists, in or outside the window.
    """

    copy: Copy
    hours: Hours
    valid: set[str] = field(default_factory=set)
    altered: set[str] = field(default_factory=set)
    unsigned: set[str] = field(default_factory=set)
    missing: set[tuple[str, str]] = field(default_factory=set)
    listed: set[str] = field(default_factory=set)
    _hashes: dict[str, str] = field(default_factory=dict)

    def compare(self, digest: Digest, *, asked: bool) -> None:
        """Every log file that a digest lists; one outside the window is only noted as listed."""
        try:
            for entry in listed(self.copy, digest):
                self._entry(digest, entry, asked=asked)
        except (Damaged, Unavailable) as problem:
            digest.mark("altered", f"digest: {problem}")

    def _entry(self, digest: Digest, entry: Listed, *, asked: bool) -> None:
        found = self.copy.select(entry.s3_bucket, entry.s3_object)
        if not digest.signed and digest.state == "altered":
            self.unsigned.update(found if asked else ())  # what a forged digest says of a log file is worth nothing
            return
        self.listed.update(found)
        if not asked:
            return
        if not found:
            self._lost(digest, entry, "is not there")
        for path in found:
            self._one(digest, entry, path)

    def _one(self, digest: Digest, entry: Listed, path: str) -> None:
        try:
            made = self._hashes.get(path) or sha256_of(self.copy.source.open(path), self.copy.limits)
        except Unavailable as problem:
            self._lost(digest, entry, str(problem))
            return
        except Damaged as problem:
            self._changed(digest, path, str(problem))
            return
        self._hashes[path] = made
        if entry.hash_algorithm != "SHA-256" or made != entry.hash_value:
            self._changed(digest, path, "is not what its digest lists")
        else:
            (self.valid if digest.signed else self.unsigned).add(path)

    def _changed(self, digest: Digest, path: str, reason: str) -> None:
        self.altered.add(path)
        self.hours.log(digest, "altered", path, f"log file {reason}")

    def _lost(self, digest: Digest, entry: Listed, reason: str) -> None:
        self.missing.add((entry.s3_bucket, entry.s3_object))
        self.hours.log(digest, "missing", entry.s3_object, f"log file {reason}")

    def counts(self) -> FileCounts:
        """Each file once, by its worst state."""
        return FileCounts(
            valid=len(self.valid - self.altered),
            altered=len(self.altered),
            missing=len(self.missing),
            unsigned=len(self.unsigned - self.altered - self.valid),
        )

    def unlisted(self, digests: Iterable[Digest]) -> None:
        """Log files of the window that no digest lists: each is named, and the hour that should prove it."""
        spans = _Spans(digests)
        for path, where in sorted(self.copy.logs.items()):
            if path in self.listed or path in self.unsigned or not self._asked(where):
                continue
            self.unsigned.add(path)
            if where.stamp is None:
                self.hours.general("unsigned", path, NOT_LISTED)
            else:
                self._nowhere(path, where, where.stamp, spans)

    def _asked(self, where: Place) -> bool:
        if where.stamp is not None:
            return self.hours.asked(where.stamp, where.stamp)
        return where.day is None or self.hours.asked(where.day, where.day + DAY)

    def _nowhere(self, path: str, where: Place, when: datetime, spans: _Spans) -> None:
        span, chain = spans.around(where.chain, when), where.chain
        if span is None:
            span = _Span(when, "absent", "log file without any digest of its account and Region")
        for start in span.starts(when):
            self.hours.due(chain, start, span.state, path, span.reason)
        self.hours.finding(chain, start, "unsigned", path, span.reason)


@dataclass(frozen=True)
class _Span:
    """Where the digest that should list a log file starts, and what its not being listed makes of that hour."""

    start: datetime
    state: State = "absent"
    reason: str = "log file whose digest is not there"

    def starts(self, when: datetime) -> Iterator[datetime]:
        """From this start to the one that should prove the moment; at least one, at most 1,000."""
        here = self.start
        for _ in range(1000 if self.state == "absent" else 1):
            yield here
            here += HOUR
            if here > when:
                return


class _Spans:
    """The time that digests cover, by account and Region."""

    def __init__(self, digests: Iterable[Digest]) -> None:
        self._spans: dict[tuple[str, str], list[tuple[datetime, datetime]]] = defaultdict(list)
        for one in digests:
            if not one.chain.backfill:
                self._spans[one.chain.account, one.chain.region].append((one.start, one.end))
        for spans in self._spans.values():
            spans.sort()

    def around(self, chain: Chain, when: datetime) -> _Span | None:
        """The digest whose time a moment falls in, or where one should be; None without any digest."""
        spans = self._spans.get((chain.account, chain.region))
        if not spans:
            return None
        last = max(end for _, end in spans[-50:])
        if when >= last - LATE:
            return _Span(last)
        number = bisect.bisect_right(spans, when, key=lambda span: span[0]) - 1
        if number < 0:
            return _Span(spans[0][0] + HOUR * ((when - spans[0][0]) // HOUR))
        start, end = spans[number]
        if when < end:
            return _Span(start, "unsigned", NOT_LISTED)
        return _Span(end + HOUR * ((when - end) // HOUR), "gap", NOT_LISTED)
