"""A finding of Amazon Inspector: a known weakness in an instance, an image or a function, or an open way in.

A weakness is no attack. It says how somebody may have come in, so it supports, and never pages alone.
"""

from __future__ import annotations

import msgspec

from amberlight.aware.envelope import Message
from amberlight.aware.intake import Intake
from amberlight.aware.intake._fields import filled, made, moment, resource, taken
from amberlight.model.signals import Signal

BRIDGE = "Inspector2 Finding"
POINTS = {"CRITICAL": 25.0, "HIGH": 15.0, "MEDIUM": 5.0}
INSTANCE = "AWS_EC2_INSTANCE"


class Resource(msgspec.Struct, frozen=True):
    """An instance by its id, anything else by its ARN."""

    id: str
    type: str = ""
    region: str = ""


class Finding(msgspec.Struct, frozen=True):
    """The `detail` of the event; `updatedAt` is written as in `Jan 19, 2026, 10:33:00 PM` or in ISO form."""

    findingArn: str
    awsAccountId: str
    title: str
    severity: str
    status: str = "ACTIVE"
    description: str = ""
    exploitAvailable: str = ""
    resources: tuple[Resource, ...] = ()


class Event(msgspec.Struct, frozen=True):
    """The event; its own time is the one that has a form."""

    time: str
    detail: Finding
    region: str = ""


def knows(message: Message) -> bool:
    """The event of Inspector."""
    return message.detail_type == BRIDGE


def read(message: Message) -> tuple[Signal, ...]:
    """The finding; a closed or suppressed one counts nothing."""
    event = taken(message.body, Event, "Inspector finding")
    found = event.detail
    exploit = ", an exploit is known" if found.exploitAvailable == "YES" else ""
    signal = made(
        message,
        "inspector",
        (found.findingArn, found.status),
        title=f"Inspector: {found.title}",
        when=moment(event.time, "Inspector finding"),
        resources=filled(named(one, event.region) for one in found.resources),
        account=found.awsAccountId,
        region=event.region,
        points=POINTS.get(found.severity, 0.0) if found.status == "ACTIVE" else 0.0,
        reason=f"Inspector, {found.severity}, {found.status}{exploit}: {found.title}: {found.description}",
    )
    return (signal,)


def named(one: Resource, region: str) -> str:
    """A resource as `type/name@region`."""
    place = one.region or region
    return f"instance/{one.id}@{place}" if one.type == INSTANCE else resource(one.id, place)


INTAKE = Intake(
    id="inspector",
    title="A finding of Amazon Inspector",
    knows=knows,
    signals=read,
    how="an EventBridge rule on aws.inspector2, detail-type Inspector2 Finding, with the queue as target",
    references=("https://docs.aws.amazon.com/inspector/latest/user/eventbridge-integration.html",),
)
