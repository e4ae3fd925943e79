"""The rules that a judge works with: ours, and those of the user's own folders; which of them only count silently."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from amberlight.aware import catalogue
from amberlight.aware.rule import Rule
from amberlight.model.errors import ConfigError
from amberlight.model.response_plan import AwarePlan
from amberlight.model.scan import RuleNotRun
from amberlight.trail import Event

MOST_TEXTS = 500
"""Answers kept for each event's name and field."""
Key = tuple[str, str]
"""A rule's id and revision: what tells it apart from an older one of the same id."""


class Door:
    """Rules that look at one text first: which of them a text lets in is found out once for each text."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._gates = [(rule.gate, rule) for rule in rules if rule.gate]
        self._pick = self._gates[0][0].pick
        self._known: dict[str | None, tuple[Rule, ...]] = {}

    def lets_in(self, event: Event) -> tuple[Rule, ...]:
        """The rules that may match the event."""
        text = self._pick(event)
        found = self._known.get(text)
        if found is None:
            if len(self._known) >= MOST_TEXTS:
                self._known.clear()
            found = self._known[text] = tuple(rule for gate, rule in self._gates if gate.passes(text))
        return found


class Asked(NamedTuple):
    """Who looks at the events of one source and name: always, and where a text lets them in."""

    always: tuple[Rule, ...]
    doors: tuple[Door, ...]


@dataclass(frozen=True)
class RuleSet:
    """Rules, by id and revision.

    Attributes:
        rules: All of them.
        staged: Ids of those that give no points yet.
        not_run: What the folders hold besides, and why it does not run.
    """

    rules: tuple[Rule, ...]
    staged: frozenset[str] = frozenset()
    not_run: tuple[RuleNotRun, ...] = ()
    _events: dict[str, tuple[Rule, ...]] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        index: dict[str, list[Rule]] = {}
        for rule in self.rules:
            for name in rule.events:
                index.setdefault(name, []).append(rule)
        self._events.update((name, tuple(found)) for name, found in index.items())

    def asked(self, source: str, name: str, action: str) -> Asked:
        """Who looks at events of that source and name; `action` is the name without a date."""
        known = self._events.get(f"{source.partition('.')[0]}:{action}", ())
        more = [rule for rule in self.rules if rule.could is not None and rule.could(source, name)]
        gates: dict[str, list[Rule]] = {}
        for rule in more:
            if rule.gate:
                gates.setdefault(rule.gate.field, []).append(rule)
        return Asked(
            known + tuple(rule for rule in more if rule.gate is None), tuple(Door(found) for found in gates.values())
        )

    @property
    def on_activity(self) -> list[Rule]:
        """Rules that look at all that is known of a principal."""
        return [rule for rule in self.rules if rule.on_activity is not None]

    @property
    def keys(self) -> frozenset[Key]:
        """Ids and revisions."""
        return frozenset((rule.id, rule.revision) for rule in self.rules)

    def live(self) -> RuleSet:
        """Without the staged ones."""
        return self.without(self.staged)

    def without(self, ids: Iterable[str]) -> RuleSet:
        """Without some."""
        gone = frozenset(ids)
        return replace(self, rules=tuple(rule for rule in self.rules if rule.id not in gone), _events={})

    def silenced(self, ids: Iterable[str]) -> RuleSet:
        """With more of them staged."""
        return replace(self, staged=self.staged | frozenset(ids), _events={})

    def joined(self, other: RuleSet) -> RuleSet:
        """The rules of both; one that both have in the same revision once."""
        mine = self.keys
        more = tuple(rule for rule in other.rules if (rule.id, rule.revision) not in mine)
        return replace(
            self,
            rules=self.rules + more,
            not_run=tuple(dict.fromkeys(self.not_run + other.not_run)),
            _events={},
        )


def builtin(staged: Iterable[str] = ()) -> RuleSet:
    """Our own rules."""
    return gathered((), staged)


def of_plan(aware: AwarePlan, base: Path = Path(), more: Iterable[Path] = ()) -> RuleSet:
    """Our rules, those of the plan's folders (seen from `base`), and those of more folders.

    Raises:
        ConfigError: a folder is not there, or the plan stages a rule that does not exist.
    """
    return gathered([*(base / folder for folder in aware.rules), *more], aware.staged)


def gathered(folders: Iterable[Path], staged: Iterable[str] = ()) -> RuleSet:
    """Our rules and those of some folders."""
    own = tuple(catalogue.load().values())
    rules: list[Rule] = []
    problems: list[RuleNotRun] = []
    if folders := list(folders):
        from amberlight.aware import sigma

        rules, problems = sigma.read(folders)
    everything = (*own, *rules)
    known = {rule.id for rule in everything}
    for name in staged:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise ConfigError(
                f"The plan stages the rule {name!r}, which does not exist or does not run.",
                f"Did you mean `{near[0]}`?" if near else "Take it out of `aware.staged`.",
            )
    silent = frozenset(staged) | {rule.id for rule in everything if rule.stage == "staged"}
    return RuleSet(everything, silent, tuple(problems))
