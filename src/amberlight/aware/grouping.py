"""Who belongs together: hits of one owner that are close in time, joined across principals that made or met each other."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from amberlight.aware.hits import Hit
from amberlight.aware.links import Links
from amberlight.aware.memory import Memory, network

GAP = timedelta(hours=12)
LONGEST = timedelta(hours=48)
"""What goes on for longer is cut, so that something new by a busy principal is judged as new."""
MADE_WITHIN = timedelta(hours=48)
SAME_ADDRESS = timedelta(hours=1)
MANY_AT_ADDRESS = 4
"""More principals than this at one address make it an office or a gateway, which says nothing."""
WORTH_LINKING = 15.0


class Group:
    """Hits of one owner that are close in time."""

    def __init__(self, owner: str, hits: list[Hit]) -> None:
        self.owners = {owner}
        self.hits = hits

    @property
    def first(self) -> datetime:
        """Time of the first event."""
        return min(hit.when for hit in self.hits)

    @property
    def last(self) -> datetime:
        """Time of the last event."""
        return max(hit.last for hit in self.hits)

    @property
    def principals(self) -> set[str]:
        """Who did it, and on whose behalf."""
        return self.owners | {hit.principal for hit in self.hits}

    def near(self, other: Group, gap: timedelta) -> bool:
        """Whether no more than `gap` lies between the two."""
        return self.first - gap <= other.last and other.first - gap <= self.last


def by_owner(hits: Sequence[Hit], links: Links) -> list[Group]:
    """Hits of each owner, cut where nothing happened for long."""
    rows: dict[str, list[Hit]] = {}
    for hit in hits:
        rows.setdefault(links.owner(hit.principal, hit.key), []).append(hit)
    groups: list[Group] = []
    for owner, found in rows.items():
        run: list[Hit] = []
        for hit in sorted(found, key=lambda one: one.when):
            if run and (hit.when - max(one.last for one in run[-20:]) > GAP or hit.when - run[0].when > LONGEST):
                groups.append(Group(owner, run))
                run = []
            run.append(hit)
        groups.append(Group(owner, run))
    return groups


def joined(groups: list[Group], links: Links, memory: Memory) -> list[Group]:
    """Groups whose principals are linked become one."""
    parent = list(range(len(groups)))
    for one, other in (*related(groups, links), *neighbours(groups, memory)):
        unite(parent, one, other)
    merged: dict[int, Group] = {}
    for number, group in enumerate(groups):
        root = find(parent, number)
        if root not in merged:
            merged[root] = group
        else:
            merged[root].hits = merged[root].hits + group.hits
            merged[root].owners |= group.owners
    return list(merged.values())


def related(groups: list[Group], links: Links) -> Iterable[tuple[int, int]]:
    """Pairs of groups of which one's principal made the other's, not long before."""
    owned: dict[str, list[int]] = {}
    for number, group in enumerate(groups):
        for owner in group.owners:
            owned.setdefault(owner, []).append(number)
    for (maker, key, made), when in links.made.items():
        pairs = itertools.product(owned.get(links.owner(maker, key), ()), owned.get(made, ()))
        for one, other in pairs:
            soon = when - GAP <= groups[other].first <= when + MADE_WITHIN
            if soon and groups[one].near(groups[other], GAP):
                yield one, other


def neighbours(groups: list[Group], memory: Memory) -> Iterable[tuple[int, int]]:
    """Pairs of groups that share an outside address within an hour, where few share it."""
    at: dict[str, list[int]] = {}
    for number, group in enumerate(groups):
        if max(hit.points for hit in group.hits) >= WORTH_LINKING:
            for address in {a for hit in group.hits for a in hit.addresses if network(a)}:
                at.setdefault(address, []).append(number)
    shared = {address: numbers for address, numbers in at.items() if len(numbers) > 1}
    for address, numbers in sorted(shared.items()):
        if memory.crowd(address) <= MANY_AT_ADDRESS:
            near = itertools.pairwise(sorted(numbers, key=lambda number: groups[number].first))
            yield from (pair for pair in near if groups[pair[0]].near(groups[pair[1]], SAME_ADDRESS))


def find(parent: list[int], one: int) -> int:
    """The root of a group."""
    while parent[one] != one:
        parent[one] = parent[parent[one]]
        one = parent[one]
    return one


def unite(parent: list[int], one: int, other: int) -> None:
    """Join two groups; the earlier number stays."""
    first, second = sorted((find(parent, one), find(parent, other)))
    parent[second] = first
