"""Cost Anomaly Detection found spend that it did not expect.

It looks about three times a day at data that is up to a day old, so a miner has run for a day or more before it speaks. It
supports, with its root causes as the places to look; the launches themselves stand in the API-call history within minutes.
"""

from __future__ import annotations

import msgspec

from amberlight.aware.envelope import Message
from amberlight.aware.intake import Intake
from amberlight.aware.intake._fields import filled, made, moment, taken
from amberlight.model.signals import Signal

BRIDGE = "Anomaly Detected"
POINTS = 30.0
MOST_CAUSES = 5


class Cause(msgspec.Struct, frozen=True):
    """Where the money went; any of these may be missing."""

    service: str | None = None
    region: str | None = None
    linkedAccount: str | None = None
    usageType: str | None = None


class Impact(msgspec.Struct, frozen=True):
    """In US dollars."""

    totalImpact: float = 0.0


class Anomaly(msgspec.Struct, frozen=True):
    """The form of SNS, and the `detail` of the event."""

    anomalyId: str
    anomalyStartDate: str
    accountId: str = ""
    anomalyEndDate: str | None = None
    impact: Impact = Impact()
    rootCauses: tuple[Cause, ...] = ()


def knows(message: Message) -> bool:
    """The notification or the event."""
    return message.detail_type == BRIDGE or {"anomalyId", "rootCauses"} <= message.body.keys()


def read(message: Message) -> tuple[Signal, ...]:
    """The anomaly, at its last day."""
    bridged = message.detail_type == BRIDGE
    found = taken(message.body.get("detail") if bridged else message.body, Anomaly, "cost anomaly")
    causes = found.rootCauses[:MOST_CAUSES]
    accounts = filled(one.linkedAccount or "" for one in causes)
    regions = filled(one.region or "" for one in causes)
    where = "; ".join(
        " ".join(filled([c.service or "", c.usageType or "", c.region or "", c.linkedAccount or ""])) for c in causes
    )
    signal = made(
        message,
        "cost_anomaly",
        (found.anomalyId,),
        title=f"Cost anomaly of {found.impact.totalImpact:.2f} USD",
        when=moment(found.anomalyEndDate or found.anomalyStartDate, "cost anomaly"),
        account=accounts[0] if accounts else found.accountId,
        region=regions[0] if regions else "",
        points=POINTS,
        reason=f"Cost Anomaly Detection: {found.impact.totalImpact:.2f} USD more than expected: {where or 'no cause named'}",
    )
    return (signal,)


INTAKE = Intake(
    id="cost_anomaly",
    title="A cost anomaly",
    knows=knows,
    signals=read,
    how="an alert subscription of immediate frequency to an SNS topic, or an EventBridge rule on aws.ce",
    references=(
        "https://docs.aws.amazon.com/cost-management/latest/userguide/cad-user-notifications.html",
        "https://docs.aws.amazon.com/cost-management/latest/userguide/manage-ad.html",
    ),
)
