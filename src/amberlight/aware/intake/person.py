"""A person says so: a colleague, a customer, somebody who found a key or data outside.

Somebody who reports something has judged it already; what they report pages unless they say how sure they are. Key ids that
the report names become resources, whether they stand in their own field or in the text.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from amberlight.aware.envelope import KEY, Message
from amberlight.aware.intake import Intake
from amberlight.aware.intake._fields import filled, made
from amberlight.model.errors import ConfigError
from amberlight.model.signals import Signal

SURE = 80.0
MOST_KEYS = 20


class Report(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person fills in; `found` says where a key or data was seen."""

    who: str
    what: str
    when: datetime
    found: str = ""
    keys: tuple[str, ...] = ()
    principals: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    account: str = ""
    region: str = ""
    points: float = SURE


def knows(message: Message) -> bool:
    """Who and what, and no organisation that speaks."""
    return {"who", "what"} <= message.body.keys()


def read(message: Message) -> tuple[Signal, ...]:
    """A report as a signal."""
    try:
        report = msgspec.convert(message.body, Report, strict=False)
    except msgspec.ValidationError as problem:
        raise ConfigError(
            f"The report cannot be read: {problem}", "Give who, what and when (with a zone)."
        ) from problem
    if report.when.tzinfo is None:
        raise ConfigError("The report's time has no zone.", "Write it as 2026-11-24T03:12:00Z.")
    keys = filled([*report.keys, *KEY.findall(report.what)])[:MOST_KEYS]
    where = f" (found: {report.found})" if report.found else ""
    signal = made(
        message,
        "person",
        (report.who, report.what, report.when.isoformat()),
        title=report.what,
        when=report.when,
        principals=report.principals,
        addresses=report.addresses,
        resources=filled([*report.resources, *(f"key/{key}@us-east-1" for key in keys)]),
        account=report.account,
        region=report.region,
        points=report.points,
        reason=f"{report.who} reports: {report.what}{where}",
    )
    return (signal,)


INTAKE = Intake(
    id="person",
    title="A person's report",
    knows=knows,
    signals=read,
    how="`amberlight signals add --who NAME --what TEXT`, or JSON with who, what and when",
    references=(
        "https://docs.aws.amazon.com/wellarchitected/latest/security-pillar/sec_incident_response_develop_management_plans.html",
        "https://doi.org/10.6028/NIST.SP.800-61r3",
    ),
)
