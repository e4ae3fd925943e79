"""Cost Explorer's questions: periods, filters, groups and metrics over the bill.

References:
    "GetCostAndUsage", "Expression" and "GetDimensionValues", AWS Cost Management API Reference, 2026-11: an end is exclusive, at most
    two groups, 14 days back by the hour; a bill is estimated until its month is over.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from amberlight.lab.cost import prices
from amberlight.lab.cost.ledger import DAY_S, HOUR_S, Ledger, Line, Use, day_of
from amberlight.lab.own import Refused

_DIMENSIONS: Mapping[str, Callable[[Line], str]] = {
    "SERVICE": lambda line: line.use.service,
    "REGION": lambda line: line.use.region,
    "USAGE_TYPE": lambda line: line.use.billed_as,
    "OPERATION": lambda line: line.use.operation,
    "LINKED_ACCOUNT": lambda line: line.use.account,
    "RECORD_TYPE": lambda _: "Usage",
    "INSTANCE_TYPE": lambda line: line.use.usage_type.partition("BoxUsage:")[2] or "NoInstanceType",
}
_MATCHES: Mapping[str, Callable[[str, Sequence[str]], bool]] = {
    "EQUALS": lambda have, wanted: have in wanted,
    "STARTS_WITH": lambda have, wanted: have.startswith(tuple(wanted)),
    "ENDS_WITH": lambda have, wanted: have.endswith(tuple(wanted)),
    "CONTAINS": lambda have, wanted: any(each in have for each in wanted),
}
_COSTS = ("UnblendedCost", "BlendedCost", "AmortizedCost", "NetUnblendedCost", "NetAmortizedCost")
"""The same in the lab: nothing is reserved, shared or discounted."""
_SAME = {"UNBLENDED_COST": "UnblendedCost", "BLENDED_COST": "BlendedCost", "AMORTIZED_COST": "AmortizedCost",
         "USAGE_QUANTITY": "UsageQuantity"}  # fmt: skip
_BACK_BY_HOUR_DAYS = 14


def wrong(message: str) -> Refused:
    """A question that Cost Explorer does not take."""
    return Refused("ValidationException", message)


def passes(line: Line, expression: Mapping[str, Any] | None) -> bool:
    """Whether a line meets an `Expression`."""
    if not expression:
        return True
    (kind, value), *more = expression.items()
    if more:
        raise wrong("An expression has one root: And, Or, Not or Dimensions.")
    if kind in ("And", "Or"):
        return (all if kind == "And" else any)([passes(line, each) for each in value])
    if kind == "Not":
        return not passes(line, value)
    if kind != "Dimensions":
        raise wrong(f"The lab's bill has no {kind} to filter by.")
    options = value.get("MatchOptions") or ["EQUALS"]
    if unknown := [each for each in options if each not in (*_MATCHES, "CASE_SENSITIVE")]:
        raise wrong(f"The lab does not match by {unknown[0]}.")
    have = dimension(value["Key"])(line)
    return any(_MATCHES[each](have, value["Values"]) for each in options if each in _MATCHES) or (
        options == ["CASE_SENSITIVE"] and have in value["Values"]
    )


def dimension(key: str) -> Callable[[Line], str]:
    """The value of a dimension."""
    if key not in _DIMENSIONS:
        raise wrong(f"The lab's bill has no dimension {key}.")
    return _DIMENSIONS[key]


def asked_for(ledger: Ledger, accounts: frozenset[str], asked: Mapping[str, Any]) -> tuple[list[Line], float, float]:
    """The lines of the asker's accounts that meet the filter within the period, and its bounds."""
    start, end = (_moment(asked["TimePeriod"][name]) for name in ("Start", "End"))
    passes(Line(Use("", "", "", "", ""), 0), asked.get("Filter"))
    if start >= end:
        raise wrong("Start date (and hour) should be before end date (and hour).")
    found = [
        line for line in ledger.lines()
        if line.use.account in accounts and start <= line.hour < end and passes(line, asked.get("Filter"))
    ]  # fmt: skip
    return found, start, end


