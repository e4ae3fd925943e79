"""One Sigma rule to one of ours.

Its level decides what it is worth; alone it never calls a person, unless its author says so under our own key:

    amberlight:
      may_page_alone: true    # calls a person by itself
      points: 70              # instead of what the level is worth
      stage: staged           # counts silently; `live` promotes it

References:
    Sigma rules specification 2.1.0, https://sigmahq.io/sigma-specification/, 2026-11.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import Any, get_args

import msgspec

from amberlight.aware.rule import Match, Rule, Stage, Tactic
from amberlight.aware.sigma import logic
from amberlight.aware.sigma.condition import tree
from amberlight.aware.sigma.logic import CannotRun, Either, Node
from amberlight.aware.sigma.selecting import selection
from amberlight.aware.sigma.values import listed
from amberlight.model.signals import Severity
from amberlight.trail import Event

LEVELS: dict[str, tuple[float, Severity]] = {
    "informational": (5, "low"),
    "low": (12, "low"),
    "medium": (25, "medium"),
    "high": (45, "high"),
    "critical": (60, "critical"),
}
"""What a level is worth: none pages by itself under the default plan, and `high` counts as strong among others."""
LOGSOURCE = {"product": "aws", "service": "cloudtrail"}
OTHER_KINDS = {"correlation": "a correlation", "filter": "a filter", "action": "a collection's part"}
RETIRED = ("deprecated", "unsupported")
TECHNIQUE = re.compile(r"attack\.(t\d{4}(?:\.\d{3})?)$", re.IGNORECASE)
LONGEST_TITLE = 160
SAFE_ID = re.compile(r"[\w-]{1,80}")


class OwnKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an author says to us alone, under `amberlight:`."""

    may_page_alone: bool = False
    points: float | None = None
    stage: Stage = "live"


class Document(msgspec.Struct, frozen=True):
    """The parts of a Sigma rule that are used here; others are for people."""

    title: str
    logsource: dict[str, Any]
    detection: dict[str, Any]
    id: str = ""
    status: str = ""
    level: str = "medium"
    tags: list[str] = []
    falsepositives: Any = None
    references: Any = None
    amberlight: OwnKey = OwnKey()


@lru_cache(maxsize=4096)
def compiled(name: str, data: bytes) -> Rule:
    """The rule in a document (as JSON); `name` is the file's.

    Raises:
        CannotRun: it is no rule, not for CloudTrail, or asks for what does not run here.
    """
    document = read(data)
    detection = {str(key): value for key, value in document.detection.items()}
    condition = detection.pop("condition", None)
    if "timeframe" in detection:
        raise CannotRun("`timeframe` belongs to counting, which this importer does not do")
    selections = {key: selection(value) for key, value in detection.items()}
    if not condition or not all(isinstance(one, str) for one in listed(condition)):
        raise CannotRun("`detection` has no condition")
    trees = [tree(one, selections) for one in listed(condition)]
    return made(name, data, document, trees[0] if len(trees) == 1 else Either(tuple(trees)))


def read(data: bytes) -> Document:
    """The document, checked.

    Raises:
        CannotRun: it is no rule, or not one for CloudTrail.
    """
    whole = msgspec.json.decode(data)
    for key, what in OTHER_KINDS.items():
        if isinstance(whole, dict) and key in whole:
            raise CannotRun(f"is {what}, not a rule of its own")
    try:
        document = msgspec.convert(whole, Document)
    except msgspec.ValidationError as problem:
        raise CannotRun(f"is no Sigma rule: {problem}") from problem
    source = {key: str(value) for key, value in document.logsource.items() if key in ("product", "service", "category")}
    if source != LOGSOURCE:
        raise CannotRun(
            f"is for {', '.join(f'{key} {value}' for key, value in source.items()) or 'no log'}, not for CloudTrail"
        )
    if document.status in RETIRED:
        raise CannotRun(f"its author calls it {document.status}")
    if document.level not in LEVELS:
        raise CannotRun(f"its level is {document.level!r}, which is none of {', '.join(LEVELS)}")
    if document.amberlight.points is not None and not 0 < document.amberlight.points <= 100:  # noqa: PLR2004 - the scale
        raise CannotRun("its points are not between 0 and 100")
    return document


def made(name: str, data: bytes, document: Document, node: Node) -> Rule:
    """The record and its functions."""
    points, severity = LEVELS[document.level]
    own, title = document.amberlight, " ".join(document.title.split())[:LONGEST_TITLE]
    check = logic.compiled(node)

    def on_event(event: Event) -> Match | None:
        if not check(event):
            return None
        # One item for each call and address in an hour: volume adds nothing, and costs nothing.
        return Match(reason=f"{title}: {event.name}", items=(f"{event.name} {event.address or ''}",))

    return Rule(
        id=f"sigma.{document.id if SAFE_ID.fullmatch(document.id) else '-'.join(SAFE_ID.findall(name))}",
        title=title,
        tactic=tactic(document.tags),
        techniques=tuple(dict.fromkeys(found[1].upper() for tag in document.tags if (found := TECHNIQUE.match(tag)))),
        points=points if own.points is None else own.points,
        severity=severity,
        false_triggers="; ".join(str(one) for one in listed(document.falsepositives) if one),
        references=tuple(str(one) for one in listed(document.references) if one),
        on_event=on_event,
        could=lambda source, operation: logic.certain(node, source, operation) is not False,
        gate=logic.gate(node),
        may_page_alone=own.may_page_alone,
        supports=not own.may_page_alone,
        services=True,
        denied=True,
        stage=own.stage,
        revision=hashlib.sha256(data).hexdigest()[:12],
        remake=(compiled, (name, data)),
    )


def tactic(tags: list[str]) -> Any:
    """The first of our tactics among the tags; empty where there is none."""
    names = (tag.lower().removeprefix("attack.").replace("_", "-") for tag in tags)
    return next((name for name in names if name in get_args(Tactic)), "")
