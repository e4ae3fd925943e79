"""Rehearsal: what a drill really did, and how the response to it scored."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from amberlight.model.custody import Attempt
from amberlight.model.evidence import Gap


class Expectation(msgspec.Struct, frozen=True, kw_only=True):
    """One item that the evidence must contain: a source, and a text that its bytes hold.

    `contains` is an event id, a file name, a payload; empty means that the item's presence is enough.
    """

    id: str
    source: str
    contains: str = ""
    why: str = ""


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """Ground truth of one run, written by the scenario itself and never read by the system under test."""

    drill: str
    seed: int
    started: datetime
    first_attack: datetime
    last_attack: datetime
    principals: tuple[str, ...]
    addresses: tuple[str, ...]
    attack_requests: tuple[str, ...]
    benign_principals: tuple[str, ...]
    expected: tuple[Expectation, ...]


class Clocks(msgspec.Struct, frozen=True, kw_only=True):
    """The clocks of a run, in seconds.

    `detect_s` runs from the first attack call to the proposal; `decide_s` from proposal to decision;
    `preserve_first_s` and `preserve_last_s` from decision to first and last sealed item; `handoff_s` from last sealed
    item to the verified package; `total_s` the whole run.
    """

    detect_s: float
    decide_s: float
    preserve_first_s: float
    preserve_last_s: float
    handoff_s: float
    total_s: float


class TriageScore(msgspec.Struct, frozen=True, kw_only=True):
    """What triage made of it: `true` and `false` count the proposed incidents that were and were not the attack."""

    signals: int
    suspicions: int
    proposed: int
    true: int
    false: int


class MissingEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """An expected item without evidence."""

    source: str
    target: str
    reason: str


class EvidenceScore(msgspec.Struct, frozen=True, kw_only=True):
    """Completeness: items expected by the ground truth, items present, and each that is not."""

    expected: int
    present: int
    gaps: tuple[MissingEvidence, ...]


class Quietness(msgspec.Struct, frozen=True, kw_only=True):
    """What the subject account could see of us: our calls in its own event history, and the loudest thing done."""

    calls_in_subject_trail: int
    mutating_calls: tuple[str, ...]
    telltale_names: tuple[str, ...]
    highest_seen: int


class GapItem(msgspec.Struct, frozen=True, kw_only=True):
    """Something that the drill showed to be missing: with an owner, a due date and the test that would close it."""

    id: str
    what: str
    risk: str
    owner: str
    due: str
    retest: str


class PackageScore(msgspec.Struct, frozen=True, kw_only=True):
    """The package and whether its own verifier accepted it."""

    path: str
    verified: bool


class VaultScore(msgspec.Struct, frozen=True, kw_only=True):
    """Each try to alter the vault, and whether it was refused."""

    attempts: tuple[Attempt, ...]


class Scorecard(msgspec.Struct, frozen=True, kw_only=True):
    """`scorecard.json`."""

    schema: str
    kind: Literal["drill"]
    drill: str
    seed: int
    case: str
    clocks: Clocks
    triage: TriageScore
    evidence: EvidenceScore
    vault: VaultScore
    package: PackageScore
    key_fingerprint: str
    quietness: Quietness
    capture_gaps: tuple[Gap, ...]
    lab_limits: tuple[str, ...]
    gaps: tuple[GapItem, ...]
    not_shown: tuple[str, ...] = ()
