"""Ids of suspicions: the same for the same history in any order, and once shown they stay, whatever arrives late.

An id is made of whose the first act is and of the half day that it falls into; an older event of that half day changes nothing.
What was shown already keeps its id beyond that: a suspicion is known again by any event or signal that it was shown with. Where
two that were shown become one, the id that was given first stays, and the other is named among `earlier_ids`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec.structs import replace

from amberlight.model.signals import Suspicion

HALF_DAY_S = 12 * 3600
"""No longer than the gap that parts two groups of one owner, so that no two of them begin in the same one."""


def name_of(owner: str, first: datetime) -> str:
    """The id of what an owner began at that time."""
    text = f"{owner}\n{int(first.timestamp()) // HALF_DAY_S}"
    return f"sus-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


class Names:
    """Ids that were given, by the events and signals of what they were given to."""

    def __init__(self) -> None:
        self._of: dict[str, str] = {}
        self._given: dict[str, int] = {}
        self._earlier: dict[str, set[str]] = {}

    def kept(self, found: Sequence[Suspicion]) -> tuple[Suspicion, ...]:
        """The suspicions under the ids that they were shown with; what is new keeps its own."""
        known = {number: self._known(one) for number, one in enumerate(found)}
        taken: dict[str, int] = {}
        for number in sorted(known, key=lambda one: (-sum(known[one].values()), one)):
            free = [name for name in known[number] if name not in taken]
            name = min(free, key=self._given.__getitem__) if free else self._fresh(found[number], taken)
            taken[name] = number
        names = {number: name for name, number in taken.items()}
        return tuple(self._give(one, names[number], known[number], taken) for number, one in enumerate(found))

    def merge(self, other: Names) -> None:
        """Take in what another judge gave; what was given here counts first."""
        for name in other._given:
            self._given.setdefault(name, len(self._given))
        self._of = other._of | self._of
        for name, earlier in other._earlier.items():
            self._earlier.setdefault(name, set()).update(earlier)

    def _known(self, one: Suspicion) -> dict[str, int]:
        """Ids that parts of it were shown with, and how many of its parts."""
        found: dict[str, int] = {}
        for part in parts(one):
            name = self._of.get(part)
            if name is not None:
                found[name] = found.get(name, 0) + 1
        return found

    def _fresh(self, one: Suspicion, taken: Iterable[str]) -> str:
        """Its own id, or another where that one already means something else."""
        name = one.id
        while name in taken or name in self._given:
            name = f"sus-{hashlib.sha256(f'{name}{one.event_ids[:1]}'.encode()).hexdigest()[:12]}"
        return name

    def _give(self, one: Suspicion, name: str, known: Iterable[str], taken: Iterable[str]) -> Suspicion:
        self._given.setdefault(name, len(self._given))
        gone = {old for old in known if old != name and old not in taken}
        earlier = self._earlier.setdefault(name, set())
        earlier |= gone | {old for other in gone for old in self._earlier.get(other, ())}
        self._of.update(dict.fromkeys(parts(one), name))
        return replace(one, id=name, earlier_ids=tuple(sorted(earlier)))


def parts(one: Suspicion) -> tuple[str, ...]:
    """What a suspicion is known by."""
    return (*one.event_ids, *one.signals)
