"""Hits of one group to points: each rule once, the strongest first, each further one for less; a reason for every point."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from amberlight.aware.hits import Hit
from amberlight.aware.suppressing import Held
from amberlight.model.signals import Reason, Severity

WEIGHTS = (1.0, 0.6, 0.4, 0.2, 0.1, 0.1)
"""What each further rule adds, by rank. The seventh hint adds nothing: many small things are an ordinary day."""
HABIT = {0: 1.0, 1: 0.7}
OLD_HABIT = 0.3
GUARDED = 0.5
ORDINARY = 0.5
SERVICE = 0.5
JEWEL_POINTS = 15.0
TACTIC_POINTS = 3.0
MOST_TACTICS = 4
HIGHEST = 100.0
STRONG = 45.0
WEAK_AT_MOST = 60.0
"""Hints of which none is strong do not add up to a page under the default plan."""
WEIGHTY = 25.0
SHOWN_IDS = 100
ORDER: tuple[Severity, ...] = ("low", "medium", "high", "critical")


@dataclass(frozen=True)
class Weighed:
    """A hit with the points that are left of it, what softened it, in words, and what the plan says against it."""

    hit: Hit
    points: float
    softened: str = ""
    held: Held | None = None


def weigh(hit: Hit, days_before: int, ordinary: str = "") -> Weighed:
    """The hit's points after what speaks for innocence."""
    points, why = hit.points, []
    if hit.by_service:
        points, why = points * SERVICE, ["made by an AWS service in the caller's name"]
    if hit.rule.softens and days_before:
        points *= HABIT.get(days_before, OLD_HABIT)
        why.append(f"the same principal did the same on {days_before} earlier day(s)")
    if ordinary:
        points *= ORDINARY
        why.append(f"the same principal called {ordinary} within the hour")
    if hit.rule.softens and hit.guarded:
        points *= GUARDED
        why.append("made in the console with a second factor")
    return Weighed(hit, points, "; ".join(why))


def strongest(weighed: Iterable[Weighed]) -> list[Weighed]:
    """The strongest hit of each rule, by falling points."""
    best: dict[str, Weighed] = {}
    for one in weighed:
        old = best.get(one.hit.rule.id)
        if old is None or one.points > old.points:
            best[one.hit.rule.id] = one
    return sorted(best.values(), key=lambda one: (-one.points, one.hit.rule.id))


def reasons(weighed: Sequence[Weighed]) -> list[Reason]:
    """One reason for each rule that adds points, and one for the breadth of the attack."""
    found = []
    for weight, one in zip(WEIGHTS, strongest(weighed), strict=False):
        ids = [i for other in weighed if other.hit.rule.id == one.hit.rule.id for i in other.hit.event_ids]
        text = f"{one.hit.reason} [lowered: {one.softened}]" if one.softened else one.hit.reason
        found.append(
            Reason(
                points=round(one.points * weight, 1),
                text=text,
                rule=one.hit.rule.id,
                techniques=one.hit.rule.techniques,
                event_ids=tuple(dict.fromkeys(ids))[:SHOWN_IDS],
            )
        )
    return found + breadth(weighed)


def withheld(weighed: Iterable[Weighed]) -> list[Reason]:
    """What the plan holds back: one reason without points for each rule, so that nothing of it is lost."""
    return [
        Reason(
            points=0,
            text=f"{one.hit.reason} [{one.held.words}]",
            rule=one.hit.rule.id,
            techniques=one.hit.rule.techniques,
            event_ids=one.hit.event_ids[:SHOWN_IDS],
        )
        for one in strongest(weighed)
        if one.held
    ]


def breadth(weighed: Sequence[Weighed]) -> list[Reason]:
    """Points for several tactics at once: a chain is more than its links."""
    tactics = sorted({one.hit.rule.tactic for one in weighed if one.points >= WEIGHTY and one.hit.rule.tactic})
    extra = min(len(tactics) - 2, MOST_TACTICS)
    if extra <= 0:
        return []
    text = f"{len(tactics)} tactics together: {', '.join(tactics)}"
    return [Reason(points=extra * TACTIC_POINTS, text=text, rule="triage.breadth")]


def jewels(resources: Iterable[str], crown_jewels: Sequence[str]) -> list[Reason]:
    """Points for what the plan says matters most."""
    touched = sorted({r for r in resources for jewel in crown_jewels if jewel and jewel in r})
    if not touched:
        return []
    text = f"touches what the plan names as crown jewels: {', '.join(touched[:5])}"
    return [Reason(points=JEWEL_POINTS, text=text, rule="triage.crown_jewels")]


def ceiling(points: Iterable[float]) -> float:
    """The most that a group can reach: less where nothing in it is strong."""
    return HIGHEST if any(one >= STRONG for one in points) else WEAK_AT_MOST


def capped(found: list[Reason], most: float = HIGHEST) -> tuple[float, tuple[Reason, ...]]:
    """The score, at most `most`, and reasons whose points add up to it."""
    total, kept = 0.0, []
    for reason in found:
        points = round(min(reason.points, most - total), 1)
        total = round(total + points, 1)
        kept.append(
            Reason(points=points, text=reason.text, rule=reason.rule, techniques=reason.techniques,
                   event_ids=reason.event_ids)
        )  # fmt: skip
    return total, tuple(kept)


def severity(score: float, weighed: Sequence[Weighed], *, page: bool, jewel: bool) -> Severity:
    """How bad it is if it is true: the rules' own word for what pages, the score for the rest."""
    if not page:
        return "medium" if score >= 40 else "low"  # noqa: PLR2004 - half way to a page
    hint = max((ORDER.index(one.hit.rule.severity) for one in weighed if one.points >= 30), default=0)  # noqa: PLR2004
    level = max(hint, ORDER.index("high"))
    return "critical" if jewel or score >= 95 else ORDER[level]  # noqa: PLR2004 - the top of the scale
