"""What a rule is: a record with a function in it, which looks at one event or at what is known of one principal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from amberlight.model.signals import Severity
from amberlight.trail import Event

if TYPE_CHECKING:
    from amberlight.aware.memory import Activity, Memory

ATTACK = "16.1"
"""Version of MITRE ATT&CK (enterprise) that technique ids are of."""
Tactic = Literal[
    "initial-access", "execution", "persistence", "privilege-escalation", "defense-evasion", "credential-access",
    "discovery", "lateral-movement", "collection", "exfiltration", "impact",
]  # fmt: skip
Sample = Mapping[str, Any]
Stage = Literal["live", "staged"]


class Match(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a rule saw.

    Attributes:
        reason: In words that a person can check; one sentence.
        items: What is counted where the rule wants several different ones; empty means the event itself.
        points: Instead of the rule's points, where the event says more, or less.
        resources: `type/name` of what was touched, as `Target` names it, without Region.
        event_ids: Events to show, where it is not the one event.
        lone: False where this match may not page alone although its rule may.
    """

    reason: str
    items: tuple[str, ...] = ()
    points: float | None = None
    resources: tuple[str, ...] = ()
    event_ids: tuple[str, ...] = ()
    lone: bool = True


@dataclass(frozen=True)
class Gate:
    """What must be so of one text for a rule to match: where it stands (a name, and how to get it), and the test."""

    field: str
    pick: Callable[[Event], str | None]
    passes: Callable[[str | None], bool]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule. `on_event` sees every event of `events`; `on_activity` sees a principal's whole activity.

    Attributes:
        id: The file's name.
        title: What happened, in a few words.
        events: `service:Operation`, as in `iam:CreateUser`; Lambda's without the date.
        techniques: MITRE ATT&CK ids, of version `ATTACK`.
        points: 0 to 100: what a full match is worth; 70 pages under the default plan.
        severity: How bad it is if it is true.
        may_page_alone: Whether one match calls a person, whatever the plan's threshold.
        false_triggers: What is known to set it off harmlessly.
        at_least: So many different items, from one principal, within `within`, make it a full match.
        below: Points for fewer than `at_least`.
        services: Whether calls of AWS services count too.
        denied: Whether calls that AWS refused count too.
        softens: Whether habit and a console session with MFA lower its points.
        ordinary_with: Operations that make it an ordinary change where the same principal calls them within the hour.
        examples: Events (or lists of them) that match; given as the fields that matter.
        near_misses: Look alike, and do not match.
        stage: `staged` while the rule only counts silently; `live` is the word to promote it with.
        supports: Whether it can only support: what nothing but such rules say never calls a person.
        could: Instead of `events`: whether events of that source and name may match at all.
        gate: With `could`: a test of one text that every match passes; it is asked once for each text that occurs.
        revision: What tells two rules of one id apart; empty for ours.
        remake: What makes the rule again in another process; None for ours, which are found by their name.
    """

    id: str
    title: str
    tactic: Tactic | Literal[""]
    techniques: tuple[str, ...]
    points: float
    severity: Severity
    false_triggers: str
    references: tuple[str, ...]
    events: tuple[str, ...] = ()
    on_event: Callable[[Event], Match | None] | None = None
    on_activity: Callable[[Activity, Memory], Iterable[Match]] | None = None
    may_page_alone: bool = False
    at_least: int = 1
    within: timedelta = timedelta(minutes=10)
    below: float = 0.0
    services: bool = False
    denied: bool = False
    softens: bool = True
    ordinary_with: tuple[str, ...] = ()
    examples: tuple[Sample, ...] = field(default=())
    near_misses: tuple[Sample, ...] = field(default=())
    stage: Stage = "live"
    supports: bool = False
    could: Callable[[str, str], bool] | None = None
    gate: Gate | None = None
    revision: str = ""
    remake: tuple[Callable[..., Rule], tuple[Any, ...]] | None = None
