"""Two judgements of one history by different rules: which suspicions page in one and not in the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from amberlight.aware.scoring import ORDER
from amberlight.model.signals import Suspicion


@dataclass(frozen=True)
class Change:
    """One suspicion as both judgements have it; None where one has nothing like it."""

    before: Suspicion | None
    after: Suspicion | None


@dataclass(frozen=True)
class Comparison:
    """Pages that are new, that are gone, and that are of another severity; `same` counts the others."""

    gained: tuple[Change, ...]
    lost: tuple[Change, ...]
    changed: tuple[Change, ...]
    same: int


def compare(before: Sequence[Suspicion], after: Sequence[Suspicion]) -> Comparison:
    """What pages after and not before, the reverse, and what changed. Suspicions are the same where they share an event."""
    gained = [(one, matching(one, before)) for one in after if one.page]
    lost = [(one, matching(one, after)) for one in before if one.page]
    kept = [Change(old, new) for new, old in gained if old is not None and old.page]
    changed = tuple(one for one in kept if level(one.before) != level(one.after))
    return Comparison(
        gained=tuple(Change(old, new) for new, old in gained if old is None or not old.page),
        lost=tuple(Change(old, new) for old, new in lost if new is None or not new.page),
        changed=changed,
        same=len(kept) - len(changed),
    )


def matching(one: Suspicion, others: Sequence[Suspicion]) -> Suspicion | None:
    """The gravest of those that share an event or a signal with it; one that pages before one that does not."""
    mine = {*one.event_ids, *one.signals}
    shared = [other for other in others if not mine.isdisjoint((*other.event_ids, *other.signals))]
    return max(shared, key=lambda other: (other.page, level(other), other.score), default=None)


def level(one: Suspicion | None) -> int:
    """The severity as a number."""
    return ORDER.index(one.severity) if one else -1
