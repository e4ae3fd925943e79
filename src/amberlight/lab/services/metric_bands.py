"""CloudWatch: anomaly detectors, and alarms on the band of what a metric usually is; other metric math is refused.

References:
    "PutAnomalyDetector", "DescribeAnomalyDetectors", "PutMetricAlarm" (`Metrics`, `ThresholdMetricId`), CloudWatch API Reference, 2026-11.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from amberlight.lab import clock, hooks
from amberlight.lab.detection import bands
from amberlight.lab.own import Refused
from amberlight.lab.recorder import requests
from amberlight.lab.world import World

AFTER = ("usage",)
"""Whose evaluation of alarms is wrapped: it looks at a metric by its dimensions."""

REAL = {"cloudwatch.PutAnomalyDetector": "a band from the metric's own history; see `detection/bands.py`"}

_OURS = ("PutAnomalyDetector", "DescribeAnomalyDetectors", "DeleteAnomalyDetector")
_OPERATORS: Mapping[str, Callable[[float, float, float], bool]] = {
    "GreaterThanUpperThreshold": lambda have, _, high: have > high,
    "LessThanLowerThreshold": lambda have, low, _: have < low,
    "LessThanLowerOrGreaterThanUpperThreshold": lambda have, low, high: have < low or have > high,
}
_UNSAID = ("MetricName", "Namespace", "Dimensions", "Statistic", "ExtendedStatistic", "Period", "Threshold", "Unit")
"""What an alarm on metric math does not have."""


class Detectors:
    """The anomaly detectors of all accounts and Regions."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], dict[str, Any]] = {}

    def put(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """PutAnomalyDetector."""
        if asked.get("MetricMathAnomalyDetector"):
            raise Refused("InvalidParameterCombination", "The lab has no detectors over metric math.")
        if (asked.get("Configuration") or {}).get("ExcludedTimeRanges"):
            raise Refused("InvalidParameterValue", "The lab excludes no time ranges.")
        single = _single(asked)
        known = self._known.setdefault(_key(single), {"AnomalyDetectorId": str(uuid.uuid4())})
        known["SingleMetricAnomalyDetector"] = single
        return {"AnomalyDetectorId": known["AnomalyDetectorId"]}

    def describe(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """DescribeAnomalyDetectors."""
        here = (hooks.current_account(), hooks.current_region())
        wanted = {name: asked[name] for name in ("Namespace", "MetricName", "Dimensions") if asked.get(name)}
        found = [
            {**each, "StateValue": _state(each["SingleMetricAnomalyDetector"])}
            for key, each in self._known.items()
            if key[:2] == here and all(each["SingleMetricAnomalyDetector"].get(name) == value for name, value in wanted.items())
        ]  # fmt: skip
        return {"AnomalyDetectors": found}

    def delete(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """DeleteAnomalyDetector."""
        ident = asked.get("AnomalyDetectorId")
        key = next((key for key, each in self._known.items() if ident and each["AnomalyDetectorId"] == ident), None)
        key = key or (None if ident else _key(_single(asked)))
        if key is None or key not in self._known:
            raise Refused("ResourceNotFoundException", "There is no such anomaly detector.", 404)
        del self._known[key]
        return {}


def install(world: World) -> None:
    """Answer the detectors' operations, and take and evaluate alarms on bands."""
    del world
    detectors = Detectors()
    cloudwatch = hooks.service("cloudwatch")
    otherwise = cloudwatch.handle_request
    operations = dict(zip(_OURS, (detectors.put, detectors.describe, detectors.delete), strict=True))

    async def handle(method: str, path: str, headers: Any, body: bytes, query: Any) -> Any:
        wire = requests.Request(method, path, query, headers, body)
        call = requests.identify(requests.Scope("", "", "monitoring", presigned=False), wire)
        if call is None or call.operation not in operations:
            return await otherwise(method, path, headers, body, query)
        forms = _forms(headers)
        try:
            return _answer(operations[call.operation](call.params), *forms, call.operation)
        except Refused as refused:
            return cloudwatch._error(
                refused.code, refused.message, refused.status, use_json=forms[1], use_cbor=forms[0]
            )

    cloudwatch.handle_request = handle
    _install_alarms()


def _forms(headers: Mapping[str, str]) -> tuple[bool, bool]:
    """Whether a request came as CBOR, and whether as JSON; else it is a form, answered in XML."""
    kind = headers.get("content-type", "")
    cbor = "cbor" in kind or "cbor" in headers.get("smithy-protocol", "")
    return cbor, not cbor and "json" in kind


def _answer(members: dict[str, Any], cbor: bool, json: bool, operation: str) -> Any:  # noqa: FBT001
    cloudwatch = hooks.service("cloudwatch")
    if cbor or json:
        return cloudwatch._cbor_ok(members) if cbor else cloudwatch._json_ok(members)
    if operation == "DescribeAnomalyDetectors":
        raise Refused("InvalidAction", "The lab describes anomaly detectors in CBOR and JSON, not in XML.")
    return cloudwatch._xml(200, f"{operation}Response", f"<{operation}Result/>")


def _install_alarms() -> None:
    cloudwatch = hooks.service("cloudwatch")

    def put(params: Any, data: Any, is_cbor: bool, is_json: bool = False) -> Any:  # noqa: FBT001, FBT002
        coded = is_cbor or is_json
        if not (data.get("Metrics") if coded else "Metrics.member.1.Id" in params):
            return old_put(params, data, is_cbor, is_json)
        reason = _unable(data) if coded else "the lab takes Metrics in CBOR and JSON, not in forms"
        if reason:
            return cloudwatch._error("ValidationError", f"The alarm is refused: {reason}.", 400, is_json, is_cbor)
        answer = old_put(params, data, is_cbor, is_json)
        if answer[0] == 200:  # noqa: PLR2004
            alarm = cloudwatch._alarms[data["AlarmName"]]
            alarm.update(
                {**dict.fromkeys(_UNSAID), "Metrics": data["Metrics"], "ThresholdMetricId": data["ThresholdMetricId"]}
            )
        return answer

    def evaluate(alarm: dict[str, Any]) -> None:
        if "ThresholdMetricId" in alarm:
            _evaluate(alarm, clock.now())
        else:
            old_evaluate(alarm)

    old_put = hooks.replace("services.cloudwatch", "_put_metric_alarm", put)
    old_evaluate = hooks.replace("services.cloudwatch", "_evaluate_alarm", evaluate)


def _unable(data: Mapping[str, Any]) -> str:
    try:
        bands.watched(data)
    except (ValueError, KeyError) as error:
        return str(error)
    return "" if data.get("ComparisonOperator") in _OPERATORS else "a band is compared by its upper or lower threshold"


def _evaluate(alarm: dict[str, Any], now: float) -> None:
    metric = bands.watched(alarm)
    found, since = bands.points(metric), now - metric.period * alarm["EvaluationPeriods"]
    have = bands.value(metric, [each for each in found if each["Timestamp"] >= since])
    limits = bands.band(metric, bands.periods(metric, [each for each in found if each["Timestamp"] < since], now))
    if have is None or limits is None:
        return
    breached = _OPERATORS[alarm["ComparisonOperator"]](have, *limits)
    state = "ALARM" if breached else "OK"
    if state != alarm["StateValue"]:
        said = "outside" if breached else "inside"
        _change(alarm, state, f"Thresholds Crossed: {have:g} is {said} the band ({limits[0]:g}, {limits[1]:g}).")


def _change(alarm: dict[str, Any], state: str, reason: str) -> None:
    cloudwatch, old = hooks.service("cloudwatch"), alarm["StateValue"]
    alarm.update(StateValue=state, StateReason=reason, StateUpdatedTimestamp=int(clock.now()))
    cloudwatch._record_history(alarm["AlarmName"], old, state, reason)
    cloudwatch._dispatch_alarm_actions(alarm, old, state, reason)
    cloudwatch._evaluate_parent_alarms(alarm)


def _single(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The metric of a detector, whichever of its two spellings was used."""
    given = asked.get("SingleMetricAnomalyDetector") or asked
    if missing := [name for name in ("Namespace", "MetricName", "Stat") if not given.get(name)]:
        raise Refused("MissingParameter", f"The parameter {missing[0]} is required.")
    return {"Namespace": given["Namespace"], "MetricName": given["MetricName"], "Stat": given["Stat"],
            "Dimensions": list(given.get("Dimensions") or [])}  # fmt: skip


def _key(single: Mapping[str, Any]) -> tuple[str, ...]:
    dimensions = sorted((each["Name"], each["Value"]) for each in single["Dimensions"])
    here = (hooks.current_account(), hooks.current_region())
    return (*here, single["Namespace"], single["MetricName"], single["Stat"], repr(dimensions))


def _state(single: Mapping[str, Any]) -> str:
    dimensions = tuple((each["Name"], each["Value"]) for each in single["Dimensions"])
    metric = bands.Watched(single["Namespace"], single["MetricName"], dimensions, single["Stat"], 60, 2.0)
    enough = len(bands.periods(metric, bands.points(metric), clock.now())) >= bands.LEAST_PERIODS
    return "TRAINED" if enough else "TRAINED_INSUFFICIENT_DATA"
