"""Which findings match GuardDuty's criteria, and in which order.

References:
    "ListFindings" (attributes are named as in the finding's JSON; `updatedAt` in milliseconds since 1970) and "Condition", GuardDuty API
    Reference, 2026-11.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from amberlight.lab.detection.guardduty import Finding
from amberlight.lab.detection.wire import values_at

_TIMES = ("createdAt", "updatedAt", "service.eventFirstSeen", "service.eventLastSeen")
_TESTS: Mapping[str, Callable[[list[Any], Any], bool]] = {
    "equals": lambda have, wanted: any(_text(each) in wanted for each in have),
    "notEquals": lambda have, wanted: not any(_text(each) in wanted for each in have),
    "greaterThan": lambda have, wanted: any(each > wanted for each in have),
    "greaterThanOrEqual": lambda have, wanted: any(each >= wanted for each in have),
    "lessThan": lambda have, wanted: any(each < wanted for each in have),
    "lessThanOrEqual": lambda have, wanted: any(each <= wanted for each in have),
}
_SHORT = {"eq": "equals", "neq": "notEquals", "gt": "greaterThan", "gte": "greaterThanOrEqual", "lt": "lessThan",
          "lte": "lessThanOrEqual"}  # fmt: skip
"""The older names of the conditions, which the API still takes."""


def matches(finding: Finding, criterion: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether a finding meets every condition.

    Raises:
        ValueError: A condition is none that the lab knows, or compares what is no number.
    """
    return all(_holds(finding, path, name, wanted) for path, each in criterion.items() for name, wanted in each.items())


def _holds(finding: Finding, path: str, name: str, wanted: Any) -> bool:
    test = _TESTS.get(_SHORT.get(name, name))
    if test is None:
        raise ValueError(f"the lab does not know the condition {name}")
    try:
        return test(_values(finding, path), wanted)
    except TypeError as error:
        raise ValueError(f"{path} cannot be compared by {name}") from error


def _values(finding: Finding, path: str) -> list[Any]:
    found = list(values_at(finding, path))
    if path in _TIMES:
        return [int(dt.datetime.fromisoformat(each).timestamp() * 1000) for each in found]
    return found


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def ordered(findings: Sequence[Finding], attribute: str, *, descending: bool) -> list[Finding]:
    """Findings by an attribute; those that lack it come last.

    Raises:
        ValueError: The attribute's values cannot be compared.
    """
    having = [each for each in findings if _values(each, attribute)]
    try:
        having.sort(key=lambda each: _values(each, attribute)[0], reverse=descending)
    except TypeError as error:
        raise ValueError(f"findings cannot be ordered by {attribute}") from error
    return having + [each for each in findings if not _values(each, attribute)]
