"""Bands of what a metric usually is: `ANOMALY_DETECTION_BAND` over the metric's own history.

AWS trains a model with trends and seasons. The lab's band is the mean of the periods before those in question, at most two weeks of
them, plus and minus so many population standard deviations as the expression says; a deviation is at least a hundredth of the mean.
With fewer than ten periods of history there is no band.

References:
    "Using CloudWatch anomaly detection", CloudWatch User Guide, 2026-11: up to two weeks of data; two deviations unless said otherwise.
"""

from __future__ import annotations

import dataclasses
import re
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from amberlight.lab import hooks

LEAST_PERIODS, WEEKS_2, LEAST_SHARE = 10, 14 * 86400, 0.01
_EXPRESSION = re.compile(r"\s*ANOMALY_DETECTION_BAND\(\s*(\w+)\s*(?:,\s*(\d+(?:\.\d+)?)\s*)?\)\s*$")


@dataclasses.dataclass(frozen=True)
class Watched:
    """A metric under a band, from an alarm's `Metrics`."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    stat: str
    period: int
    width: float


def watched(alarm: Mapping[str, Any]) -> Watched:
    """What an alarm with `Metrics` watches.

    Raises:
        ValueError: It is anything but one metric and a band over it.
    """
    stats = [each for each in alarm["Metrics"] if "MetricStat" in each]
    bands = [each for each in alarm["Metrics"] if "Expression" in each]
    match = _EXPRESSION.match(bands[0]["Expression"]) if len(bands) == 1 else None
    if (
        len(stats) != 1
        or match is None
        or match[1] != stats[0]["Id"]
        or alarm.get("ThresholdMetricId") != bands[0]["Id"]
    ):
        raise ValueError("the lab evaluates one metric under ANOMALY_DETECTION_BAND, and no other metric math")
    stat = stats[0]["MetricStat"]
    metric = stat["Metric"]
    dimensions = tuple((each["Name"], each["Value"]) for each in metric.get("Dimensions") or ())
    width = float(match[2] or 2)
    return Watched(metric["Namespace"], metric["MetricName"], dimensions, stat["Stat"], int(stat["Period"]), width)


def points(metric: Watched) -> list[Mapping[str, Any]]:
    """The metric's points, for the acting account and Region."""
    cloudwatch = hooks.service("cloudwatch")
    key = (metric.namespace, metric.name, cloudwatch._dims_key(dict(metric.dimensions)))
    return list(cloudwatch._metrics.get(key) or [])


def value(metric: Watched, of: Sequence[Mapping[str, Any]]) -> float | None:
    """The metric's statistic over points, or None without any."""
    cloudwatch = hooks.service("cloudwatch")
    stats = cloudwatch._calc_stats(of)
    found = cloudwatch._stat_value(stats, metric.stat, of) if stats else None
    return None if found is None else float(found)


def periods(metric: Watched, of: Sequence[Mapping[str, Any]], now: float) -> list[float]:
    """The metric's statistic in each period of two weeks that has points."""
    buckets: dict[int, list[Mapping[str, Any]]] = {}
    for point in of:
        if point["Timestamp"] >= now - WEEKS_2:
            buckets.setdefault(int(point["Timestamp"] // metric.period), []).append(point)
    return [found for number in sorted(buckets) if (found := value(metric, buckets[number])) is not None]


def band(metric: Watched, history: Sequence[float]) -> tuple[float, float] | None:
    """Lower and upper bound, or None for want of history."""
    if len(history) < LEAST_PERIODS:
        return None
    mean = statistics.fmean(history)
    spread = max(statistics.pstdev(history), LEAST_SHARE * abs(mean))
    return mean - metric.width * spread, mean + metric.width * spread
