"""What was noticed, what was thought of it, and what was decided.

References:
    NIST SP 800-61r3 (April 2025) for event, incident and the decision between them.
    MITRE ATT&CK for the technique ids.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

import msgspec

Kind = Literal["drill", "incident"]
Severity = Literal["low", "medium", "high", "critical"]


class Target(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """Something to take evidence of: an account and Region, or one resource or principal in it.

    `type` is one of `account`, `instance`, `bucket`, `user`, `role`, `key`; `name` is the id that AWS uses for it
    (instance id, bucket name, user name, access key id), `account` for the account itself.
    """

    type: str
    account: str
    region: str
    name: str

    @property
    def label(self) -> str:
        """A short text for tables and paths: `instance/i-0abc@us-east-1`."""
        return f"{self.type}/{self.name}@{self.region}"


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """Some points of a score, in words that a person can check."""

    points: float
    text: str
    rule: str
    techniques: tuple[str, ...] = ()
    event_ids: tuple[str, ...] = ()


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """One observation, with its raw form kept."""

    id: str
    source: str
    title: str
    when: datetime
    principals: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    account: str = ""
    region: str = ""
    points: float = 0.0
    techniques: tuple[str, ...] = ()
    reason: str = ""
    event_ids: tuple[str, ...] = ()
    raw: dict[str, Any] = msgspec.field(default_factory=dict)


class Suppressed(msgspec.Struct, frozen=True, kw_only=True):
    """A rule whose points the plan holds back, and on whose word."""

    rule: str
    reason: str
    owner: str
    until: date


class Suspicion(msgspec.Struct, frozen=True, kw_only=True):
    """Signals that belong together by who and when, scored, with a reason for every point.

    `page` says whether a person is called for it; a suspicion that does not page is kept with its reasons as noise.
    `first` and `last` are the times of its first and last event. `suppressed` is what the plan holds back of it, and
    `held_page` says whether a person would be called but for that. `earlier_ids` are ids that parts of it were shown with.
    """

    id: str
    page: bool
    severity: Severity
    score: float
    principals: tuple[str, ...]
    addresses: tuple[str, ...]
    first: datetime
    last: datetime
    techniques: tuple[str, ...]
    reasons: tuple[Reason, ...]
    event_ids: tuple[str, ...]
    resources: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    signals: tuple[str, ...] = ()
    suppressed: tuple[Suppressed, ...] = ()
    held_page: bool = False
    earlier_ids: tuple[str, ...] = ()


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """A suspicion promoted to an incident or dismissed: by whom, when and why."""

    suspicion: str
    verdict: Literal["promoted", "dismissed"]
    by: str
    authority: str
    when: datetime
    reason: str


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """An incident, or a drill of one, that is being worked on. The id is opaque: it says nothing to who reads a trail."""

    id: str
    kind: Kind
    severity: Severity
    opened: datetime
    suspicion: Suspicion
    decision: Decision
    targets: tuple[Target, ...]
