"""A GuardDuty finding.

AWS judged it against threat lists and a model of each identity; its severity becomes points. Critical findings (attack
sequences) and high ones page alone, medium and low ones support what the API-call history shows. A sample finding, which
anybody may make to test the way, counts nothing and says so.
"""

from __future__ import annotations

import msgspec

from amberlight.aware.envelope import Message
from amberlight.aware.intake import Intake
from amberlight.aware.intake._fields import filled, made, moment, principal, resource, taken
from amberlight.model.signals import Signal

BRIDGE = "GuardDuty Finding"
STEPS = ((9.0, 95.0), (7.0, 75.0), (4.0, 40.0), (0.0, 15.0))
"""From which severity on how many points. From: GuardDuty User Guide, "Severity levels for GuardDuty findings"."""


class Key(msgspec.Struct, frozen=True, rename="camel"):
    """`accessKeyDetails`."""

    access_key_id: str = ""
    user_type: str = ""
    user_name: str = ""


class Instance(msgspec.Struct, frozen=True, rename="camel"):
    """`instanceDetails`."""

    instance_id: str = ""


class Bucket(msgspec.Struct, frozen=True):
    """One of `s3BucketDetails`."""

    name: str = ""


class Resource(msgspec.Struct, frozen=True):
    """What it is about. A finding names what applies, or null."""

    accessKeyDetails: Key | None = None
    instanceDetails: Instance | None = None
    s3BucketDetails: tuple[Bucket, ...] | None = None


class RemoteAddress(msgspec.Struct, frozen=True):
    """`remoteIpDetails`."""

    ipAddressV4: str = ""
    ipAddressV6: str = ""


class Acted(msgspec.Struct, frozen=True):
    """The part that every kind of action shares."""

    remoteIpDetails: RemoteAddress | None = None


class Action(msgspec.Struct, frozen=True):
    """`action`: one of these is filled, by `actionType`."""

    awsApiCallAction: Acted | None = None
    networkConnectionAction: Acted | None = None
    kubernetesApiCallAction: Acted | None = None
    rdsLoginAttemptAction: Acted | None = None


class Service(msgspec.Struct, frozen=True):
    """What GuardDuty adds."""

    eventLastSeen: str = ""
    count: int = 1
    action: Action | None = None
    additionalInfo: dict[str, object] | None = None


class Finding(msgspec.Struct, frozen=True):
    """The `detail` of the event."""

    id: str
    type: str
    severity: float
    accountId: str
    region: str = ""
    title: str = ""
    description: str = ""
    updatedAt: str = ""
    createdAt: str = ""
    resource: Resource = Resource()
    service: Service = Service()


def knows(message: Message) -> bool:
    """The event of GuardDuty."""
    return message.detail_type == BRIDGE


def read(message: Message) -> tuple[Signal, ...]:
    """The finding; the same one updated is the same signal, so that a repeat does not ring twice."""
    found = taken(message.body.get("detail"), Finding, "GuardDuty finding")
    sample = bool((found.service.additionalInfo or {}).get("sample"))
    points = 0.0 if sample else next(given for least, given in STEPS if found.severity >= least or least == 0)
    note = " (a sample finding, not a real one)" if sample else ""
    times = found.service.count
    signal = made(
        message,
        "guardduty",
        (found.accountId, found.region, found.id),
        title=f"GuardDuty {found.type}",
        when=moment(found.service.eventLastSeen or found.updatedAt or found.createdAt, "GuardDuty finding"),
        principals=whose(found),
        addresses=addresses(found.service.action),
        resources=resources(found),
        account=found.accountId,
        region=found.region,
        points=points,
        reason=f"GuardDuty, severity {found.severity:g}, {found.type}, {times} time(s){note}: {found.title or found.description}",
    )
    return (signal,)


def whose(found: Finding) -> tuple[str, ...]:
    """The user or role whose key it was."""
    key = found.resource.accessKeyDetails
    return filled([principal(key.user_type, key.user_name, found.accountId)]) if key else ()


def addresses(action: Action | None) -> tuple[str, ...]:
    """Where it came from."""
    acted = [getattr(action, name) for name in Action.__struct_fields__] if action else []
    seen = [one.remoteIpDetails for one in acted if one and one.remoteIpDetails]
    return filled(text for one in seen for text in (one.ipAddressV4, one.ipAddressV6))


def resources(found: Finding) -> tuple[str, ...]:
    """Long-lived key, instance and buckets."""
    key, instance = found.resource.accessKeyDetails, found.resource.instanceDetails
    named = [f"bucket/{one.name}@{found.region}" for one in found.resource.s3BucketDetails or () if one.name]
    if instance and instance.instance_id:
        named.append(f"instance/{instance.instance_id}@{found.region}")
    if key and key.access_key_id.startswith("AKIA"):
        named.append(f"key/{key.access_key_id}@us-east-1")
    named += [resource(one) for one in whose(found) if not one.endswith(":root")]
    return filled(named)


INTAKE = Intake(
    id="guardduty",
    title="A GuardDuty finding",
    knows=knows,
    signals=read,
    how="an EventBridge rule on aws.guardduty, detail-type GuardDuty Finding, with the queue as target",
    references=(
        "https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_findings_cloudwatch.html",
        "https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_findings-severity.html",
    ),
)
