"""A person says so: a colleague, a partner's notice, a ransom mail, a key found outside.

Somebody who reports something has judged it already; what they report pages unless they say how sure they are.

References:
    AWS Well-Architected, SEC10-BP02; NIST SP 800-61r3 (reports by people are indicators like any other).
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

import msgspec

from amberlight.aware.intake import Intake
from amberlight.model.errors import ConfigError
from amberlight.model.signals import Signal

SURE = 80.0


class Report(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person fills in."""

    who: str
    what: str
    when: datetime
    principals: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    account: str = ""
    region: str = ""
    points: float = SURE


def read(raw: dict[str, Any]) -> Signal:
    """A report as a signal.

    Raises:
        ConfigError: a field is missing, unknown or of a wrong kind.
    """
    try:
        report = msgspec.convert(raw, Report, strict=False)
    except msgspec.ValidationError as problem:
        raise ConfigError(
            f"The report cannot be read: {problem}", "Give who, what and when (with a zone)."
        ) from problem
    if report.when.tzinfo is None:
        raise ConfigError("The report's time has no zone.", "Write it as 2026-11-24T03:12:00Z.")
    text = f"{report.who}\n{report.what}\n{report.when.isoformat()}"
    return Signal(
        id=f"sig-{hashlib.sha256(text.encode()).hexdigest()[:16]}",
        source="intake.person",
        title=report.what[:120],
        when=report.when,
        principals=report.principals,
        addresses=report.addresses,
        resources=report.resources,
        account=report.account,
        region=report.region,
        points=max(0.0, min(100.0, report.points)),
        reason=f"{report.who} reports: {report.what}",
        raw=msgspec.to_builtins(raw),
    )


INTAKE = Intake(id="person", title="A person's report", read=read)
