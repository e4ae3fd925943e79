"""Log files put against the digests that list them, and log files that no digest lists."""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from amberlight.model.trail_proof import FileCounts, State
from amberlight.trail.prove.ahead import ahead
from amberlight.trail.prove.content import Damaged, Unavailable, sha256_of
from amberlight.trail.prove.copy import Copy
from amberlight.trail.prove.digests import Digest, Listed, listed
from amberlight.trail.prove.hours import Hours
from amberlight.trail.prove.layout import HOUR, Chain, Place, place
from amberlight.trail.prove.listings import Listings

DAY = timedelta(days=1)
LATE = timedelta(minutes=15)
"""A log file's name has its time to the minute, and one delivered at the end of an hour may stand in the next digest."""
LISTS = 4
"""Lists of log files that are held at once and again as many that are ready: each may be large."""
NOT_LISTED = "log file that stands in no digest"


class _Work(NamedTuple):
    """A log file that a digest lists: its path, empty where it is not there; or, without an entry, the digest's end."""

    digest: Digest
    entry: Listed | None = None
    path: str = ""


@dataclass
class Logs:
    """The state of every log file, by its path; hashes are made once.

    `listed` has those that some digest worth believing lists, in or outside the window; `earlier` counts those that lie
    before the days that a capture looked at; `pending` has those whose digest was not due when it looked.
    """

    copy: Copy
    hours: Hours
    valid: set[str] = field(default_factory=set)
    altered: set[str] = field(default_factory=set)
    unsigned: set[str] = field(default_factory=set)
    missing: set[tuple[str, str]] = field(default_factory=set)
    listed: set[str] = field(default_factory=set)
    earlier: int = 0
    pending: set[str] = field(default_factory=set)
    listings: Listings = field(default_factory=Listings)
    _hashes: dict[str, str] = field(default_factory=dict)

    def compare(self, digests: Iterable[tuple[Digest, bool]]) -> Iterator[Digest]:
        """Every log file that the digests list; each digest comes back when its own are done.

        Args:
            digests: With each whether it is asked for; the log files of others are only noted as listed.
        """
        workers = self.copy.source.workers
        for work, made in ahead(self._made, self._work(digests, min(workers, LISTS)), workers):
            if work.path:
                self._one(work, made)
            elif work.entry:
                self._lost(work.digest, work.entry, "is not there")
            else:
                yield work.digest

    def _work(self, digests: Iterable[tuple[Digest, bool]], workers: int) -> Iterator[_Work]:
        """All log files to look at, digest by digest; a digest's end is work without an entry."""
        for digest, asked, entries in ahead(self._entries, digests, workers):
            if isinstance(entries, str):
                digest.mark("altered", f"digest: {entries}")
            else:
                for entry in entries:
                    yield from self._entry(digest, entry, asked=asked)
            yield _Work(digest)

    def _entries(self, item: tuple[Digest, bool]) -> tuple[Digest, bool, Sequence[Listed] | str]:
        digest, asked = item
        try:
            return digest, asked, listed(self.copy, digest) if digest.body else ()
        except (Damaged, Unavailable) as problem:
            return digest, asked, str(problem)

    def _entry(self, digest: Digest, entry: Listed, *, asked: bool) -> Iterator[_Work]:
        found = self.copy.select(entry.s3_bucket, entry.s3_object)
        if not digest.signed and digest.state == "altered":
            self.unsigned.update(found if asked else ())  # what a forged digest says of a log file is worth nothing
            return
        self.listed.update(found)
        if not asked:
            return
        if not found and self._before(entry):
            self.earlier += 1
        elif not found:
            yield _Work(digest, entry)
        for path in found:
            yield _Work(digest, entry, path)

    def _before(self, entry: Listed) -> bool:
        """Whether a log file lies in a day before those that a capture looked at: its first digest names such."""
        where = place(entry.s3_object)
        first = self.listings.first_logs.get((where.chain.account, where.chain.region)) if where else None
        return bool(where and where.day and first and where.day < first)

    def _made(self, work: _Work) -> tuple[_Work, str | Damaged | Unavailable]:
        """The hash of a file, or why there is none."""
        if not work.path or work.path in self._hashes:
            return work, self._hashes.get(work.path, "")
        try:
            return work, sha256_of(self.copy.source.open(work.path), self.copy.limits)
        except (Damaged, Unavailable) as problem:
            return work, problem

    def _one(self, work: _Work, made: str | Damaged | Unavailable) -> None:
        digest, entry, path = work.digest, work.entry, work.path
        if entry is None:
            return
        if isinstance(made, Unavailable):
            self._lost(digest, entry, str(made))
        elif isinstance(made, Damaged):
            self._changed(digest, path, str(made))
        else:
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
            if where.stamp is None:
                self.unsigned.add(path)
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
        *before, last = span.starts(when)
        if span.state == "absent" and self._pending(chain, last, when):
            self.pending.add(path)
            return
        self.unsigned.add(path)
        for start in (*before, last):
            self.hours.due(chain, start, span.state, path, span.reason)
        self.hours.finding(chain, last, "unsigned", path, span.reason)

    def _pending(self, chain: Chain, start: datetime, when: datetime) -> bool:
        return self.hours.until is None and self.listings.pending(chain, start, when)


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
