"""Carries out every check of a plan, and says for each requirement what is open.

A requirement is `open` when a check that answers it found something, `clear` when all found nothing, `not-run` when a check
that needs calls to AWS was not allowed to and the others found nothing, and `elsewhere` when no plan can answer it.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Sequence

from amberlight.model.listings import OpenPoint, PlanCheck, Requirement
from amberlight.model.response_plan import ResponsePlan
from amberlight.plan import checks
from amberlight.plan.check import Check, Facts
from amberlight.plan.requirements import ELSEWHERE, TITLES

SCHEMA = "amberlight.plan-check/1"


@functools.cache
def catalogue() -> tuple[Check, ...]:
    """Every check, by id."""
    names = [f"{checks.__name__}.{module.name}" for module in pkgutil.iter_modules(checks.__path__)]
    found = [check for name in names for check in importlib.import_module(name).CHECKS]
    return tuple(sorted(found, key=lambda check: check.id))


def checked(plan: ResponsePlan, facts: Facts) -> PlanCheck:
    """Everything that is open in a plan that is valid as data, and the state of each requirement."""
    run = tuple(check for check in catalogue() if not check.live or facts.shut is not None)
    points = open_points(plan, facts, run)
    return PlanCheck(
        schema=SCHEMA,
        valid=True,
        open=points,
        requirements=tuple(
            state(framework, name, title, run, points)
            for framework, titles in TITLES.items()
            for name, title in titles.items()
        ),
    )


def open_points(plan: ResponsePlan, facts: Facts, run: Sequence[Check]) -> tuple[OpenPoint, ...]:
    """What the checks found, in the order of the first requirement that each answers."""
    order = [name for titles in TITLES.values() for name in titles]
    return tuple(
        OpenPoint(
            check=check.id,
            where=lack.where,
            what=lack.what,
            risk=lack.risk,
            todo=lack.todo,
            reference=check.answers[0],
            also=check.answers[1:],
        )
        for check in sorted(run, key=lambda check: (order.index(check.answers[0]), check.id))
        for lack in check.find(plan, facts)
    )


def state(framework: str, name: str, title: str, run: Sequence[Check], points: Sequence[OpenPoint]) -> Requirement:
    """How one requirement stands."""
    answering = [check for check in catalogue() if name in check.answers]
    mine = [point for point in points if name in (point.reference, *point.also)]
    idle = [check for check in answering if check not in run]
    return Requirement(
        id=name,
        framework=framework,
        title=title,
        state="open" if mine else "elsewhere" if not answering else "not-run" if idle else "clear",
        open=len(mine),
        checks=tuple(check.id for check in answering if check in run),
        note=ELSEWHERE.get(name, "") or ("Some of it needs --live." if idle else ""),
    )
