"""An AWS Health event: an abuse notice, a key that AWS found in public, or an operational matter.

AWS writes of abuse when somebody outside complained, and of exposed keys when it has seen them: both page alone. Outages and
maintenance are kept and count nothing; they often explain why something else looks odd.
"""

from __future__ import annotations

import msgspec

from amberlight.aware.envelope import KEY, Message
from amberlight.aware.intake import Intake
from amberlight.aware.intake._fields import filled, made, moment, resource, taken
from amberlight.model.signals import Signal

TYPES = ("AWS Health Event", "AWS Health Abuse Event")
POINTS = 85.0
RISK = ("CREDENTIALS_EXPOSED", "CREDENTIALS_COMPROMISED", "IRREGULAR_ACTIVITY", "SUSPICIOUS", "COMPROMISED")
"""Words in the code of events of the service RISK that AWS sends when it has seen a key or odd use of an account."""


class Text(msgspec.Struct, frozen=True):
    """A description in one language."""

    latestDescription: str = ""


class Entity(msgspec.Struct, frozen=True):
    """Something affected: an ARN, an id, or the account."""

    entityValue: str = ""


class Detail(msgspec.Struct, frozen=True):
    """What happened."""

    eventArn: str
    service: str
    eventTypeCode: str
    statusCode: str = ""
    eventRegion: str = ""
    affectedAccount: str = ""
    eventDescription: tuple[Text, ...] = ()
    affectedEntities: tuple[Entity, ...] = ()


class Event(msgspec.Struct, frozen=True):
    """The event; its time is when it was sent, which is what a page needs, not when the matter began."""

    time: str
    detail: Detail
    account: str = ""
    region: str = ""
    resources: tuple[str, ...] = ()


def knows(message: Message) -> bool:
    """The event of Health."""
    return message.detail_type in TYPES


def read(message: Message) -> tuple[Signal, ...]:
    """The event as a signal."""
    event = taken(message.body, Event, "Health event")
    detail = event.detail
    abuse = detail.service == "ABUSE" or message.detail_type == TYPES[1]
    risk = detail.service == "RISK" and any(word in detail.eventTypeCode for word in RISK)
    region = detail.eventRegion or event.region
    account = detail.affectedAccount or event.account
    text = " ".join(" ".join(one.latestDescription for one in detail.eventDescription).split())
    named = filled([*event.resources, *(one.entityValue for one in detail.affectedEntities)])
    # AWS answers complaints about abuse with events that close; those ring no more.
    counts = (abuse or risk) and detail.statusCode != "closed"
    signal = made(
        message,
        "health",
        (account, detail.eventArn, detail.statusCode),
        title=f"AWS Health {detail.eventTypeCode}",
        when=moment(event.time, "Health event"),
        resources=filled(affected(one, region) for one in named if one != account),
        account=account,
        region=region,
        points=POINTS if counts else 0.0,
        reason=f"AWS says, {detail.eventTypeCode}{', closed' if detail.statusCode == 'closed' else ''}: {text or 'no text'}",
    )
    return (signal,)


def affected(one: str, region: str) -> str:
    """What is affected, as `type/name@region`: instances and keys come as plain ids."""
    if KEY.fullmatch(one):
        return f"key/{one}@us-east-1"
    return f"instance/{one}@{region}" if one.startswith("i-") else resource(one, region)


INTAKE = Intake(
    id="health",
    title="An AWS Health event, abuse notices among them",
    knows=knows,
    signals=read,
    how="an EventBridge rule on aws.health, with the queue as target; abuse events reach the account's own Regions only",
    references=(
        "https://docs.aws.amazon.com/health/latest/ug/aws-health-events-eventbridge-schema.html",
        "https://docs.aws.amazon.com/health/latest/ug/cloudwatch-events-health.html",
    ),
)
