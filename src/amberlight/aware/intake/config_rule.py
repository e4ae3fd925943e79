"""A Config rule found a resource to be no longer as it should be.

Drift is mostly somebody's haste. It supports what the API-call history shows about the same account and hour, and never pages
alone. A resource that became compliant again, or cannot be judged, counts nothing.
"""

from __future__ import annotations

import msgspec

from amberlight.aware.envelope import Message
from amberlight.aware.intake import Intake
from amberlight.aware.intake._fields import made, moment, taken
from amberlight.model.signals import Signal

BRIDGE = "Config Rules Compliance Change"
POINTS = 15.0
KINDS = {
    "AWS::S3::Bucket": "bucket",
    "AWS::EC2::Instance": "instance",
    "AWS::IAM::User": "user",
    "AWS::IAM::Role": "role",
    "AWS::::Account": "account",
}


class Result(msgspec.Struct, frozen=True):
    """`newEvaluationResult`; `resultRecordedTime` is when Config said so."""

    complianceType: str
    resultRecordedTime: str
    annotation: str | None = None


class Detail(msgspec.Struct, frozen=True):
    """The `detail` of the event."""

    resourceId: str
    resourceType: str
    configRuleName: str
    newEvaluationResult: Result
    awsRegion: str = ""
    awsAccountId: str = ""


def knows(message: Message) -> bool:
    """The event of Config about a rule."""
    return message.detail_type == BRIDGE


def read(message: Message) -> tuple[Signal, ...]:
    """The change as a signal."""
    found = taken(message.body.get("detail"), Detail, "Config change")
    result = found.newEvaluationResult
    kind = KINDS.get(found.resourceType, found.resourceType.removeprefix("AWS::").replace("::", "-").lower())
    signal = made(
        message,
        "config_rule",
        (found.awsAccountId, found.awsRegion, found.configRuleName, found.resourceId, result.resultRecordedTime),
        title=f"Config rule {found.configRuleName}: {result.complianceType}",
        when=moment(result.resultRecordedTime, "Config change"),
        resources=(f"{kind}/{found.resourceId}@{found.awsRegion}",),
        account=found.awsAccountId,
        region=found.awsRegion,
        points=POINTS if result.complianceType == "NON_COMPLIANT" else 0.0,
        reason=f"Config rule {found.configRuleName}: {found.resourceType} {found.resourceId} is {result.complianceType}"
        + (f": {result.annotation}" if result.annotation else ""),
    )
    return (signal,)


INTAKE = Intake(
    id="config_rule",
    title="A Config rule's compliance change",
    knows=knows,
    signals=read,
    how="an EventBridge rule on aws.config, detail-type Config Rules Compliance Change, with the queue as target",
    references=("https://docs.aws.amazon.com/config/latest/developerguide/monitor-config-with-cloudwatchevents.html",),
)
