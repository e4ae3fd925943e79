"""Matches with who and when, counted by different items in a time box, never by volume."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from operator import itemgetter
from sys import intern
from typing import Any

import msgspec
from msgspec.structs import replace

from amberlight.aware.memory import Activity, scope
from amberlight.aware.rule import Match, Rule
from amberlight.model.signals import Signal
from amberlight.trail import Event
from amberlight.trail.identity import Actor

BOX = timedelta(hours=1)
MOST_ITEMS = 5000
CUT_AT = 7500
"""Cut back to the most only now and then, since a cut sorts."""
BY_HOUR = itemgetter(1, 0)
MOST_SHOWN = 200
SHORT = 160


class Hit(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A match of a rule: who, from where, when, with which key."""

    rule: Rule
    principal: str
    key: str
    when: datetime
    last: datetime
    points: float
    reason: str
    items: tuple[str, ...]
    resources: tuple[str, ...]
    event_ids: tuple[str, ...]
    addresses: tuple[str, ...]
    account: str
    region: str
    accounts: tuple[str, ...]
    regions: tuple[str, ...]
    lone: bool
    by_service: bool = False
    guarded: bool = False
    count: int = 1

    @classmethod
    def of(cls, rule: Rule, match: Match, event: Event, who: Actor, *, by_service: bool) -> Hit:
        """The hit of a rule on an event; `guarded` is a console session with a second factor."""
        # Texts that come again and again are kept once: each event brings copies of its own, and hits outlive events.
        region = intern(event.region or "")
        identity = event.identity
        account = intern(event.recipient or who.account)
        own = (event.id,)
        return cls(
            rule=rule,
            principal=who.principal,
            key=intern(event.access_key),
            when=event.when,
            last=event.when,
            points=rule.points if match.points is None else match.points,
            reason=intern(match.reason),
            items=match.items or own,
            resources=tuple([f"{name}@{region}" for name in match.resources]) if match.resources else (),
            event_ids=match.event_ids or own,
            addresses=(intern(event.address),) if event.address else (),
            account=account,
            region=region,
            accounts=(account,) if account else (),
            regions=(region,) if region else (),
            lone=rule.may_page_alone and match.lone,
            by_service=by_service,
            guarded=event.console and identity is not None and identity.mfa,
        )

    @classmethod
    def over(cls, rule: Rule, match: Match, activity: Activity) -> Hit:
        """The hit of a rule on a principal's activity."""
        times = [when for use in activity.uses.values() for i, when in use.ids.items() if i in match.event_ids]
        spans = [s for s in (*activity.calls.values(), *activity.denied.values()) if s.id in match.event_ids]
        times += [s.first for s in spans]
        times += [use.span.first for use in activity.uses.values() if use.span.id in match.event_ids]
        uses = [(k, a) for (k, a, _), use in activity.uses.items() if touches(use.ids, use.span.id, match.event_ids)]
        return cls(
            rule=rule,
            principal=activity.principal,
            key=uses[0][0] if uses else "",
            when=min(times, default=activity.span.first),
            last=max(times, default=activity.span.last),
            points=rule.points if match.points is None else match.points,
            reason=match.reason,
            items=match.items,
            resources=tuple(f"{name}@" for name in match.resources),
            event_ids=match.event_ids[:MOST_SHOWN],
            addresses=tuple(sorted({a for _, a in uses if a})),
            account=activity.account,
            region="",
            accounts=tuple(sorted(activity.accounts)),
            regions=(),
            lone=rule.may_page_alone and match.lone,
        )

    @property
    def signal_id(self) -> str:
        """The same for the same finding, whenever and by whom it is computed."""
        text = "\n".join((self.rule.id, self.principal, self.event_ids[0] if self.event_ids else self.reason))
        return f"sig-{hashlib.sha256(text.encode()).hexdigest()[:16]}"

    def signal(self) -> Signal:
        """The hit as a signal."""
        return Signal(
            id=self.signal_id,
            source=f"rules.{self.rule.id}",
            title=self.rule.title,
            when=self.when,
            principals=(self.principal,),
            addresses=self.addresses,
            resources=self.resources,
            account=self.account,
            region=self.region,
            points=self.points,
            techniques=self.rule.techniques,
            reason=self.reason,
            event_ids=self.event_ids,
        )


def touches(ids: dict[str, datetime], first: str, wanted: tuple[str, ...]) -> bool:
    """Whether some of the wanted events are of this use."""
    return first in wanted or any(one in ids for one in wanted)


Rows = dict[tuple[str, int], Hit]
"""The earliest hit of each item and hour."""


