"""A finding of IAM Access Analyzer: something can be reached from outside, or access that is not used.

Opening a bucket, role, key or snapshot to an outside account is how data leaves and how an attacker comes back. It says that
it is open, not who opened it; the API-call history says that, and the two are grouped by account and time.
"""

from __future__ import annotations

import msgspec

from amberlight.aware.envelope import Message
from amberlight.aware.intake import Intake
from amberlight.aware.intake._fields import made, moment, resource, taken
from amberlight.model.signals import Signal

TYPES = ("Access Analyzer Finding", "Unused Access Finding for IAM entities", "Internal Access Finding")
PUBLIC, OUTSIDE = 45.0, 30.0


class Finding(msgspec.Struct, frozen=True):
    """The `detail` of the event; findings of unused access have no `isPublic`."""

    id: str
    status: str
    resource: str
    resourceType: str = ""
    accountId: str = ""
    isPublic: bool = False
    principal: dict[str, str] | None = None
    action: tuple[str, ...] | None = None


class Event(msgspec.Struct, frozen=True):
    """The event."""

    time: str
    detail: Finding
    account: str = ""
    region: str = ""


def knows(message: Message) -> bool:
    """The event of Access Analyzer."""
    return message.detail_type in TYPES


def read(message: Message) -> tuple[Signal, ...]:
    """The finding; a resolved or archived one, and access that is merely unused, count nothing."""
    event = taken(message.body, Event, "Access Analyzer finding")
    found = event.detail
    whom = "everybody" if found.isPublic else ", ".join(sorted((found.principal or {}).values())) or "nobody named"
    counts = found.status == "ACTIVE" and message.detail_type == TYPES[0]
    what = (
        f"{found.resource} can be reached by {whom}"
        if message.detail_type != TYPES[1]
        else f"{found.resource}: unused access"
    )
    signal = made(
        message,
        "access_analyzer",
        (found.accountId, found.id, found.status),
        title=f"Access Analyzer: {found.resourceType or found.resource}",
        when=moment(event.time, "Access Analyzer finding"),
        resources=(resource(found.resource, event.region),),
        account=found.accountId or event.account,
        region=event.region,
        points=(PUBLIC if found.isPublic else OUTSIDE) if counts else 0.0,
        reason=f"Access Analyzer, {found.status}: {what}: {', '.join((found.action or ())[:5])}",
    )
    return (signal,)


INTAKE = Intake(
    id="access_analyzer",
    title="A finding of IAM Access Analyzer",
    knows=knows,
    signals=read,
    how="an EventBridge rule on aws.access-analyzer, with the queue as target",
    references=("https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-eventbridge.html",),
)
