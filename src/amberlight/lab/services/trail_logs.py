"""CloudTrail into CloudWatch Logs: a trail that names a log group and a role writes each event there too.

References:
    "Sending events to CloudWatch Logs" (the role's policy; stream `ACCOUNT_CloudTrail_REGION`; no event above 256 KB) and
    "CreateTrail" (errors), CloudTrail User Guide and API Reference, 2026-11.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from typing import Any

from amberlight.lab import clock, hooks
from amberlight.lab.logs import permitted
from amberlight.lab.recorder import selectors
from amberlight.lab.recorder.history import Event
from amberlight.lab.recorder.requests import Call
from amberlight.lab.world import World

AFTER = ("cloudtrail", "cloudtrail_trails")
_SERVICE, _MOST_BYTES = "cloudtrail.amazonaws.com", 256 * 1024
Handler = Callable[[dict[str, Any]], Any]


@dataclasses.dataclass(frozen=True)
class _Way:
    """From where to where events go."""

    trail: str
    group: str
    role: str
    account: str
    region: str

    @property
    def stream(self) -> str:
        return f"{self.account}_CloudTrail_{self.region}"


class TrailLogs:
    """What trails have for log groups and have not written yet."""

    def __init__(self, world: World) -> None:
        self._delivery = world.delivery
        self._every = world.options.delivery_interval_s
        self._next = 0.0
        self._before: dict[str, list[selectors.Trail]] = {}
        self._pending: dict[_Way, list[Event]] = {}
        self.status: dict[str, dict[str, Any]] = {}
        """By the trail's ARN."""

    def note_before(self, call: Call, account: str, region: str) -> None:
        """Keep which trails are on: StopLogging itself still reaches the group of the trail that it stops."""
        del region
        if call.service == "cloudtrail":
            self._before[account] = selectors.active(account, self._delivery.organisation)

    def note(self, event: Event) -> None:
        """Keep an event for every group that wants it."""
        before = self._before.pop(event.account, None)
        for trail in before or selectors.active(event.account, self._delivery.organisation):
            group, role = trail.get("CloudWatchLogsLogGroupArn"), trail.get("CloudWatchLogsRoleArn")
            if group and role and selectors.covers(trail, event.region) and selectors.selects(trail, event):
                way = _Way(str(trail["TrailARN"]), group, role, event.account, event.region)
                self._pending.setdefault(way, []).append(event)

    def work(self) -> None:
        """Write what is there, as often as files are delivered."""
        now = clock.now()
        if now < self._next:
            return
        self._next = now + self._every
        pending, self._pending = self._pending, {}
        for way, events in pending.items():
            self.status[way.trail] = _write(way, events, now)


def install(world: World) -> None:
    """Follow the history, and be strict about groups and roles."""
    trail_logs = TrailLogs(world)
    world.recorder.befores.append(trail_logs.note_before)
    world.history.subscribe(trail_logs.note)
    world.jobs.append(trail_logs.work)
    table = hooks.service("cloudtrail")._DISPATCH
    for name in ("CreateTrail", "UpdateTrail"):
        table[name] = _strict(table[name])
    table["GetTrailStatus"] = _with_status(table["GetTrailStatus"], trail_logs.status)


def _write(way: _Way, events: list[Event], now: float) -> dict[str, Any]:
    """What the trail's status says afterwards."""
    logs, name = hooks.service("cloudwatch_logs"), permitted.group_name(way.group)
    if not permitted.exists(way.group):
        return {"LatestCloudWatchLogsDeliveryError": "Log group does not exist."}
    if not permitted.may_write(way.role, _SERVICE, way.group, way.stream):
        return {"LatestCloudWatchLogsDeliveryError": "Access denied."}
    region, account = way.group.split(":")[3:5]
    lines = [
        {"timestamp": int(event.time * 1000), "message": event.text}
        for event in sorted(events, key=lambda each: each.time) if len(event.text.encode()) <= _MOST_BYTES
    ]  # fmt: skip
    with hooks.acting_for(account, region):
        logs._create_log_stream({"logGroupName": name, "logStreamName": way.stream})
        logs._put_log_events({"logGroupName": name, "logStreamName": way.stream, "logEvents": lines})
    return {"LatestCloudWatchLogsDeliveryTime": int(now)}


def _strict(old: Handler) -> Handler:
    def put(body: dict[str, Any]) -> Any:
        name = str(body.get("Name", ""))
        known = hooks.service("cloudtrail")._find_mutable_trail(name)[2] or {}
        both = ("CloudWatchLogsLogGroupArn", "CloudWatchLogsRoleArn")
        group, role = (str(body.get(each, known.get(each)) or "") for each in both)
        if bool(group) != bool(role):
            return _refuse("InvalidCloudWatchLogsRoleArnException", "A log group needs a role, and a role a log group.")
        if group and not permitted.exists(group):
            return _refuse("InvalidCloudWatchLogsLogGroupArnException", "There is no such log group.")
        stream = f"{hooks.current_account()}_CloudTrail_{hooks.current_region()}"
        if group and not permitted.may_write(role, _SERVICE, group, stream):
            return _refuse(
                "InvalidCloudWatchLogsRoleArnException", "Access denied. Check the permissions for your role."
            )
        return _remembered(old(body), name, group, role)

    return put


def _remembered(answer: Any, name: str, group: str, role: str) -> Any:
    """The answer with both members, which the emulator leaves out when a trail is made."""
    code, headers, raw = answer
    if code != 200 or not group:  # noqa: PLR2004
        return answer
    both = {"CloudWatchLogsLogGroupArn": group, "CloudWatchLogsRoleArn": role}
    hooks.service("cloudtrail")._find_mutable_trail(name)[2].update(both)
    return code, headers, json.dumps({**json.loads(raw), **both}).encode()


def _with_status(old: Handler, status: Mapping[str, Mapping[str, Any]]) -> Handler:
    def get(body: dict[str, Any]) -> Any:
        code, headers, raw = old(body)
        if code != 200:  # noqa: PLR2004
            return code, headers, raw
        name = str(body.get("Name", "")).rsplit("/", 1)[-1]
        found = next((each for arn, each in status.items() if _named(arn, name)), {})
        return code, headers, json.dumps({**json.loads(raw), **found}).encode()

    return get


def _named(arn: str, name: str) -> bool:
    return arn.endswith(f":trail/{name}") and arn.split(":")[4] == hooks.current_account()


def _refuse(code: str, message: str) -> tuple[int, dict[str, str], bytes]:
    body = json.dumps({"__type": code, "message": message}).encode()
    return 400, {"Content-Type": "application/x-amz-json-1.1"}, body
