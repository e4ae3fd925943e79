"""CloudWatch Logs: filter patterns that are heeded, and metric filters that feed metrics.

References:
    "FilterLogEvents", "PutMetricFilter", "PutSubscriptionFilter", CloudWatch Logs API Reference, 2026-11.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from amberlight.lab import hooks
from amberlight.lab.logs import metrics
from amberlight.lab.logs.conditions import PatternError
from amberlight.lab.logs.patterns import compiled
from amberlight.lab.world import World

REAL = {
    "logs.FilterLogEvents": "patterns of terms, JSON conditions and delimited fields are heeded",
    "logs.PutMetricFilter": "each matching event feeds the metric, and its alarms",
}

Handler = Callable[[dict[str, Any]], Any]


def install(world: World) -> None:
    """Put the patterns in place."""
    del world
    logs = hooks.service("cloudwatch_logs")
    hooks.replace("services.cloudwatch_logs", "_compile_filter_pattern", lambda raw: compiled(raw or ""))
    hooks.replace(
        "services.cloudwatch_logs",
        "_subscription_pattern_matches",
        lambda pattern, message: compiled(pattern or "")(message or ""),
    )

    def filter_events(data: dict[str, Any]) -> Any:
        return _refusal(data) or old_filter(data)

    def put_metric_filter(data: dict[str, Any]) -> Any:
        reason = metrics.wrong(data.get("metricTransformations") or [])
        return _refusal(data) or (_invalid(reason) if reason else old_metric(data))

    def put_subscription_filter(data: dict[str, Any]) -> Any:
        return _refusal(data) or old_subscription(data)

    def fan_out(group: str, stream: str, events: list[Mapping[str, Any]]) -> None:
        old_fan_out(group, stream, events)
        if group in logs._log_groups:
            metrics.feed(group, events)

    old_filter = hooks.replace("services.cloudwatch_logs", "_filter_log_events", filter_events)
    old_metric = hooks.replace("services.cloudwatch_logs", "_put_metric_filter", put_metric_filter)
    old_subscription = hooks.replace("services.cloudwatch_logs", "_put_subscription_filter", put_subscription_filter)
    old_fan_out = hooks.replace("services.cloudwatch_logs", "_fanout_to_subscription_filters", fan_out)


def _refusal(data: Mapping[str, Any]) -> Any:
    try:
        compiled(str(data.get("filterPattern") or ""))
    except PatternError as error:
        return _invalid(f"Invalid filter pattern: {error}")
    return None


def _invalid(message: str) -> Any:
    return hooks.emulator("core.responses").error_response_json("InvalidParameterException", message, 400)
