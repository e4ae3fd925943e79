"""How every suspicion stands after all decisions and acts, and how much noise each rule made.

A decision stands. Two things bring a dismissed suspicion back to the inbox, with the decision shown: its end date has passed,
or it has grown since by a kind of evidence (a rule or intake) that was not there when it was dismissed. More of the same kind
does not. A suspicion whose signals have all become part of a larger one is not asked about again; its decisions go with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from statistics import median

from amberlight.casebook.book import Casebook
from amberlight.model.errors import ConfigError
from amberlight.model.inbox import Act, Item, Noise, State
from amberlight.model.signals import Decision, Signal, Suspicion

OPEN: tuple[State, ...] = ("new", "returned", "acknowledged")


def items(book: Casebook, now: datetime, within: Mapping[str, timedelta] | None = None) -> tuple[Item, ...]:
    """Every suspicion as it stands; what pages first, then by falling score.

    Args:
        book: Where it all stands.
        now: For end dates and clocks.
        within: For each severity, how soon a suspicion that pages is to be acknowledged; none is overdue without.
    """
    known = book.suspicions()
    larger = joins(known)
    sources = {one.id: rule_of(one) for one in book.signals()}
    desk = Desk(book.decisions(), book.acts(), larger, now, within=within or {}, sources=sources)
    found = [desk.item(one) for one in known]
    return tuple(sorted(found, key=lambda one: (-one.suspicion.page, -one.suspicion.score, one.suspicion.id)))


def item(book: Casebook, name: str, now: datetime) -> Item:
    """One suspicion as it stands; the start of an id is enough where only one begins so.

    Raises:
        ConfigError: there is none, or more than one.
    """
    every = items(book, now)
    found = [one for one in every if one.suspicion.id == name] or [
        one for one in every if name and one.suspicion.id.startswith(name)
    ]
    if len(found) != 1:
        raise ConfigError(
            f"{'No suspicion is' if not found else f'{len(found)} suspicions are'} called {name!r}.",
            "Take an id of `amberlight signals list --all`.",
        )
    return found[0]


def joins(known: Sequence[Suspicion]) -> dict[str, str]:
    """For each suspicion whose signals are all in a larger one, that one's id."""
    holding: dict[str, list[Suspicion]] = {}
    for one in known:
        for signal in one.signals:
            holding.setdefault(signal, []).append(one)
    larger: dict[str, str] = {}
    for one in known:
        mine = set(one.signals)
        fitting = [two for two in holding.get(next(iter(one.signals), ""), ()) if mine < set(two.signals)]
        if fitting:
            larger[one.id] = max(fitting, key=lambda two: (len(two.signals), two.id)).id
    return larger


def kinds(suspicion: Suspicion, sources: Mapping[str, str]) -> tuple[str, ...]:
    """Rules and intakes that a suspicion rests on.

    Those of its reasons and, since only the strongest rules become reasons, those of its signals. What stands among the
    reasons without points is held back or adds nothing, and is no evidence.
    """
    weighed = {one.rule for one in suspicion.reasons if one.points > 0}
    empty = {one.rule for one in suspicion.reasons} - weighed
    told = {sources[name] for name in suspicion.signals if name in sources}
    return tuple(sorted(weighed | (told - empty)))


