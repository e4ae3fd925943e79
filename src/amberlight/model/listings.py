"""What commands print as JSON besides the records of a case: the catalogue, the open points of a plan, a running lab."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from amberlight.model.evidence import Call, Cost, Gap, Need
from amberlight.model.signals import Kind


class SourceFacts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A source's declared facts. Spans of time in seconds; None means never (`gone_after_s`) or not at all."""

    id: str
    title: str
    takes: tuple[str, ...]
    calls: tuple[Call, ...]
    seen: int
    seen_text: str
    gone_after_s: float | None
    reaches_back_s: float | None
    cost: Cost
    needs: tuple[Need, ...]
    yields: tuple[str, ...]
    leaves: tuple[str, ...]
    references: tuple[str, ...]
    lasts_s: float


class SourceList(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`amberlight capture sources --json`."""

    schema: str
    sources: tuple[SourceFacts, ...]


class CaptureResult(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`amberlight capture run --json`. `complete` counts steps that miss nothing, `resumed` those done by an earlier run."""

    schema: str
    case: str
    kind: Kind
    complete: int
    resumed: int
    gaps: tuple[Gap, ...]
    evidence: int
    bytes: int


class OpenPoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that a response plan lacks.

    Attributes:
        check: The check that found it.
        where: The place in the plan, such as `contacts[2].reach`.
        what: What is lacking.
        risk: What that risks.
        todo: What to do about it.
        reference: The requirement that asks for it first of all.
        also: Further requirements that do.
    """

    check: str
    where: str
    what: str
    risk: str
    todo: str
    reference: str
    also: tuple[str, ...] = ()


class Requirement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a plan stands to one requirement: `open` points among what `checks` found.

    `elsewhere` means that no plan can answer it, `not-run` that a check needs calls to AWS and was not allowed any.
    """

    id: str
    framework: str
    title: str
    state: Literal["open", "clear", "not-run", "elsewhere"]
    open: int
    checks: tuple[str, ...]
    note: str = ""


class PlanCheck(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`amberlight plan check --json`; `valid` is true, since a plan that is not valid is an error."""

    schema: str
    valid: bool
    open: tuple[OpenPoint, ...]
    requirements: tuple[Requirement, ...]


class LabKeys(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Keys of one principal of the lab; they open nothing else."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None


class LabAccountFacts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account of the lab, with keys of its administrator and of its root."""

    id: str
    admin: LabKeys
    root: LabKeys


class LabPlace(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A vantage point on the lab's network: its address, the process that holds its namespace, AWS as seen from it."""

    address: str
    pid: int | None
    endpoint: str


class LabScenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A drill's account that was planted: names, addresses and keys by what they are in the drill."""

    drill: str
    title: str
    planted: dict[str, Any]


class LabDescription(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first line of `amberlight lab up --json`. The lab writes it by itself: it imports nothing of ours."""

    schema: str
    endpoint: str
    region: str
    regions: tuple[str, ...]
    accounts: dict[str, LabAccountFacts]
    isolation: str
    limits: tuple[str, ...]
    places: dict[str, LabPlace]
    disks: str
    """`ext4` where root volumes hold their hosts' files, else `none`."""
    pid: int
    workdir: str
    scenario: LabScenario | None = None
    faults: tuple[dict[str, Any], ...] = ()
    """In force, as they were given."""
