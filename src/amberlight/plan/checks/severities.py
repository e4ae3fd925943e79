"""Severities: each with words and with clocks that agree with one another."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import get_args

from amberlight.model.readiness import Clock
from amberlight.model.response_plan import ResponsePlan
from amberlight.model.signals import Severity
from amberlight.plan.check import Check, Facts, Lack

ORDER: tuple[Severity, ...] = get_args(Severity)[::-1]
"""Most severe first."""
CLOCKS = ("acknowledge_min", "decide_min", "preserve_min")


def words(plan: ResponsePlan, _facts: Facts) -> Iterator[Lack]:
    """Severities that triage gives and the plan does not describe."""
    for severity in ORDER:
        if not plan.severities.get(severity, "").strip():
            yield Lack(
                where=f"severities.{severity}",
                what=f"The severity {severity!r} is not described.",
                risk="Triage gives it, and nobody knows what it asks of them.",
                todo=f"Say in `severities.{severity}` what it means here.",
            )


def clocks(plan: ResponsePlan, _facts: Facts) -> Iterator[Lack]:
    """Severities without a clock, and clocks that are no time at all."""
    for severity in ORDER:
        clock = plan.clocks.get(severity, Clock())
        for fault, bad in (
            ("has no", [name for name in CLOCKS if getattr(clock, name) is None]),
            (
                "has nought or less for",
                [name for name in CLOCKS if getattr(clock, name) is not None and getattr(clock, name) <= 0],
            ),
        ):
            if bad:
                yield Lack(
                    where=f"clocks.{severity}",
                    what=f"{severity!r} {fault} {', '.join(bad)}.",
                    risk="Late is not a word where no time was agreed.",
                    todo="Set minutes that a drill has shown to be possible.",
                )


def ordered(plan: ResponsePlan, _facts: Facts) -> Iterator[Lack]:
    """Clocks that contradict: decided before it is acknowledged, or the worse case slower than the lesser."""
    for severity, clock in plan.clocks.items():
        if clock.acknowledge_min and clock.decide_min and clock.decide_min < clock.acknowledge_min:
            yield Lack(
                where=f"clocks.{severity}",
                what=f"{severity!r} is to be decided after {clock.decide_min} minutes and acknowledged after "
                f"{clock.acknowledge_min}.",
                risk="The clock cannot be kept, so nobody keeps it.",
                todo="Let `decide_min` be at least `acknowledge_min`.",
            )
    for worse, lesser in pairwise([one for one in ORDER if one in plan.clocks]):
        for name in CLOCKS:
            slow, fast = getattr(plan.clocks[worse], name), getattr(plan.clocks[lesser], name)
            if slow and fast and slow > fast:
                yield Lack(
                    where=f"clocks.{worse}.{name}",
                    what=f"{worse!r} has {slow} minutes where {lesser!r} has {fast}.",
                    risk="The worse case waits longer.",
                    todo=f"Let `clocks.{worse}.{name}` be at most that of {lesser!r}.",
                )


CHECKS = (
    Check(
        id="severities.words",
        asks="Is each severity described?",
        answers=("SEC10-BP02", "RS.MA-03", "IRG-04"),
        find=words,
    ),
    Check(
        id="severities.clocks",
        asks="Does each severity have clocks to acknowledge, decide and preserve?",
        answers=("SEC10-BP02", "RS.MA-04", "IRG-04"),
        find=clocks,
    ),
    Check(
        id="severities.ordered",
        asks="Do the clocks agree with one another?",
        answers=("SEC10-BP02", "RS.MA-03"),
        find=ordered,
    ),
)
