"""Which calls of a step go into which entry of the ledger: each call once, with the first thing that came of it.

So that AWS can bear witness to an entry, it holds AWS's ids of the requests. A source that asks for five hundred pages
need not list all of them: what changes something always stands there, of the rest the first, and how many there were.
"""

from __future__ import annotations

from dataclasses import dataclass

from amberlight._aws.door import Journal
from amberlight.model.evidence import ApiCall, Called, Source

MOST = 100
"""Calls of one entry that only read; a source makes a dozen for an item, as a rule."""


@dataclass(kw_only=True)
class Caller:
    """Reads a step's journal bit by bit; `mutating` are the operations that are listed however many they are."""

    journal: Journal
    mutating: frozenset[str] = frozenset()
    _noted: int = 0

    def since(self) -> Called:
        """What was called since the last time that somebody asked."""
        calls = self.journal.calls()[self._noted :]
        self._noted += len(calls)
        return Called(calls=bounded(calls, self.mutating), calls_made=len(calls))


def bounded(calls: tuple[ApiCall, ...], mutating: frozenset[str]) -> tuple[ApiCall, ...]:
    """All calls that change something and the first `MOST` of the others, in their order."""
    reads = [number for number, call in enumerate(calls) if call.operation not in mutating]
    left_out = set(reads[MOST:])
    return tuple(call for number, call in enumerate(calls) if number not in left_out)


def mutating(source: Source) -> frozenset[str]:
    """The operations of a source that change something."""
    return frozenset(call.operation for call in source.calls if call.mutates)
