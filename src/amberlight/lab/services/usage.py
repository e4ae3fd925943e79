"""AWS/Usage `CallCount` metrics of all calls, put every second; alarms that look at their own dimensions.

References:
    "AWS usage metrics", CloudWatch User Guide, 2026-11: namespace AWS/Usage, metric CallCount, dimensions Type=API,
    Resource=<operation>, Service=<service>, Class=None.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any

from amberlight.lab import clock, hooks
from amberlight.lab.recorder import shape
from amberlight.lab.recorder.requests import Call
from amberlight.lab.world import World

_NAMES = {
    "iam": "IAM", "s3": "S3", "ec2": "EC2", "sts": "STS", "kms": "KMS", "ssm": "SSM", "cloudtrail": "CloudTrail",
    "cloudwatch": "CloudWatch", "sns": "SNS", "sqs": "SQS", "lambda": "Lambda", "logs": "CloudWatch Logs",
    "secretsmanager": "Secrets Manager", "config": "Config",
}  # fmt: skip


REAL = {
    "cloudwatch.PutMetricAlarm": "evaluated every second; wakes its topic",
    "cloudwatch.GetMetricStatistics": "calls that were really made, counted",
}


_FINE_S = 600.0
"""So long a point a second is kept; AWS itself has one a minute. Alarms of the lab look back for minutes."""
_MANY = 1200
"""Points of one metric that are looked through for old ones."""


class Usage:
    """Counts calls and publishes the counts."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str, str, str]] = Counter()
        self._lock = threading.Lock()
        self._next = 0.0

    def count(self, account: str, region: str, call: Call) -> None:
        """Note one call."""
        name = shape.event_name(call) if call.service == "s3" else call.operation
        with self._lock:
            self._counts[account, region, call.service, name] += 1

    def publish(self) -> None:
        """Put what came together in the last second, and let the alarms look."""
        now = clock.now()
        if now < self._next:
            return
        self._next = now + 1.0
        with self._lock:
            counts, self._counts = self._counts, Counter()
        cloudwatch = hooks.service("cloudwatch")
        for (account, region, service, name), number in counts.items():
            dimensions = {"Type": "API", "Resource": name, "Service": _NAMES.get(service, service), "Class": "None"}
            with hooks.acting_for(account, region):
                cloudwatch.record_metric("AWS/Usage", "CallCount", float(number), "None", dimensions)
                points = cloudwatch._metric_bucket(("AWS/Usage", "CallCount", cloudwatch._dims_key(dimensions)))
                if len(points) > _MANY:
                    points[:] = thinned(points, now)
        for account, region in {(account, region) for account, region, _ in cloudwatch._alarms._data}:
            with hooks.acting_for(account, region):
                cloudwatch._evaluate_all_alarms()


def thinned(points: list[dict[str, Any]], now: float) -> list[dict[str, Any]]:
    """One point a minute, with the sum, of what is older than `_FINE_S`; the rest as it is."""
    sums: dict[float, dict[str, Any]] = {}
    for point in points:
        moment = float(point["Timestamp"])
        key = moment if moment > now - _FINE_S else moment // 60 * 60
        if key in sums:
            sums[key] = {**sums[key], "Value": sums[key]["Value"] + point["Value"], "Timestamp": moment}
        else:
            sums[key] = point
    return list(sums.values())


def install(world: World) -> None:
    """Count calls, and make an alarm look at the metric with exactly its dimensions; the emulator adds up all of a name."""
    usage = Usage()
    world.recorder.counters.append(lambda caller, region, call: usage.count(caller.account, region, call))
    world.jobs.append(usage.publish)
    cloudwatch = hooks.service("cloudwatch")

    def evaluate(alarm: Mapping[str, Any]) -> None:
        wanted = cloudwatch._dims_key(cloudwatch._dims_from_list(alarm.get("Dimensions") or []))
        everything = cloudwatch._metrics
        cloudwatch._metrics = {key: points for key, points in everything.items() if key[2] == wanted}
        try:
            old(alarm)
        finally:
            cloudwatch._metrics = everything

    old = hooks.replace("services.cloudwatch", "_evaluate_alarm", evaluate)
