"""Monitors and alert subscriptions of accounts, and the alerts that go out.

References:
    "CreateAnomalyMonitor", "CreateAnomalySubscription" (`ThresholdExpression`), AWS Cost Management API Reference, 2026-11.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from amberlight.lab.cost.anomalies import Monitor, told
from amberlight.lab.cost.ledger import Ledger
from amberlight.lab.detection import bus
from amberlight.lab.options import REGION
from amberlight.lab.own import Refused

_IMPACTS = {"ANOMALY_TOTAL_IMPACT_ABSOLUTE": "TotalImpact", "ANOMALY_TOTAL_IMPACT_PERCENTAGE": "TotalImpactPercentage"}
Accounts = Callable[[str], frozenset[str]]
"""The accounts whose bill an account sees."""


class Watch:
    """All monitors and subscriptions."""

    def __init__(self, ledger: Ledger, accounts: Accounts) -> None:
        self._ledger = ledger
        self._accounts = accounts
        self._monitors: dict[str, Monitor] = {}
        self._subscriptions: dict[str, dict[str, Any]] = {}
        self._told: set[tuple[str, str]] = set()

    def work(self) -> None:
        """Look for anomalies, and tell of those that were not told of."""
        for monitor in self._monitors.values():
            monitor.evaluate(self._ledger, self._accounts(monitor.account))
            for anomaly in monitor.anomalies.values():
                self._tell(monitor, anomaly)

    def _tell(self, monitor: Monitor, anomaly: dict[str, Any]) -> None:
        if self._once("event", anomaly):
            place = (monitor.account, REGION)
            bus.tell(place, "aws.ce", "Anomaly Detected", told(anomaly, monitor, None), [monitor.arn])
        for arn, each in self._subscriptions.items():
            watched = monitor.arn in each["MonitorArnList"] and _passes(anomaly["Impact"], each)
            if watched and self._once(arn, anomaly):
                for subscriber in each["Subscribers"]:
                    message = json.dumps(told(anomaly, monitor, each))
                    title = "AWS Cost Management: Cost anomaly detected"
                    bus.publish(subscriber["Address"], message, title, "costalerts.amazonaws.com")

    def _once(self, arn: str, anomaly: Mapping[str, Any]) -> bool:
        key = (arn, anomaly["AnomalyId"])
        new = key not in self._told
        self._told.add(key)
        return new

    # --- monitors ---

    def monitors(self, account: str) -> list[Monitor]:
        """An account's monitors."""
        return [each for each in self._monitors.values() if each.account == account]

    def monitor(self, account: str, arn: str) -> Monitor:
        """One of an account's monitors."""
        found = self._monitors.get(arn)
        if found is None or found.account != account:
            raise Refused("UnknownMonitorException", f"Unable to find monitor {arn}.")
        return found

    def create_monitor(self, account: str, given: Mapping[str, Any]) -> str:
        """A new monitor's ARN."""
        dimensional = given["MonitorType"] == "DIMENSIONAL"
        if dimensional and given.get("MonitorDimension") != "SERVICE":
            raise Refused("ValidationException", "The lab watches the dimension SERVICE alone.")
        if not dimensional and set(given.get("MonitorSpecification") or {}) != {"Dimensions"}:
            raise Refused("ValidationException", "The lab's custom monitors have one expression, of Dimensions.")
        if dimensional and any(each.given["MonitorType"] == "DIMENSIONAL" for each in self.monitors(account)):
            raise Refused("LimitExceededException", "Limit exceeded on dimensional spend monitor creation.")
        made = Monitor(account, dict(given), self._ledger.now())
        self._monitors[made.arn] = made
        return made.arn

    def delete_monitor(self, account: str, arn: str) -> None:
        """Forget a monitor and its anomalies."""
        del self._monitors[self.monitor(account, arn).arn]

    # --- subscriptions ---

    def subscriptions(self, account: str) -> list[dict[str, Any]]:
        """An account's subscriptions."""
        return [each for each in self._subscriptions.values() if each["AccountId"] == account]

    def create_subscription(self, account: str, given: Mapping[str, Any]) -> str:
        """A new subscription's ARN."""
        for arn in given["MonitorArnList"]:
            self.monitor(account, arn)
        if given["Frequency"] != "IMMEDIATE" or any(each["Type"] != "SNS" for each in given["Subscribers"]):
            raise Refused("ValidationException", "The lab sends no mail: alerts are IMMEDIATE and go to SNS.")
        _passes({"TotalImpact": 0.0, "TotalImpactPercentage": 0.0}, given)
        arn = f"arn:aws:ce::{account}:anomalysubscription/{uuid.uuid4()}"
        subscribers = [{**each, "Status": "CONFIRMED"} for each in given["Subscribers"]]
        self._subscriptions[arn] = {**given, "Subscribers": subscribers, "SubscriptionArn": arn, "AccountId": account}
        return arn

    def delete_subscription(self, account: str, arn: str) -> None:
        """Forget a subscription."""
        if arn not in self._subscriptions or self._subscriptions[arn]["AccountId"] != account:
            raise Refused("UnknownSubscriptionException", f"Unable to find subscription {arn}.")
        del self._subscriptions[arn]


def _passes(impact: Mapping[str, float], subscription: Mapping[str, Any]) -> bool:
    """Whether an anomaly is large enough to be told of."""
    expression = subscription.get("ThresholdExpression")
    if expression is None:
        return impact["TotalImpact"] >= float(subscription.get("Threshold", 0.0))
    return _holds(expression, impact)


def _holds(expression: Mapping[str, Any], impact: Mapping[str, float]) -> bool:
    (kind, value), *_ = expression.items()
    if kind in ("And", "Or"):
        return (all if kind == "And" else any)([_holds(each, impact) for each in value])
    if kind != "Dimensions" or value["Key"] not in _IMPACTS:
        raise Refused("ValidationException", "ThresholdExpression takes ANOMALY_TOTAL_IMPACT dimensions, And and Or.")
    return impact[_IMPACTS[value["Key"]]] >= float(value["Values"][0])
