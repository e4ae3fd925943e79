"""Metric filters: each log event that matches puts a value into a metric, at the event's own time.

References:
    "PutMetricFilter" and "MetricTransformation", CloudWatch Logs API Reference, 2026-11: a value is a number or a `$.path`; the default
    value stands for ingested events of which none matches; dimensions are paths, at most three, and exclude a default value.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from amberlight.lab import clock, hooks
from amberlight.lab.logs.conditions import values_at
from amberlight.lab.logs.patterns import compiled

_MOST_DIMENSIONS = 3


def wrong(transformations: Sequence[Mapping[str, Any]]) -> str:
    """Why transformations are refused, or nothing."""
    if len(transformations) != 1:
        return "A metric filter has one metric transformation."
    one = transformations[0]
    dimensions = one.get("dimensions") or {}
    if dimensions and "defaultValue" in one:
        return "A metric with dimensions has no default value."
    if len(dimensions) > _MOST_DIMENSIONS:
        return "A metric has at most three dimensions."
    value = str(one.get("metricValue", ""))
    return "" if value.startswith("$") or _number(value) is not None else "The metric value is no number and no path."


def feed(group: str, events: Sequence[Mapping[str, Any]]) -> None:
    """Put what these events of a log group of the acting account are worth."""
    for (owner, _), found in list(hooks.service("cloudwatch_logs")._metric_filters.items()):
        if owner == group:
            _feed(found, events)


def _feed(found: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> None:
    matches = compiled(found["filterPattern"])
    for transformation in found["metricTransformations"]:
        points = [_point(transformation, event) for event in events if matches(event.get("message", ""))]
        put = [point for point in points if point is not None]
        if not put and "defaultValue" in transformation and events:
            put = [(float(transformation["defaultValue"]), {}, _time(events[-1]))]
        for value, dimensions, moment in put:
            _put(transformation, value, dimensions, moment)


def _point(transformation: Mapping[str, Any], event: Mapping[str, Any]) -> tuple[float, dict[str, str], float] | None:
    document = _json(event.get("message", ""))
    text = str(transformation["metricValue"])
    (value, *_) = list(values_at(document, text)) or [None] if text.startswith("$") else [text]
    number = _number(value)
    dimensions = {
        name: str(each)
        for name, path in (transformation.get("dimensions") or {}).items()
        for each in values_at(document, path)
    }
    if number is None or len(dimensions) < len(transformation.get("dimensions") or {}):
        return None
    return number, dimensions, _time(event)


def _put(transformation: Mapping[str, Any], value: float, dimensions: dict[str, str], moment: float) -> None:
    cloudwatch = hooks.service("cloudwatch")
    key = (transformation["metricNamespace"], transformation["metricName"], cloudwatch._dims_key(dimensions))
    cloudwatch._metric_bucket(key).append({
        "Timestamp": moment, "Value": value, "Unit": transformation.get("unit", "None"), "Dimensions": dimensions,
    })  # fmt: skip


def _time(event: Mapping[str, Any]) -> float:
    return float(event.get("timestamp", clock.now() * 1000)) / 1000


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
