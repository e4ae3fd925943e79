"""Findings of Security Hub in its own format (ASFF), one or a batch.

A finding that GuardDuty, Inspector or Macie made arrives here too; it counts as theirs says, by its severity. What is
archived, resolved or suppressed, and a control that passed, counts nothing: it is kept, and does not ring.
"""

from __future__ import annotations

from typing import Any

import msgspec

from amberlight.aware.envelope import FIX, Message
from amberlight.aware.intake import Intake
from amberlight.aware.intake._fields import filled, made, moment, principal_arn, resource, taken
from amberlight.model.errors import ConfigError
from amberlight.model.signals import Signal

TYPES = ("Security Hub Findings - Imported", "Security Hub Findings - Custom Action")
POINTS = {"CRITICAL": 80.0, "HIGH": 50.0, "MEDIUM": 25.0, "LOW": 10.0, "INFORMATIONAL": 0.0}
CONTROL = 30.0
"""The most that a failed control counts: a weak setting is no attack."""
MOST_RESOURCES = 32


class Severity(msgspec.Struct, frozen=True):
    """`Label` since 2020; older ones have the number alone."""

    Label: str = ""
    Normalized: float = 0


class Resource(msgspec.Struct, frozen=True):
    """One of the resources."""

    Id: str
    Region: str = ""


class Word(msgspec.Struct, frozen=True):
    """`Workflow` and `Compliance`."""

    Status: str = ""


class Finding(msgspec.Struct, frozen=True):
    """What is taken of ASFF."""

    Id: str
    AwsAccountId: str
    Title: str
    UpdatedAt: str
    ProductArn: str = ""
    Region: str = ""
    Description: str = ""
    Severity: Severity = Severity()
    Resources: tuple[Resource, ...] = ()
    RecordState: str = "ACTIVE"
    Workflow: Word | None = None
    Compliance: Word | None = None


def knows(message: Message) -> bool:
    """The event, or a `BatchImportFindings` or `GetFindings` form."""
    return message.detail_type in TYPES or is_asff(message.body.get("Findings")) or "SchemaVersion" in message.body


def is_asff(value: Any) -> bool:
    """Whether a list holds findings of ASFF."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict) and "ProductArn" in value[0]


def split(message: Message) -> tuple[Message, ...]:
    """Every finding of the batch as a message; of several, each keeps the event with itself alone as raw form."""
    bridged = message.detail_type in TYPES
    batch = message.detail.get("findings") if bridged else message.body.get("Findings", [message.body])
    if not isinstance(batch, list) or len(batch) <= 1:
        return (message,)
    bodies = [
        {**message.body, "detail": {**message.detail, "findings": [one]}} if bridged else {"Findings": [one]}
        for one in batch
    ]
    return tuple(Message(body=body, raw=body, via=message.via, subject=message.subject) for body in bodies)


def read(message: Message) -> tuple[Signal, ...]:
    """The finding."""
    batch = message.detail.get("findings", message.body.get("Findings", [message.body]))
    if not isinstance(batch, list) or not batch:
        raise ConfigError("This message of Security Hub holds no findings.", FIX)
    found = taken(batch[0], Finding, "Security Hub finding")
    region = found.Region or ([*found.ProductArn.split(":"), "", "", "", ""])[3]
    label = label_of(found.Severity)
    quiet = silent(found)
    signal = made(
        message,
        "security_hub",
        (found.AwsAccountId, region, found.Id),
        title=f"Security Hub: {found.Title}",
        when=moment(found.UpdatedAt, "Security Hub finding"),
        principals=filled(principal_arn(one.Id) for one in found.Resources[:MOST_RESOURCES]),
        resources=filled(resource(one.Id, one.Region or region) for one in found.Resources[:MOST_RESOURCES]),
        account=found.AwsAccountId,
        region=region,
        points=0.0 if quiet else min(POINTS.get(label, 0.0), CONTROL if found.Compliance else 100.0),
        reason=f"Security Hub, {label}{f' ({quiet})' if quiet else ''}: {found.Title}: {found.Description}",
    )
    return (signal,)


def label_of(severity: Severity) -> str:
    """The severity's label, out of the number where it has none.

    From: "Severity object of ASFF": 0, 1 to 39, 40 to 69, 70 to 89, 90 to 100.
    """
    if severity.Label:
        return severity.Label
    steps = ((90, "CRITICAL"), (70, "HIGH"), (40, "MEDIUM"), (1, "LOW"))
    return next((name for least, name in steps if severity.Normalized >= least), "INFORMATIONAL")


def silent(found: Finding) -> str:
    """Why a finding counts nothing; empty where it counts."""
    state = found.Workflow.Status if found.Workflow else ""
    if found.RecordState == "ARCHIVED":
        return "archived"
    if state in {"RESOLVED", "SUPPRESSED"}:
        return state.lower()
    return "passed" if found.Compliance and found.Compliance.Status == "PASSED" else ""


INTAKE = Intake(
    id="security_hub",
    title="Findings of Security Hub",
    knows=knows,
    signals=read,
    split=split,
    how="an EventBridge rule on aws.securityhub, with the queue as target; or a file with GetFindings' answer",
    references=(
        "https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-cwe-event-formats.html",
        "https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-findings-format-syntax.html",
    ),
)
