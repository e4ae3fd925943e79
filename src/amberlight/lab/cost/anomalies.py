"""Cost anomalies: days on which a service cost much more than on the days before.

AWS does not say how it finds them. The lab's rule: a service has at least ten days of figures, and a day costs more than their mean
by three standard deviations and by a tenth. Days of an anomaly are not counted to what is expected of the next.

References:
    "Detecting unusual spend with AWS Cost Anomaly Detection", AWS Cost Management User Guide, 2026-11: ten days of history are needed;
    one monitor of AWS services for an account; immediate alerts go to SNS, others by mail; forms of message and event.
"""

from __future__ import annotations

import dataclasses
import statistics
import uuid
from collections.abc import Mapping
from typing import Any

from amberlight.lab.cost.ledger import DAY_S, HOUR_S, Ledger, Line, day_of
from amberlight.lab.cost.query import passes

DAYS, LEAST_DAYS, DEVIATIONS, LEAST_SHARE = 30, 10, 3.0, 0.1
_MOST_CAUSES = 10


@dataclasses.dataclass
class Monitor:
    """What is watched."""

    account: str
    given: Mapping[str, Any]
    created: float
    arn: str = ""
    anomalies: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    evaluated: float = 0.0

    def __post_init__(self) -> None:
        self.arn = f"arn:aws:ce::{self.account}:anomalymonitor/{uuid.uuid4()}"

    def shown(self) -> dict[str, Any]:
        """The monitor as the API shows it."""
        evaluated = day_of(self.evaluated) if self.evaluated else None
        return {**self.given, "MonitorArn": self.arn, "CreationDate": day_of(self.created),
                "LastUpdatedDate": day_of(self.created), **({"LastEvaluatedDate": evaluated} if evaluated else {})}  # fmt: skip

    def evaluate(self, ledger: Ledger, accounts: frozenset[str]) -> None:
        """Look at each day since the last look, this one included."""
        now = ledger.now()
        today = now // DAY_S * DAY_S
        day = min(self.evaluated or today, today) // DAY_S * DAY_S
        lines = [line for line in ledger.lines() if line.use.account in accounts and self._watches(line)]
        while day <= today:
            for name in sorted({self._name(line) for line in lines}):
                self._look(name, day, [line for line in lines if self._name(line) == name])
            day += DAY_S
        self.evaluated = now

    def _watches(self, line: Line) -> bool:
        return passes(line, self.given.get("MonitorSpecification"))

    def _name(self, line: Line) -> str:
        return line.use.service if self.given["MonitorType"] == "DIMENSIONAL" else ""

    def _look(self, name: str, day: float, lines: list[Line]) -> None:
        known = next(
            (each for each in self.anomalies.values() if each["DimensionValue"] == name and _near(each, day)), None
        )
        unusual = {one for each in self.anomalies.values() if each["DimensionValue"] == name for one in _days(each)}
        before = _by_day(
            [line for line in lines if day - DAYS * DAY_S <= line.hour < day and day_of(line.hour) not in unusual]
        )
        if len(before) < LEAST_DAYS:
            return
        expected, spread = statistics.fmean(before.values()), statistics.pstdev(before.values())
        of_day = [line for line in lines if day <= line.hour < day + DAY_S]
        actual = sum(line.usd for line in of_day)
        if actual > expected + max(DEVIATIONS * spread, LEAST_SHARE * expected):
            found = known or self._new(name, day)
            found["_days"][day_of(day)] = (actual, expected)
            found["RootCauses"] = _causes(of_day, [line for line in lines if line.hour < day], before)
            _sum_up(found)

    def _new(self, name: str, day: float) -> dict[str, Any]:
        made: dict[str, Any] = {"AnomalyId": str(uuid.uuid4()), "DimensionValue": name, "MonitorArn": self.arn, "_days": {},
                                "AnomalyStartDate": f"{day_of(day)}T00:00:00Z"}  # fmt: skip
        self.anomalies[made["AnomalyId"]] = made
        return made


