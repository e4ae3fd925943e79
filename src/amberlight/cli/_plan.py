"""A checked plan on a terminal of 80 columns, and the days of drills out of the folders that they left."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from amberlight.cli import _inbox

if TYPE_CHECKING:
    from amberlight.model.listings import OpenPoint, PlanCheck, Requirement


def tell(report: PlanCheck) -> None:
    """Open points, then how the plan stands to each requirement of AWS and to the other texts in sum."""
    _inbox.printed(("requirement", "open", "risk, and what to do"), (row(point) for point in report.open))
    first = report.requirements[0].framework
    stands = [(each.id, each.title, standing(each)) for each in report.requirements if each.framework == first]
    rest = dict.fromkeys(each.framework for each in report.requirements if each.framework != first)
    _inbox.printed(("requirement", "asks", "stands"), [*stands, *(summed(report, name) for name in rest)])


def row(point: OpenPoint) -> tuple[str, str, str]:
    """One open point."""
    return (
        _inbox.cell((point.reference, *point.also)),
        _inbox.cell((point.what, f"at {point.where}")),
        _inbox.cell((point.risk, point.todo)),
    )


def standing(each: Requirement) -> str:
    """The state of one requirement in a few words."""
    words = {
        "open": f"{each.open} open",
        "clear": f"clear, {len(each.checks)} check{'' if len(each.checks) == 1 else 's'}",
        "not-run": "needs --live",
    }
    return words.get(each.state, "elsewhere")


def summed(report: PlanCheck, framework: str) -> tuple[str, str, str]:
    """One row for all requirements of a text: which are open, how many are clear, how many no plan can answer."""
    mine = [each for each in report.requirements if each.framework == framework]
    count = {state: sum(each.state == state for each in mine) for state in ("open", "clear", "not-run", "elsewhere")}
    return (
        framework,
        " ".join(each.id for each in mine if each.state == "open") or "nothing open",
        _inbox.cell(f"{number} {state}" for state, number in count.items() if number),
    )


def ran(folders: Iterable[Path]) -> dict[str, date]:
    """The last day of each drill, by the folders that rehearsals left.

    Raises:
        ConfigError: a folder holds no finished rehearsal.
    """
    found: dict[str, date] = {}
    for folder in folders:
        for drill, day in results(folder):
            found[drill] = max(day, found.get(drill, day))
    return found


def results(folder: Path) -> Iterator[tuple[str, date]]:
    """Drill and day of a rehearsal; the scorecard is written last, so where it is there the rehearsal came to its end.

    Raises:
        ConfigError: there is none, or one of its files cannot be read.
    """
    from amberlight.model.codec import loads
    from amberlight.model.errors import ConfigError
    from amberlight.model.rehearsal import Scorecard, Truth

    try:
        scorecard = loads((folder / "scorecard.json").read_bytes(), Scorecard, str(folder / "scorecard.json"))
        truth = loads((folder / "ground-truth.json").read_bytes(), Truth, str(folder / "ground-truth.json"))
    except OSError as problem:
        raise ConfigError(
            f"{folder} holds no finished rehearsal: {problem.strerror}.", "Name a folder that `amberlight demo` wrote."
        ) from problem
    yield scorecard.drill, truth.started.date()
