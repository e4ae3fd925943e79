"""Suspicions that a person found to be one: all of their evidence together, scored once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from amberlight.aware.scoring import capped
from amberlight.model.signals import Reason, Severity, Suspicion

ORDER: tuple[Severity, ...] = ("low", "medium", "high", "critical")


def together(one: Suspicion, others: Sequence[Suspicion]) -> Suspicion:
    """The suspicion with what was merged into it; its id stays. Each rule counts once, with its strongest reason."""
    if not others:
        return one
    every = (one, *others)
    score, reasons = capped(strongest(reason for each in every for reason in each.reasons))
    return msgspec.structs.replace(
        one,
        page=any(each.page for each in every),
        severity=max((each.severity for each in every), key=ORDER.index),
        score=score,
        principals=union(each.principals for each in every),
        addresses=union(each.addresses for each in every),
        first=min(each.first for each in every),
        last=max(each.last for each in every),
        techniques=union(each.techniques for each in every),
        reasons=reasons,
        event_ids=tuple(dict.fromkeys(name for each in every for name in each.event_ids)),
        resources=union(each.resources for each in every),
        accounts=union(each.accounts for each in every),
        regions=union(each.regions for each in every),
        signals=union(each.signals for each in every),
    )


def union(texts: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """All texts, sorted."""
    return tuple(sorted({one for several in texts for one in several}))


def strongest(reasons: Iterable[Reason]) -> list[Reason]:
    """The strongest reason of each rule, by falling points."""
    best: dict[str, Reason] = {}
    for one in reasons:
        if one.rule not in best or one.points > best[one.rule].points:
            best[one.rule] = one
    return sorted(best.values(), key=lambda one: (-one.points, one.rule))