def _moment(text: str) -> float:
    try:
        return dt.datetime.fromisoformat(text if "T" in text else f"{text}T00:00:00Z").timestamp()
    except ValueError as error:
        raise wrong(
            "Start time or end time is invalid. Valid format is: yyyy-MM-dd or yyyy-MM-ddThh:mm:ssZ."
        ) from error


def cost_and_usage(ledger: Ledger, accounts: frozenset[str], asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    """`ResultsByTime`."""
    lines, start, end = asked_for(ledger, accounts, asked)
    keys, metrics = [_group(each) for each in asked.get("GroupBy") or ()], [_metric(each) for each in asked["Metrics"]]
    if len(keys) > 2:  # noqa: PLR2004
        raise wrong("Groups are at most two.")
    granularity = asked["Granularity"]
    if granularity == "HOURLY" and start < ledger.now() - (_BACK_BY_HOUR_DAYS + 1) * DAY_S:
        raise wrong("You can go back only 14 days by the hour.")
    month = dt.datetime.fromtimestamp(ledger.now(), dt.UTC).strftime("%Y-%m-01")
    return [
        _result(
            [line for line in lines if begin <= line.hour < until], keys, metrics,
            {"Start": _written(begin, granularity), "End": _written(until, granularity)}, until > _moment(month),
        )
        for begin, until in _periods(start, end, granularity)
    ]  # fmt: skip


def _group(given: Mapping[str, str]) -> Callable[[Line], str]:
    if given.get("Type", "DIMENSION") != "DIMENSION":
        raise wrong(f"The lab's bill has no {given['Type']} to group by.")
    return dimension(given["Key"])


def _metric(name: str) -> str:
    found = _SAME.get(name, name)
    if found not in (*_COSTS, "UsageQuantity"):
        raise wrong(f"The lab's bill has no metric {name}.")
    return found


def _periods(start: float, end: float, granularity: str) -> Iterator[tuple[float, float]]:
    while start < end:
        if granularity == "MONTHLY":
            first = dt.datetime.fromtimestamp(start, dt.UTC).replace(day=1)
            step = (first + dt.timedelta(days=32)).replace(day=1).timestamp()
        else:
            step = start + (HOUR_S if granularity == "HOURLY" else DAY_S)
        yield start, min(step, end)
        start = step


def _written(moment: float, granularity: str) -> str:
    return day_of(moment) + (
        dt.datetime.fromtimestamp(moment, dt.UTC).strftime("T%H:%M:%SZ") if granularity == "HOURLY" else ""
    )


def _result(
    lines: list[Line], keys: list[Callable[[Line], str]], metrics: list[str], period: dict[str, str], estimated: bool  # noqa: FBT001
) -> dict[str, Any]:  # fmt: skip
    if not keys:
        return {"TimePeriod": period, "Total": _sums(lines, metrics), "Groups": [], "Estimated": estimated}
    groups: dict[tuple[str, ...], list[Line]] = {}
    for line in lines:
        groups.setdefault(tuple(key(line) for key in keys), []).append(line)
    made = [{"Keys": list(names), "Metrics": _sums(groups[names], metrics)} for names in sorted(groups)]
    return {"TimePeriod": period, "Total": {}, "Groups": made, "Estimated": estimated}


def _sums(lines: Iterable[Line], metrics: list[str]) -> dict[str, dict[str, str]]:
    found = list(lines)
    units = {prices.unit(line.use.usage_type) for line in found}
    return {
        name: {
            "Amount": f"{sum(line.quantity for line in found):.10f}",
            "Unit": units.pop() if len(units) == 1 else "N/A",
        }
        if name == "UsageQuantity"
        else {"Amount": f"{sum(line.usd for line in found):.10f}", "Unit": "USD"}
        for name in metrics
    }
