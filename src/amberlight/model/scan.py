"""The answer of `amberlight scan`: what was read, what was not, and every suspicion."""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from amberlight.model.signals import Reason, Severity, Suppressed, Suspicion


class Unread(msgspec.Struct, frozen=True, kw_only=True):
    """A file that could not be read, wholly or in part, and why."""

    path: str
    problem: str


class RuleNotRun(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that a folder holds and that could not be used, and why."""

    rule: str
    reason: str


class StagedRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that only counts: how often it matched, and how many suspicions would have paged with it alone made live.

    `event_ids` are of those suspicions.
    """

    rule: str
    title: str
    matches: int
    would_page: int
    first: datetime | None = None
    last: datetime | None = None
    event_ids: tuple[str, ...] = ()


class SuppressionUse(msgspec.Struct, frozen=True, kw_only=True):
    """A suppression of the plan, and what it held back in this run.

    `applied` is false once `until` is past; `held` counts matches of rules, `pages` suspicions that would have paged.
    """

    who: str
    what: str
    where: str
    reason: str
    owner: str
    until: date
    applied: bool
    held: int
    pages: int


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """A suspicion as the scan prints it; `page` says whether it would call a person.

    `suppressed` is what the plan holds back of it, `held_page` whether it would call a person but for that.
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
    suppressed: tuple[Suppressed, ...] = ()
    held_page: bool = False


class ScanReport(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer. `skipped` counts files that are no JSON, `other_records` JSON that is no CloudTrail record.

    `rules_not_run` names every imported rule that did not judge, with the reason.
    """

    schema: str
    events: int
    files: int
    unreadable: tuple[Unread, ...]
    incidents: tuple[Incident, ...]
    skipped: int = 0
    other_records: int = 0
    rules_not_run: tuple[RuleNotRun, ...] = ()
    suppressions: tuple[SuppressionUse, ...] = ()
    staged: tuple[StagedRule, ...] = ()


def incident(suspicion: Suspicion) -> Incident:
    """The suspicion without what only the response needs."""
    return Incident(**{name: getattr(suspicion, name) for name in Incident.__struct_fields__})


class RuleSide(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two sets of rules: its name as it was asked for, how many rules judged, how many suspicions page."""

    name: str
    rules: int
    pages: int
    rules_not_run: tuple[RuleNotRun, ...] = ()


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """A suspicion under the old rules and under the new ones; null where one side has nothing like it."""

    before: Incident | None
    after: Incident | None


class ReplayReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a change of rules would have paged on this history. `same` counts pages that both sides have alike."""

    schema: str
    events: int
    files: int
    unreadable: tuple[Unread, ...]
    old: RuleSide
    new: RuleSide
    gained: tuple[Replayed, ...]
    lost: tuple[Replayed, ...]
    changed: tuple[Replayed, ...]
    same: int
    skipped: int = 0
    other_records: int = 0
