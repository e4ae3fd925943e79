"""A finding of Amazon Macie: a bucket's protection weakened, or sensitive data in it.

A bucket that was opened or shared by somebody is a policy finding and may be the attack itself. Sensitive data says what is
at stake: it supports.
"""

from __future__ import annotations

import msgspec

from amberlight.aware.envelope import Message
from amberlight.aware.intake import Intake
from amberlight.aware.intake._fields import filled, made, moment, principal_arn, taken
from amberlight.model.signals import Signal

BRIDGE = "Macie Finding"
POLICY = {"High": 60.0, "Medium": 30.0, "Low": 10.0}
DATA = {"High": 20.0, "Medium": 10.0, "Low": 5.0}


class Severity(msgspec.Struct, frozen=True):
    """The severity in a word."""

    description: str = ""


class Bucket(msgspec.Struct, frozen=True):
    """The bucket."""

    name: str = ""


class Resources(msgspec.Struct, frozen=True):
    """What is affected."""

    s3Bucket: Bucket | None = None


class Address(msgspec.Struct, frozen=True):
    """Where the change came from."""

    ipAddressV4: str = ""


class Identity(msgspec.Struct, frozen=True):
    """Whoever it was; one of several forms, all with an ARN."""

    arn: str = ""


class UserIdentity(msgspec.Struct, frozen=True):
    """The form that applies is filled."""

    assumedRole: Identity | None = None
    iamUser: Identity | None = None
    root: Identity | None = None


class Actor(msgspec.Struct, frozen=True):
    """Who changed the bucket, in a policy finding."""

    ipAddressDetails: Address | None = None
    userIdentity: UserIdentity | None = None


class Policy(msgspec.Struct, frozen=True):
    """What a policy finding adds."""

    actor: Actor | None = None


class Finding(msgspec.Struct, frozen=True):
    """The `detail` of the event."""

    id: str
    type: str
    accountId: str
    updatedAt: str
    region: str = ""
    title: str = ""
    description: str = ""
    archived: bool = False
    sample: bool = False
    severity: Severity = Severity()
    resourcesAffected: Resources | None = None
    policyDetails: Policy | None = None


def knows(message: Message) -> bool:
    """The event of Macie."""
    return message.detail_type == BRIDGE


def read(message: Message) -> tuple[Signal, ...]:
    """The finding; an archived one or a sample counts nothing."""
    found = taken(message.body.get("detail"), Finding, "Macie finding")
    table = POLICY if found.type.startswith("Policy:") else DATA
    quiet = "a sample" if found.sample else "archived" if found.archived else ""
    bucket = found.resourcesAffected.s3Bucket if found.resourcesAffected else None
    actor = found.policyDetails.actor if found.policyDetails else None
    signal = made(
        message,
        "macie",
        (found.accountId, found.region, found.id),
        title=f"Macie {found.type}",
        when=moment(found.updatedAt, "Macie finding"),
        principals=whose(actor),
        addresses=filled([actor.ipAddressDetails.ipAddressV4]) if actor and actor.ipAddressDetails else (),
        resources=(f"bucket/{bucket.name}@{found.region}",) if bucket and bucket.name else (),
        account=found.accountId,
        region=found.region,
        points=0.0 if quiet else table.get(found.severity.description, 0.0),
        reason=f"Macie, {found.severity.description}{f' ({quiet})' if quiet else ''}: {found.title}: {found.description}",
    )
    return (signal,)


def whose(actor: Actor | None) -> tuple[str, ...]:
    """The user, role or root that changed the bucket."""
    identity = actor.userIdentity if actor else None
    forms = (identity.assumedRole, identity.iamUser, identity.root) if identity else ()
    return filled(principal_arn(one.arn) for one in forms if one)


INTAKE = Intake(
    id="macie",
    title="A finding of Amazon Macie",
    knows=knows,
    signals=read,
    how="an EventBridge rule on aws.macie, detail-type Macie Finding, with the queue as target",
    references=("https://docs.aws.amazon.com/macie/latest/user/findings-publish-event-schemas.html",),
)
