"""One history judged by two sets of rules in one pass: what a change of rules would have paged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from amberlight.aware.comparing import Change, Comparison, compare
from amberlight.aware.ruleset import RuleSet, gathered
from amberlight.aware.scanning import scan
from amberlight.model.response_plan import AwarePlan
from amberlight.model.scan import Replayed, RuleSide, incident
from amberlight.model.signals import Suspicion
from amberlight.trail import Reading

BUILTIN = "builtin"
"""Names our own rules without any folder; a folder's rules judge beside ours, as they do in a scan."""


@dataclass(frozen=True)
class Replay:
    """Both sides, and how they differ."""

    old: RuleSide
    new: RuleSide
    comparison: Comparison
    reading: Reading


def replay(
    paths: Sequence[Path],
    aware: AwarePlan,
    sides: tuple[str, str],
    *,
    workers: int = 1,
    today: date | None = None,
) -> Replay:
    """Read once, judge by the rules of both sides, compare.

    Args:
        paths: Files and folders of history.
        aware: The plan's section; its suppressions hold for both sides, its folders of rules are left out.
        sides: The old rules and the new ones, each a folder or `builtin`.
        workers: As for a scan.
        today: As for a scan.

    Raises:
        ConfigError: a folder is not there.
    """
    old, new = (side(name, aware) for name in sides)
    judge, reading = scan(paths, aware, workers, old.joined(new), today)
    before, after = judge.by(old.live()), judge.by(new.live())
    return Replay(summary(sides[0], old, before), summary(sides[1], new, after), compare(before, after), reading)


def side(name: str, aware: AwarePlan) -> RuleSet:
    """The rules of one side. What the plan stages is silent where it exists; the other side may be the one that has it."""
    found = gathered([] if name == BUILTIN else [Path(name)])
    known = {rule.id for rule in found.rules}
    return found.silenced(one for one in aware.staged if one in known)


def summary(name: str, rules: RuleSet, found: Sequence[Suspicion]) -> RuleSide:
    """One side in figures."""
    pages = sum(one.page for one in found)
    return RuleSide(name=name, rules=len(rules.live().rules), pages=pages, rules_not_run=rules.not_run)


def shown(changes: Sequence[Change]) -> tuple[Replayed, ...]:
    """Changes as the published record has them."""
    return tuple(
        Replayed(
            before=incident(one.before) if one.before else None,
            after=incident(one.after) if one.after else None,
        )
        for one in changes
    )
