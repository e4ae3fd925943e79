"""Hits to suspicions: grouped by who and when, linked across principals, scored, explained.

A group is one principal within a stretch of time. Groups join when one principal made, keyed or assumed the other, or when
they share an outside address within an hour. A session belongs to whoever it was issued to: two users of one role are two.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from amberlight.aware.grouping import SAME_ADDRESS, Group, by_owner, joined
from amberlight.aware.hits import Hit
from amberlight.aware.links import Links
from amberlight.aware.memory import Memory, scope
from amberlight.aware.naming import name_of
from amberlight.aware.scoring import Weighed, capped, ceiling, jewels, reasons, severity, weigh, withheld
from amberlight.aware.suppressing import Suppressions
from amberlight.model.response_plan import AwarePlan
from amberlight.model.signals import Reason, Severity, Signal, Suppressed, Suspicion

NOTICE_WITHIN = timedelta(hours=1)
MOST_IDS = 500
AROUND = timedelta(hours=1)
DETOUR = timedelta(hours=24)
CHANGES = re.compile(r"(Create|Put|Attach|Update|Modify|Delete|Run|Send|Add|Stop|Assume)")


@dataclass(frozen=True)
class Desk:
    """What triage looks at beside the hits."""

    memory: Memory
    aware: AwarePlan
    days: Mapping[tuple[str, str], set[int]]
    suppressions: Suppressions


def suspicions(
    hits: Sequence[Hit],
    links: Links,
    memory: Memory,
    notices: Mapping[str, Signal],
    aware: AwarePlan,
    *,
    suppressions: Suppressions | None = None,
) -> tuple[Suspicion, ...]:
    """All suspicions, by falling score; what was held back is counted in the suppressions."""
    groups = joined(by_owner(hits, links), links, memory)
    placed, alone = place(notices, groups)
    desk = Desk(memory, aware, habits(hits), suppressions or Suppressions())
    found = [suspicion(group, placed.get(id(group), []), desk) for group in groups]
    found += [of_notice(signal, aware) for signal in alone]
    return tuple(sorted(found, key=lambda one: (-one.page, -one.score, one.first, one.id)))


def habits(hits: Sequence[Hit]) -> dict[tuple[str, str], set[int]]:
    """Days (as ordinals) on which each principal set off each rule."""
    days: dict[tuple[str, str], set[int]] = {}
    for hit in hits:
        days.setdefault((hit.rule.id, scope(hit.principal, hit.account)), set()).add(hit.when.toordinal())
    return days


def place(notices: Mapping[str, Signal], groups: list[Group]) -> tuple[dict[int, list[Signal]], list[Signal]]:
    """Signals of other intakes to the strongest group of the same principal or account and time; and those left."""
    placed: dict[int, list[Signal]] = {}
    alone: list[Signal] = []
    for signal in sorted(notices.values(), key=lambda one: (one.when, one.id)):
        fitting = [group for group in groups if fits(signal, group)]
        if not fitting:
            alone.append(signal)
            continue
        best = max(fitting, key=lambda group: (sum(hit.points for hit in group.hits), -group.first.timestamp()))
        placed.setdefault(id(best), []).append(signal)
    return placed, alone


def fits(signal: Signal, group: Group) -> bool:
    """Whether a notice may be about a group."""
    near = group.first - NOTICE_WITHIN <= signal.when <= group.last + NOTICE_WITHIN
    if signal.principals:
        return near and bool(set(signal.principals) & group.principals)
    return near and signal.account in group.accounts


def suspicion(group: Group, notices: list[Signal], desk: Desk) -> Suspicion:
    """One group, scored and explained."""
    start, memory = group.first.toordinal(), desk.memory
    everything = [weigh(hit, earlier(desk.days, hit, start), ordinary(hit, memory)) for hit in group.hits]
    held = [replace(one, held=found) for one in everything if (found := desk.suppressions.of(one.hit))]
    open_ = [one for one in everything if not desk.suppressions.of(one.hit)] if held else everything
    resources = touched(group, memory)
    verdict = judged(open_, group, notices, resources, desk)
    held_page = bool(held) and not verdict.page and judged(everything, group, notices, resources, desk).page
    desk.suppressions.count([one.held for one in held if one.held], page=held_page)
    when, owner = group.begun
    return Suspicion(
        id=name_of(owner, when),
        page=verdict.page,
        severity=verdict.severity,
        score=verdict.score,
        principals=tuple(sorted(group.principals)),
        addresses=tuple(sorted({a for hit in group.hits for a in hit.addresses})),
        first=group.first,
        last=group.last,
        techniques=tuple(sorted({t for hit in group.hits for t in hit.rule.techniques})),
        reasons=(*verdict.reasons, *withheld(held)),
        event_ids=ids(group),
        resources=resources,
        accounts=tuple(sorted(group.accounts)),
        regions=tuple(sorted({region for hit in group.hits for region in hit.regions})),
        signals=tuple(sorted({hit.signal_id for hit in group.hits} | {s.id for s in notices})),
        suppressed=suppressed(held),
        held_page=held_page,
    )


@dataclass(frozen=True)
class Verdict:
    """What some hits of a group come to."""

    score: float
    page: bool
    severity: Severity
    reasons: tuple[Reason, ...]


def judged(
    weighed: list[Weighed], group: Group, notices: list[Signal], resources: tuple[str, ...], desk: Desk
) -> Verdict:
    """The score of those hits, whether it calls a person, and why."""
    if not weighed and not notices:
        return Verdict(0, page=False, severity="low", reasons=())
    aware = desk.aware
    jewel = jewels(resources, aware.crown_jewels)
    told = by_source(notices)
    only_support = all(one.hit.rule.supports for one in weighed) and not told
    most = ceiling(() if only_support else [*(one.points for one in weighed), *(one.points for one in told)])
    score, why = capped([*reasons(weighed), *around(group, desk.memory), *jewel, *told], most)
    lone = any(one.hit.lone and not one.softened for one in weighed)
    page = (score >= aware.page_at and not only_support) or lone
    return Verdict(score, page, severity(score, weighed, page=page, jewel=bool(jewel)), why)


def suppressed(held: list[Weighed]) -> tuple[Suppressed, ...]:
    """On whose word each rule is held back."""
    found = {
        Suppressed(
            rule=one.hit.rule.id, reason=one.held.plan.reason, owner=one.held.plan.owner, until=one.held.plan.until
        )
        for one in held
        if one.held
    }
    return tuple(sorted(found, key=lambda one: (one.rule, one.until, one.owner, one.reason)))


def by_source(notices: Sequence[Signal]) -> list[Reason]:
    """One reason for each way of being told, however often it was: ten alarms are one alarm that rings."""
    best: dict[str, Signal] = {}
    for signal in notices:
        old = best.get(signal.source)
        if old is None or signal.points > old.points:
            best[signal.source] = signal
    return [Reason(points=s.points, text=s.reason or s.title, rule=name) for name, s in sorted(best.items())]


def earlier(days: Mapping[tuple[str, str], set[int]], hit: Hit, start: int) -> int:
    """On how many days before the group the principal did the same."""
    return sum(day < start for day in days.get((hit.rule.id, scope(hit.principal, hit.account)), ()))


def ordinary(hit: Hit, memory: Memory) -> str:
    """An operation of the same principal within the hour that makes the hit an ordinary change; else empty."""
    activity = memory.of(hit.principal, hit.account)
    if activity is None or not hit.rule.ordinary_with:
        return ""
    for name in hit.rule.ordinary_with:
        service, _, operation = name.partition(":")
        span = activity.calls.get((f"{service}.amazonaws.com", operation))
        if span and span.first - AROUND <= hit.last and hit.when - AROUND <= span.last:
            return name
    return ""


def around(group: Group, memory: Memory) -> list[Reason]:
    """A change that was refused to one of the principals, and then made by the same or another of them."""
    known = group.activities(memory)
    found = [
        (no.first, name[1], (no.id, yes.id))
        for tried in known
        for name, no in tried.denied.items()
        if CHANGES.match(name[1])
        for done in known
        if (yes := done.calls.get(name)) and no.first < yes.last <= no.first + DETOUR and yes.first > no.first - DETOUR
    ]
    if not found:
        return []
    _, name, pair = min(found)
    text = f"{name} was refused first and succeeded later, within the same group"
    return [Reason(points=12.0, text=text, rule="triage.refused_then_done", techniques=("T1078.004",), event_ids=pair)]


def ids(group: Group) -> tuple[str, ...]:
    """Events of the group, by time of their hits; at most 500."""
    ordered = sorted(group.hits, key=lambda hit: (hit.when, hit.rule.id))
    return tuple(dict.fromkeys(i for hit in ordered for i in hit.event_ids))[:MOST_IDS]


def touched(group: Group, memory: Memory) -> tuple[str, ...]:
    """Resources as `type/name@region`: what hits name, principals and their long-lived keys, buckets that were opened."""
    region = next((hit.region for hit in group.hits if hit.region), "us-east-1")
    found = {r if not r.endswith("@") else r + region for hit in group.hits for r in hit.resources}
    for principal in group.principals:
        for kind in ("user", "role"):
            if f":{kind}/" in principal:
                found.add(f"{kind}/{principal.rpartition('/')[2]}@us-east-1")
    found |= {
        f"bucket/{bucket}@{region}"
        for activity in group.activities(memory)
        for bucket, spans in activity.buckets.items()
        for span in spans
        if span.first <= group.last + SAME_ADDRESS and span.last >= group.first - SAME_ADDRESS
    }
    found |= {f"key/{hit.key}@us-east-1" for hit in group.hits if hit.key.startswith("AKIA")}
    return tuple(sorted(found))


def of_notice(signal: Signal, aware: AwarePlan) -> Suspicion:
    """A notice that nothing in the history explains."""
    score, why = capped([Reason(points=signal.points, text=signal.reason or signal.title, rule=signal.source)])
    page = score >= aware.page_at
    return Suspicion(
        id=f"sus-{hashlib.sha256(signal.id.encode()).hexdigest()[:12]}",
        page=page,
        severity=severity(score, [], page=page, jewel=False),
        score=score,
        principals=signal.principals,
        addresses=signal.addresses,
        first=signal.when,
        last=signal.when,
        techniques=signal.techniques,
        reasons=why,
        event_ids=signal.event_ids,
        resources=signal.resources,
        accounts=(signal.account,) if signal.account else (),
        regions=(signal.region,) if signal.region else (),
        signals=(signal.id,),
    )