class Desk:
    """Decisions and acts by what they are about; `sources` says of each signal which rule or intake it is of."""

    def __init__(
        self,
        decisions: Sequence[Decision],
        acts: Sequence[Act],
        larger: Mapping[str, str],
        now: datetime,
        *,
        within: Mapping[str, timedelta],
        sources: Mapping[str, str],
    ) -> None:
        self._sources = sources
        self._decisions = decisions
        self._acts = acts
        self._larger = larger
        self._now = now
        self._within = within

    def item(self, suspicion: Suspicion) -> Item:
        """One suspicion as it stands."""
        name = suspicion.id
        names = {name, *(part for part, whole in self._larger.items() if whole == name)}
        decision = max((one for one in self._decisions if one.suspicion in names), key=when, default=None)
        acts = [one for one in self._acts if one.about in names]
        noticed = min((one.when for one in acts if one.verb == "noticed"), default=None)
        answered = max((one for one in acts if one.verb == "acknowledged"), key=when, default=None)
        if answered and decision and answered.when <= decision.when:
            answered = None
        state, because = self._state(suspicion, decision, acts, answered)
        limit = self._within.get(suspicion.severity)
        late = noticed is not None and limit is not None and self._now > noticed + limit
        return Item(
            suspicion=suspicion,
            state=state,
            kinds=kinds(suspicion, self._sources),
            decision=decision,
            because=because,
            noticed=noticed,
            acknowledged_by=answered.by if answered else "",
            overdue=late and suspicion.page and state == "new",
        )

    def _state(
        self, suspicion: Suspicion, decision: Decision | None, acts: Sequence[Act], answered: Act | None
    ) -> tuple[State, str]:
        merged = next((one for one in acts if one.verb == "merged" and one.about == suspicion.id), None)
        if merged:
            return "merged", f"merged into {merged.into}"
        if suspicion.id in self._larger:
            return "joined", f"all of it is part of {self._larger[suspicion.id]}"
        if decision is None:
            return ("acknowledged" if answered else "new"), ""
        if decision.verdict == "promoted":
            return "promoted", ""
        back = self._back(suspicion, decision)
        if not back:
            return "dismissed", ""
        return ("acknowledged" if answered else "returned"), back

    def _back(self, suspicion: Suspicion, decision: Decision) -> str:
        """Why a dismissed suspicion is asked about again; empty where the dismissal holds."""
        act = next(
            (
                one
                for one in self._acts
                if one.verb == "dismissed" and (one.about, one.when) == (decision.suspicion, decision.when)
            ),
            None,
        )
        if act is None:
            return ""
        fresh = sorted(set(kinds(suspicion, self._sources)) - set(act.kinds))
        if fresh:
            return f"new since it was dismissed: {', '.join(fresh)}"
        return f"the dismissal ended {act.until:%Y-%m-%d %H:%M} UTC" if act.until and act.until <= self._now else ""


def when(one: Act | Decision) -> datetime:
    """The moment of an act or a decision."""
    return one.when


def noise(book: Casebook, now: datetime) -> tuple[Noise, ...]:
    """For each rule and intake how often it spoke and what came of it, the loudest first."""
    every = [one for one in items(book, now) if one.state != "joined"]
    fired: dict[str, int] = {}
    for signal in book.signals():
        fired[rule_of(signal)] = fired.get(rule_of(signal), 0) + 1
    names = sorted(set(fired) | {name for one in every for name in one.kinds})
    found = [of_rule(name, fired.get(name, 0), [one for one in every if takes_part(name, one)]) for name in names]
    return tuple(sorted(found, key=lambda one: (-one.fired, one.rule)))


def takes_part(name: str, one: Item) -> bool:
    """Whether a rule or intake has a part in a suspicion, with points or without."""
    return name in one.kinds or any(reason.rule == name for reason in one.suspicion.reasons)


def rule_of(signal: Signal) -> str:
    """The name that a signal's reason has in a suspicion: rules by their id, intakes with `intake.` before it."""
    return signal.source.partition(".")[2] if signal.source.startswith(("rule.", "rules.")) else signal.source


def of_rule(name: str, fired: int, part: Sequence[Item]) -> Noise:
    """One rule's figures."""
    decided = [(one.decision, one.noticed) for one in part if one.decision]
    spans = [(decision.when - noticed).total_seconds() for decision, noticed in decided if noticed]
    return Noise(
        rule=name,
        fired=fired,
        suspicions=len(part),
        promoted=sum(decision.verdict == "promoted" for decision, _ in decided),
        dismissed=sum(decision.verdict == "dismissed" for decision, _ in decided),
        median_s=median(spans) if spans else None,
    )
