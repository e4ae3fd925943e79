"""Cost Explorer's figures by service, hour or day: a jump of the last period against the ones before.

For those who have no anomaly monitor: hand in an answer of GetCostAndUsage, grouped by service. A service jumps when its last
whole period lies more than six spreads over the median of the earlier ones and costs at least a dollar more; the spread is
the median of the distances from the median, and at least a tenth of it, so that a flat line does not ring for cents. With
fewer than seven earlier periods nothing is said about a service, and the signal says so. Figures come a day late: it supports.
"""

from __future__ import annotations

from itertools import islice
from statistics import median

import msgspec

from amberlight.aware.envelope import FIX, Message
from amberlight.aware.intake import Intake
from amberlight.aware.intake._fields import made, moment, taken
from amberlight.model.errors import ConfigError
from amberlight.model.signals import Signal

POINTS = 25.0
TIMES = 6.0
LEAST_USD = 1.0
LEAST_PERIODS = 7
LEAST_SPREAD = 0.1
TO_SIGMA = 1.4826
"""From: the median of distances times this is the standard deviation, where figures are spread normally."""
METRICS = ("UnblendedCost", "AmortizedCost", "NetUnblendedCost", "BlendedCost", "UsageQuantity")
MOST_NAMED = 5


class Period(msgspec.Struct, frozen=True):
    """`TimePeriod`: the end does not belong to it."""

    Start: str
    End: str


class Amount(msgspec.Struct, frozen=True):
    """A figure, as text."""

    Amount: str
    Unit: str = ""


class Group(msgspec.Struct, frozen=True):
    """One service in one period; a second key may be an account."""

    Keys: tuple[str, ...]
    Metrics: dict[str, Amount]


class Result(msgspec.Struct, frozen=True):
    """One period. `Estimated` is true while billing still works on it, which is always so for the last days."""

    TimePeriod: Period
    Groups: tuple[Group, ...]
    Estimated: bool = False


class Answer(msgspec.Struct, frozen=True):
    """GetCostAndUsage's answer."""

    ResultsByTime: tuple[Result, ...]


class Jump(msgspec.Struct, frozen=True, order=True):
    """A service that jumped: by how much, to what, from which median."""

    more: float
    name: str
    now: float
    usual: float


def knows(message: Message) -> bool:
    """An answer of GetCostAndUsage."""
    return "ResultsByTime" in message.body


def read(message: Message) -> tuple[Signal, ...]:
    """One signal for all services together, with points where one of them jumped."""
    results = sorted(
        taken(message.body, Answer, "answer of Cost Explorer").ResultsByTime, key=lambda one: one.TimePeriod.Start
    )
    if not results:
        raise ConfigError("This answer of Cost Explorer holds no period.", FIX)
    series = by_service(results)
    last = results[-1].TimePeriod
    found = sorted(filter(None, (jump(name, figures) for name, figures in series.items())), reverse=True)
    short = len(results) <= LEAST_PERIODS
    words = "; ".join(f"{one.name}: {one.now:.2f} instead of {one.usual:.2f}" for one in islice(found, MOST_NAMED))
    note = (
        f"only {len(results) - 1} earlier periods, at least {LEAST_PERIODS} are needed"
        if short
        else "no service jumped"
    )
    signal = made(
        message,
        "usage_figures",
        (last.Start, last.End, str(sorted((name, figures[-1]) for name, figures in series.items()))),
        title=f"Usage of {len(found)} service(s) jumped" if found else "Usage figures",
        when=moment(last.Start, "period"),
        points=POINTS if found else 0.0,
        reason=f"Cost Explorer, {last.Start} to {last.End}: {words or note}",
    )
    return (signal,)


def by_service(results: list[Result]) -> dict[str, list[float]]:
    """Figures of every period by service (and account, where grouped so); 0 where a service was not used."""
    series: dict[str, list[float]] = {}
    for number, result in enumerate(results):
        for group in result.Groups:
            figures = series.setdefault(", ".join(group.Keys), [0.0] * len(results))
            figures[number] += figure(group)
    return series


def figure(group: Group) -> float:
    """The group's cost, or its quantity where no cost was asked for.

    Raises:
        ConfigError: there is no figure, or it is no number.
    """
    name = next((one for one in METRICS if one in group.Metrics), "")
    text = group.Metrics[name].Amount if name else "nothing"
    try:
        value = float(text)
    except ValueError as problem:
        raise ConfigError(f"A figure of Cost Explorer is {text[:40]!r}, no number.", FIX) from problem
    if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124 - NaN is the one that differs from itself
        raise ConfigError(f"A figure of Cost Explorer is {text[:40]!r}.", FIX)
    return value


def jump(name: str, figures: list[float]) -> Jump | None:
    """The last period against the ones before; None where it is as usual, or too little is known."""
    *before, now = figures
    if len(before) < LEAST_PERIODS:
        return None
    usual = median(before)
    spread = max(TO_SIGMA * median(abs(one - usual) for one in before), LEAST_SPREAD * abs(usual))
    far = now - usual > TIMES * spread and now - usual >= LEAST_USD
    return Jump(more=now - usual, name=name, now=now, usual=usual) if far else None


INTAKE = Intake(
    id="usage_figures",
    title="Usage figures of Cost Explorer",
    knows=knows,
    signals=read,
    how="`aws ce get-cost-and-usage --granularity DAILY --metrics UnblendedCost --group-by Type=DIMENSION,Key=SERVICE`, as a file",
    references=("https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_GetCostAndUsage.html",),
)
