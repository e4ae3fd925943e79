"""Acts of people on suspicions and cases: each is checked against what stands, and recorded with who, when and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from amberlight.casebook.book import Casebook
from amberlight.casebook.standing import OPEN
from amberlight.model.errors import ConfigError, DeliveryError
from amberlight.model.inbox import Act, Item
from amberlight.model.signals import Case, Decision, Suspicion


@dataclass(frozen=True, kw_only=True)
class Word:
    """Somebody's word: who, when, why, and what lets them decide."""

    by: str
    when: datetime
    why: str
    authority: str = "person on duty"

    def __post_init__(self) -> None:
        if not self.by.strip() or not self.why.strip():
            raise ConfigError("A decision needs who decides and why.", "Give --by and --why.")


def acknowledge(book: Casebook, one: Item, by: str, when: datetime) -> None:
    """Say that somebody looks at it.

    Raises:
        DeliveryError: it is decided already.
    """
    refuse_decided(one)
    book.record_act(Act(about=one.suspicion.id, verb="acknowledged", by=by, when=when))


def promote(book: Casebook, one: Item, word: Word) -> Decision:
    """It is an incident.

    Raises:
        DeliveryError: it is decided already.
    """
    return decide(
        book, one, word, Act(about=one.suspicion.id, verb="promoted", by=word.by, when=word.when, why=word.why)
    )


def dismiss(book: Casebook, one: Item, word: Word, until: datetime | None = None) -> Decision:
    """It is none; until that moment, where one is given.

    Raises:
        ConfigError: the end is not in the future.
        DeliveryError: it is decided already.
    """
    if until is not None and until <= word.when:
        raise ConfigError("The dismissal would end before it begins.", "Give a later --until, or none.")
    act = Act(
        about=one.suspicion.id,
        verb="dismissed",
        by=word.by,
        when=word.when,
        why=word.why,
        until=until,
        kinds=one.kinds,
    )
    return decide(book, one, word, act)


def decide(book: Casebook, one: Item, word: Word, act: Act) -> Decision:
    """Record a decision and its act."""
    refuse_decided(one)
    decision = Decision(
        suspicion=one.suspicion.id,
        verdict="promoted" if act.verb == "promoted" else "dismissed",
        by=word.by,
        authority=word.authority,
        when=word.when,
        reason=word.why,
    )
    # The act first: a decision without its act would have no end and no kinds, an act without its decision does nothing.
    book.record_act(act)
    book.record_decision(decision, after=one.decision)
    return decision


def merge(book: Casebook, one: Item, into: Item, word: Word) -> None:
    """One suspicion is part of another: it is decided with that one.

    Raises:
        ConfigError: it would be merged into itself, or into what was merged away.
        DeliveryError: it is decided already.
    """
    if one.suspicion.id == into.suspicion.id or into.state in {"merged", "joined", "dismissed"}:
        raise ConfigError(
            f"{one.suspicion.id} cannot be merged into {into.suspicion.id}, which is {into.state}.",
            "Name another one that is open or promoted.",
        )
    refuse_decided(one)
    book.record_act(
        Act(
            about=one.suspicion.id,
            verb="merged",
            by=word.by,
            when=word.when,
            why=word.why,
            into=into.suspicion.id,
        )
    )


def refuse_decided(one: Item) -> None:
    """Raise where a suspicion is not open any more.

    Raises:
        DeliveryError: it is decided, merged or part of another.
    """
    if one.state in OPEN:
        return
    decided = one.decision
    said = f" by {decided.by} on {decided.when:%Y-%m-%d %H:%M} UTC: {decided.reason}" if decided else ""
    raise DeliveryError(
        f"{one.suspicion.id} is {one.state} already{said or f': {one.because}'}", "A decision once made stands."
    )


def merged_into(book: Casebook, suspicion: Suspicion) -> tuple[Suspicion, ...]:
    """Suspicions that were merged into one, also over others."""
    known = {one.id: one for one in book.suspicions()}
    into = {one.about: one.into for one in book.acts() if one.verb == "merged"}
    found: list[str] = []
    wanted = [suspicion.id]
    while wanted:
        name = wanted.pop()
        more = [part for part, whole in into.items() if whole == name and part not in found]
        found += more
        wanted += more
    return tuple(known[name] for name in sorted(found) if name in known)


def close(book: Casebook, case: Case, word: Word) -> None:
    """A case is over; it stays readable.

    Raises:
        DeliveryError: it is closed already.
    """
    old = closed(book.acts(), case)
    if old:
        raise DeliveryError(
            f"The case {case.id} was closed by {old.by} on {old.when:%Y-%m-%d %H:%M} UTC.", "Open another case instead."
        )
    book.record_act(Act(about=case.id, verb="closed", by=word.by, when=word.when, why=word.why))


def closed(acts: Sequence[Act], case: Case) -> Act | None:
    """The act that closed a case."""
    return next((one for one in acts if one.verb == "closed" and one.about == case.id), None)
