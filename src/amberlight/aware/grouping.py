"""Who belongs together: hits of one owner that are close in time, joined across principals that made or met each other."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from amberlight.aware.hits import Hit
from amberlight.aware.links import Links
from amberlight.aware.memory import Activity, Memory, network, scope

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
        self.begun = (self.first, scope(owner, hits[0].account))
        """When and by whom it was begun; of groups that become one, the earliest."""

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

    @property
    def accounts(self) -> set[str]:
        """Where it happened."""
        return {account for hit in self.hits for account in hit.accounts}

    def activities(self, memory: Memory) -> list[Activity]:
        """What is known of its principals, in the accounts where it happened."""
        places = {scope(one, account) for one in self.principals for account in (self.accounts or {""})}
        return [memory.activities[one] for one in sorted(places) if one in memory.activities]

    def near(self, other: Group, gap: timedelta) -> bool:
        """Whether no more than `gap` lies between the two."""
        return self.first - gap <= other.last and other.first - gap <= self.last


def by_owner(hits: Sequence[Hit], links: Links) -> list[Group]:
    """Hits of each owner, cut where nothing happened for long."""
    rows: dict[tuple[str, str], list[Hit]] = {}
    for hit in hits:
        owner = links.owner(hit.principal, hit.key)
        # A name that is the same in every account is somebody else in each.
        rows.setdefault((owner, scope(owner, hit.account)), []).append(hit)
    groups: list[Group] = []
    for (owner, _), found in rows.items():
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
            merged[root].begun = min(merged[root].begun, group.begun)
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