class Hits:
    """Hits by rule, principal and key; each item once an hour.

    Bounded: beyond 5000 items of one rule, principal and key the latest stay, whatever the order in which they came and
    however the work was split.
    """

    def __init__(self) -> None:
        self.table: dict[tuple[str, str, str, str], Rows] = {}
        self.dropped = 0
        self.known: set[str] = set()

    def add(self, hit: Hit) -> list[Signal]:
        """Count a hit; gives a signal when it completes a match that was not known in this hour."""
        rows = self.count(hit)
        return self.fresh(hit, rows) if rows else []

    def wants(self, rule: Rule, match: Match, event: Event, who: Actor) -> bool:
        """Whether a match adds anything; most of those in bulk repeat an item, and need no hit to be made of them."""
        if not match.items:
            return True
        place = who.principal
        if not place.startswith("arn:"):
            place = scope(place, event.recipient or who.account)
        rows = self.table.get((rule.id, rule.revision, place, event.access_key))
        if rows is None:
            return True
        hour, mine = hour_of(event.when), (event.when, match.event_ids or (event.id,))
        for item in match.items:
            old = rows.get((item, hour))
            if old is None or mine <= (old.when, old.event_ids):
                return True
        return False

    def count(self, hit: Hit) -> Rows:
        """Count a hit; gives its rows where one of its items is new, else nothing."""
        name = (hit.rule.id, hit.rule.revision, scope(hit.principal, hit.account), hit.key)
        rows = self.table.setdefault(name, {})
        hour = hour_of(hit.when)
        new = False
        for item in hit.items:
            old = rows.get((item, hour))
            if old is None or before(hit, old):
                rows[item, hour] = hit
                new = new or old is None
        if len(rows) > CUT_AT:
            self.cut(rows)
        return rows if new else {}

    def cut(self, rows: Rows) -> None:
        """Leave the latest items, by hour and then by name: an order that does not depend on who came first."""
        for gone in sorted(rows, key=BY_HOUR)[:-MOST_ITEMS]:
            del rows[gone]
            self.dropped += 1

    def fresh(self, hit: Hit, rows: Rows) -> list[Signal]:
        """The signal of a match that became full just now."""
        if hit.rule.at_least > 1:
            near = {item for (item, _), old in rows.items() if abs(old.when - hit.when) <= hit.rule.within}
            if len(near) != hit.rule.at_least:
                return []
        signal = hit.signal()
        if signal.id in self.known:
            return []
        self.known.add(signal.id)
        return [signal]

    def full(self) -> list[Hit]:
        """All matches that are full (or count below fullness), each box of time as one hit."""
        for rows in self.table.values():
            if len(rows) > MOST_ITEMS:
                self.cut(rows)
        return [hit for rows in self.table.values() for hit in boxed(rows)]

    def merge(self, other: Hits) -> None:
        """Take in another state."""
        for name, rows in other.table.items():
            mine = self.table.setdefault(name, {})
            for key, hit in rows.items():
                old = mine.get(key)
                if old is None or before(hit, old):
                    mine[key] = hit
            if len(mine) > CUT_AT:
                self.cut(mine)
        self.known |= other.known
        self.dropped += other.dropped


def before(hit: Hit, old: Hit) -> bool:
    """Whether a hit stands for its item instead of the old one: the earlier, and of two of one time always the same one."""
    if hit.when != old.when:
        return hit.when < old.when
    return rank(hit) < rank(old)


def rank(hit: Hit) -> tuple[Any, ...]:
    """Order of hits of one moment, by all that can differ."""
    return (hit.event_ids, -hit.points, hit.reason, hit.resources, hit.addresses, hit.accounts, hit.regions,
            hit.lone, hit.by_service, hit.guarded)  # fmt: skip


def hour_of(when: datetime) -> int:
    """The hour, counted from 1970."""
    return int(when.timestamp()) // 3600


def boxed(rows: Rows) -> Iterator[Hit]:
    """Hits of one rule, principal and key: runs in which no gap is longer than the box are one."""
    found = sorted(((hit.when, item, hit) for (item, _), hit in rows.items()), key=lambda one: (one[0], one[1]))
    run: list[tuple[datetime, str, Hit]] = []
    for one in found:
        if run and one[0] - run[-1][0] > max(BOX, one[2].rule.within):
            yield from joined(run)
            run = []
        run.append(one)
    if run:
        yield from joined(run)


def joined(run: list[tuple[datetime, str, Hit]]) -> Iterator[Hit]:
    """One hit for a run; fewer different items than the rule wants give its lower points, or nothing."""
    rule = run[0][2].rule
    most = densest(run, rule.within) if rule.at_least > 1 else rule.at_least
    best = max((hit for _, _, hit in run), key=lambda hit: (hit.points, hit.lone, -hit.when.timestamp()))
    points, lone = best.points, best.lone
    if most < rule.at_least:
        points, lone = rule.below, False
    if points <= 0:
        return
    different = len({item for _, item, _ in run})
    yield replace(
        best,
        when=run[0][0],
        last=run[-1][0],
        points=points,
        lone=lone,
        reason=best.reason if rule.at_least == 1 else f"{best.reason} ({different} different within the time box)",
        resources=tuple(sorted({r for _, _, hit in run for r in hit.resources})),
        event_ids=tuple(dict.fromkeys(i for _, _, hit in run for i in hit.event_ids))[:MOST_SHOWN],
        addresses=tuple(sorted({a for _, _, hit in run for a in hit.addresses})),
        accounts=tuple(sorted({a for _, _, hit in run for a in hit.accounts})),
        regions=tuple(sorted({r for _, _, hit in run for r in hit.regions})),
        guarded=all(hit.guarded for _, _, hit in run),
        count=different,
    )


def densest(run: list[tuple[datetime, str, Hit]], within: timedelta) -> int:
    """The most different items in any window of that length."""
    best, start = 0, 0
    counts: dict[str, int] = {}
    for when, item, _ in run:
        counts[item] = counts.get(item, 0) + 1
        while when - run[start][0] > within:
            gone = run[start][1]
            counts[gone] -= 1
            if not counts[gone]:
                del counts[gone]
            start += 1
        best = max(best, len(counts))
    return best
