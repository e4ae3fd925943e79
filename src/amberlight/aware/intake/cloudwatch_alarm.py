"""A CloudWatch alarm changed state: a metric, a metric against its anomaly band, or a composite of other alarms.

A metric says that something is unusual, not what or who. On real series every single-metric test that we measured was too
noisy to page on, so an alarm supports what the API-call history shows, and never pages alone.
"""

from __future__ import annotations

import msgspec

from amberlight.aware.envelope import Message
from amberlight.aware.intake import Intake
from amberlight.aware.intake._fields import filled, made, moment, taken
from amberlight.model.signals import Signal

POINTS = 10.0
BRIDGE = "CloudWatch Alarm State Change"
REGION_OF_ARN = 3


class Trigger(msgspec.Struct, frozen=True):
    """What a notification says of the metric; a metric-math or anomaly alarm has `Metrics` instead of a name."""

    MetricName: str = ""
    Namespace: str = ""
    ThresholdMetricId: str = ""


class Notification(msgspec.Struct, frozen=True):
    """The form of SNS. A composite alarm has `AlarmRule` and no `Trigger`."""

    AlarmName: str
    NewStateValue: str
    StateChangeTime: str
    AlarmArn: str = ""
    AWSAccountId: str = ""
    NewStateReason: str = ""
    AlarmRule: str | None = None
    Trigger: Trigger | None = None


class State(msgspec.Struct, frozen=True):
    """The state in an EventBridge event."""

    value: str
    reason: str = ""


class Configuration(msgspec.Struct, frozen=True, rename="camel"):
    """A metric alarm has `metrics`, a composite one `alarmRule`."""

    alarm_rule: str = ""
    metrics: tuple[dict[str, object], ...] = ()


class Detail(msgspec.Struct, frozen=True, rename="camel"):
    """What an EventBridge event says."""

    alarm_name: str
    state: State
    configuration: Configuration = Configuration()


class Event(msgspec.Struct, frozen=True):
    """The form of EventBridge."""

    time: str
    detail: Detail
    account: str = ""
    region: str = ""
    resources: tuple[str, ...] = ()


def knows(message: Message) -> bool:
    """An alarm's notification, or the event."""
    return "AlarmName" in message.body or message.detail_type == BRIDGE


def read(message: Message) -> tuple[Signal, ...]:
    """The alarm; one that went back to OK counts nothing."""
    alarm = bridged(message) if "AlarmName" not in message.body else taken(message.body, Notification, "alarm")
    when = moment(alarm.StateChangeTime, "alarm")
    pieces = alarm.AlarmArn.split(":")
    what = f"{form(alarm)} {alarm.AlarmName}"
    signal = made(
        message,
        "cloudwatch_alarm",
        (alarm.AlarmArn or alarm.AlarmName, f"{when:%Y-%m-%dT%H:%M:%S}", alarm.NewStateValue),
        title=f"CloudWatch {what}",
        when=when,
        account=alarm.AWSAccountId,
        region=pieces[REGION_OF_ARN] if len(pieces) > REGION_OF_ARN else "",
        points=POINTS if alarm.NewStateValue == "ALARM" else 0.0,
        reason=f"CloudWatch {what} is in {alarm.NewStateValue}: {alarm.NewStateReason[:200]}",
    )
    return (signal,)


def form(alarm: Notification) -> str:
    """Which kind of alarm it is, in words."""
    if alarm.AlarmRule is not None:
        return "composite alarm"
    return "anomaly alarm" if alarm.Trigger and alarm.Trigger.ThresholdMetricId else "alarm"


def bridged(message: Message) -> Notification:
    """An EventBridge event in the form of a notification."""
    event = taken(message.body, Event, "alarm")
    detail = event.detail
    band = any("ANOMALY_DETECTION_BAND" in str(one.get("expression", "")) for one in detail.configuration.metrics)
    return Notification(
        AlarmName=detail.alarm_name,
        AlarmArn=filled(event.resources)[0] if filled(event.resources) else "",
        AWSAccountId=event.account,
        NewStateValue=detail.state.value,
        NewStateReason=detail.state.reason,
        StateChangeTime=event.time,
        AlarmRule=detail.configuration.alarm_rule or None,
        Trigger=Trigger(ThresholdMetricId="band" if band else ""),
    )


INTAKE = Intake(
    id="cloudwatch_alarm",
    title="A CloudWatch alarm",
    knows=knows,
    signals=read,
    how="an alarm's action to an SNS topic that the queue subscribes to, or an EventBridge rule on aws.cloudwatch",
    references=(
        "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html",
        "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html",
    ),
)
