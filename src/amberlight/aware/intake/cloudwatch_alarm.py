"""A CloudWatch alarm changed to ALARM: as SNS sends it, through SQS or directly, or as EventBridge does.

A metric says that something is unusual, not what or who. On real series every single-metric test that we measured was too
noisy to page on, so an alarm supports what the API-call history shows, and never pages alone.

References:
    "Using Amazon CloudWatch alarms", notification format; SNS message format (`Type`, `MessageId`, `Message`), 2026-11.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from typing import Any

from amberlight.aware.intake import Intake
from amberlight.model.errors import ConfigError
from amberlight.model.signals import Signal

POINTS = 10.0
TIMES = ("StateChangeTime", "time")


def read(raw: dict[str, Any]) -> Signal:
    """The alarm in an SQS message (`Body`), an SNS envelope (`Message`), an EventBridge event or its own form.

    Raises:
        ConfigError: there is no CloudWatch alarm in it, or it has no readable time.
    """
    alarm = opened(raw)
    name = str(alarm["AlarmName"])
    when = moment(alarm)
    region = str(alarm.get("AlarmArn", "::::")).split(":")[3] or str(alarm.get("Region", ""))
    state = str(alarm.get("NewStateValue", "ALARM"))
    identity = f"{alarm.get('AlarmArn', name)}\n{when.isoformat()}\n{state}"
    return Signal(
        id=f"sig-{hashlib.sha256(identity.encode()).hexdigest()[:16]}",
        source="intake.cloudwatch_alarm",
        title=f"CloudWatch alarm {name}",
        when=when,
        account=str(alarm.get("AWSAccountId", "")),
        region=region,
        points=POINTS if state == "ALARM" else 0.0,
        reason=f"CloudWatch alarm {name} is in {state}: {str(alarm.get('NewStateReason', ''))[:200]}",
        raw=raw,
    )


def opened(raw: Any) -> dict[str, Any]:
    """The alarm inside its envelopes.

    Raises:
        ConfigError: there is none.
    """
    for _ in range(4):
        if isinstance(raw, str):
            try:
                raw = json.loads(raw)
            except ValueError:
                break
        if not isinstance(raw, dict):
            break
        if "AlarmName" in raw:
            return raw
        if raw.get("detail-type") == "CloudWatch Alarm State Change":
            return of_bridge(raw)
        raw = raw.get("Body") or raw.get("Message") or raw.get("body")
    raise ConfigError(
        "The message holds no CloudWatch alarm.", "Send alarms of CloudWatch to this queue, nothing else."
    )


def of_bridge(event: dict[str, Any]) -> dict[str, Any]:
    """An EventBridge event in the form of a notification."""
    detail = event.get("detail", {})
    state = detail.get("state", {})
    return {
        "AlarmName": detail.get("alarmName", ""),
        "AlarmArn": (event.get("resources") or [":::::"])[0],
        "AWSAccountId": event.get("account", ""),
        "NewStateValue": state.get("value", ""),
        "NewStateReason": state.get("reason", ""),
        "StateChangeTime": event.get("time", ""),
    }


def moment(alarm: dict[str, Any]) -> datetime:
    """When the alarm changed; CloudWatch writes `+0000` without a colon.

    Raises:
        ConfigError: there is no readable time.
    """
    text = next((str(alarm[name]) for name in TIMES if alarm.get(name)), "")
    try:
        when = datetime.fromisoformat(re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", text))
    except ValueError as problem:
        raise ConfigError(
            f"The alarm's time {text!r} cannot be read.", "Send the notification as AWS does."
        ) from problem
    return when if when.tzinfo else when.replace(tzinfo=UTC)


INTAKE = Intake(id="cloudwatch_alarm", title="A CloudWatch alarm", read=read)
