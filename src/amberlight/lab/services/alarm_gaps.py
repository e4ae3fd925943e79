"""CloudWatch alarms without data: what `TreatMissingData` says happens, so that an alarm can end, and fire again.

The emulator leaves an alarm as it was. The lab looks back over the evaluation periods alone (AWS: a little further).

References:
    "Configuring how CloudWatch alarms treat missing data", CloudWatch User Guide, 2026-11: `missing` (the default) leads to
    `INSUFFICIENT_DATA`, `ignore` keeps the state, `breaching` and `notBreaching` count as data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amberlight.lab import clock, hooks
from amberlight.lab.world import World

AFTER = ("usage", "metric_bands")
"""Who evaluates alarms on their data."""

_STATES = {"missing": "INSUFFICIENT_DATA", "breaching": "ALARM", "notBreaching": "OK"}


def install(world: World) -> None:
    """Evaluate alarms on their data, and without any on that."""
    del world

    def evaluate(alarm: dict[str, Any]) -> None:
        old(alarm)
        state = _STATES.get(str(alarm.get("TreatMissingData") or "missing"))
        if alarm.get("MetricName") and state not in (None, alarm["StateValue"]) and not _has_data(alarm):
            _change(alarm, str(state))

    old = hooks.replace("services.cloudwatch", "_evaluate_alarm", evaluate)


def _has_data(alarm: Mapping[str, Any]) -> bool:
    cloudwatch = hooks.service("cloudwatch")
    dimensions = cloudwatch._dims_key(cloudwatch._dims_from_list(alarm.get("Dimensions") or []))
    points = cloudwatch._metrics.get((alarm["Namespace"], alarm["MetricName"], dimensions)) or []
    since = clock.now() - int(alarm["Period"]) * int(alarm["EvaluationPeriods"])
    return any(each["Timestamp"] >= since for each in points)


def _change(alarm: dict[str, Any], state: str) -> None:
    cloudwatch, old = hooks.service("cloudwatch"), alarm["StateValue"]
    treated = alarm.get("TreatMissingData") or "missing"
    reason = (
        f"No datapoints were received for {alarm['EvaluationPeriods']} period(s); missing data is treated as {treated}."
    )
    alarm.update(StateValue=state, StateReason=reason, StateUpdatedTimestamp=int(clock.now()))
    cloudwatch._record_history(alarm["AlarmName"], old, state, reason)
    cloudwatch._dispatch_alarm_actions(alarm, old, state, reason)
    cloudwatch._evaluate_parent_alarms(alarm)
