"""Detectors of GuardDuty and their findings; a repeat adds to the finding that is there.

References:
    "Finding details" and "Creating custom responses to GuardDuty findings with Amazon CloudWatch Events", GuardDuty User Guide,
    2026-11: all findings are dynamic, a repeat updates the one that is there; a new one is told within five minutes, repeats once in
    the frequency that the detector names (six hours unless said otherwise).
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from amberlight.lab import clock

FREQUENCIES = {"FIFTEEN_MINUTES": 2.0, "ONE_HOUR": 5.0, "SIX_HOURS": 30.0}
"""Seconds of the lab that stand for how often repeats are told."""

Finding = dict[str, Any]
Tell = Callable[[tuple[str, str], Finding], None]


@dataclasses.dataclass(frozen=True)
class Made:
    """What a rule, the owner or a sample says; the rest of a finding is GuardDuty's own."""

    type: str
    severity: float
    title: str
    description: str
    resource: Mapping[str, Any]
    action: Mapping[str, Any]
    subject: str
    """Repeats of the same type with the same subject are one finding."""
    when: float
    role: str = "TARGET"
    additional: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    evidence: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Detector:
    """One account's detector in one Region."""

    account: str
    region: str
    enabled: bool
    frequency: str
    tags: Mapping[str, str]
    created: float
    updated: float
    id: str = dataclasses.field(default_factory=lambda: secrets.token_hex(16))
    findings: dict[str, Finding] = dataclasses.field(default_factory=dict)
    _subjects: dict[tuple[str, str], str] = dataclasses.field(default_factory=dict)
    _untold: dict[str, bool] = dataclasses.field(default_factory=dict)
    _next: float = 0.0

    @property
    def place(self) -> tuple[str, str]:
        """Account and Region."""
        return self.account, self.region

    def take(self, made: Made, now: float) -> Finding:
        """A new finding, or one more count of the one that is there; an archived one is not added to."""
        known = self._subjects.get((made.type, made.subject), "")
        if known in self.findings and not self.findings[known]["service"]["archived"]:
            _repeat(self.findings[known], made, now)
            self._untold.setdefault(known, False)
            return self.findings[known]
        finding = _new(self, made, now)
        self.findings[finding["id"]] = finding
        self._subjects[made.type, made.subject] = finding["id"]
        self._untold[finding["id"]] = True
        return finding

    def publish(self, tell: Tell, now: float) -> None:
        """Tell of new findings at once, and of repeats when they are due."""
        due = now >= self._next
        for known, new in list(self._untold.items()):
            if due or new:
                del self._untold[known]
                if not self.findings[known]["service"]["archived"]:
                    tell(self.place, self.findings[known])
        if due:
            self._next = now + FREQUENCIES[self.frequency]


def precise(moment: float) -> str:
    """A moment with milliseconds, as `createdAt` has it."""
    return dt.datetime.fromtimestamp(moment, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _new(detector: Detector, made: Made, now: float) -> Finding:
    known, seen = secrets.token_hex(16), clock.iso(made.when)
    return {
        "schemaVersion": "2.0", "accountId": detector.account, "region": detector.region, "partition": "aws", "id": known,
        "arn": f"arn:aws:guardduty:{detector.region}:{detector.account}:detector/{detector.id}/finding/{known}",
        "type": made.type, "resource": dict(made.resource),
        "service": {
            "serviceName": "guardduty", "detectorId": detector.id, "action": dict(made.action), "resourceRole": made.role,
            "additionalInfo": {"type": "default", "value": "{}", **made.additional},
            "eventFirstSeen": seen, "eventLastSeen": seen, "archived": False, "count": 1,
            **({"evidence": dict(made.evidence)} if made.evidence else {}),
        },
        "severity": made.severity, "createdAt": precise(now), "updatedAt": precise(now), "title": made.title,
        "description": made.description,
    }  # fmt: skip


def _repeat(finding: Finding, made: Made, now: float) -> None:
    service = finding["service"]
    service["count"] += 1
    # Calls may be looked at out of order.
    service["eventFirstSeen"] = min(service["eventFirstSeen"], clock.iso(made.when))
    service["eventLastSeen"] = max(service["eventLastSeen"], clock.iso(made.when))
    finding["updatedAt"] = precise(now)
    finding.update(title=made.title, description=made.description, resource=dict(made.resource))
    service["action"] = dict(made.action)