def _near(anomaly: Mapping[str, Any], day: float) -> bool:
    """Whether an anomaly has this day, or ended on the day before."""
    return bool(set(anomaly["_days"]) & {day_of(day), day_of(day - HOUR_S)})


def _days(anomaly: Mapping[str, Any]) -> set[str]:
    return set(anomaly["_days"])


def _by_day(lines: list[Line]) -> dict[str, float]:
    found: dict[str, float] = {}
    for line in lines:
        found[day_of(line.hour)] = found.get(day_of(line.hour), 0.0) + line.usd
    return found


def _causes(of_day: list[Line], earlier: list[Line], days: Mapping[str, float]) -> list[dict[str, Any]]:
    """Where the day cost more than the days before, the most first."""
    more: dict[tuple[str, str, str, str], float] = {}
    for lines, weight in ((of_day, 1.0), ([line for line in earlier if day_of(line.hour) in days], -1.0 / len(days))):
        for line in lines:
            key = (line.use.service, line.use.region, line.use.account, line.use.billed_as)
            more[key] = more.get(key, 0.0) + weight * line.usd
    worst = sorted(((usd, key) for key, usd in more.items() if usd > 0), reverse=True)[:_MOST_CAUSES]
    return [
        {"Service": service, "Region": region, "LinkedAccount": account, "UsageType": usage,
         "Impact": {"Contribution": round(usd, 2)}}
        for usd, (service, region, account, usage) in worst
    ]  # fmt: skip


def _sum_up(anomaly: dict[str, Any]) -> None:
    actual, expected = (sum(each[place] for each in anomaly["_days"].values()) for place in (0, 1))
    score = round(1 - expected / actual, 2)
    impact = actual - expected
    anomaly.update({
        "AnomalyEndDate": f"{max(anomaly['_days'])}T00:00:00Z",
        "AnomalyScore": {"CurrentScore": score, "MaxScore": max(score, anomaly.get("AnomalyScore", {}).get("MaxScore", 0.0))},
        "Impact": {
            "MaxImpact": round(max(have - wanted for have, wanted in anomaly["_days"].values()), 2),
            "TotalImpact": round(impact, 2), "TotalActualSpend": round(actual, 2), "TotalExpectedSpend": round(expected, 2),
            "TotalImpactPercentage": round(100 * impact / expected, 2) if expected else 0.0,
        },
    })  # fmt: skip


def told(anomaly: Mapping[str, Any], monitor: Monitor, subscription: Mapping[str, Any] | None) -> dict[str, Any]:
    """An anomaly as SNS and EventBridge have it."""
    name = "dimensionalValue" if subscription else "dimensionValue"
    link = f"https://console.aws.amazon.com/cost-management/home#/anomaly-detection/monitors/{monitor.arn[-36:]}"
    made = {
        "accountId": monitor.account, "anomalyDetailsLink": f"{link}/anomalies/{anomaly['AnomalyId']}",
        "anomalyEndDate": anomaly["AnomalyEndDate"], "anomalyId": anomaly["AnomalyId"],
        "anomalyScore": _small(anomaly["AnomalyScore"]), "anomalyStartDate": anomaly["AnomalyStartDate"],
        name: anomaly["DimensionValue"], "impact": _small(anomaly["Impact"]), "monitorArn": monitor.arn,
        "monitorName": monitor.given["MonitorName"], "monitorType": monitor.given["MonitorType"],
        "rootCauses": [_small(each) for each in anomaly["RootCauses"]],
    }  # fmt: skip
    if subscription:
        made["subscriptionId"] = subscription["SubscriptionArn"].rpartition("/")[2]
        made["subscriptionName"] = subscription["SubscriptionName"]
    return made


def _small(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {name[0].lower() + name[1:]: _small(each) for name, each in value.items()}
