"""Delivery: the sealed package, what a verifier says of it, and the receiver's word."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from amberlight.model.signals import Kind


class Package(msgspec.Struct, frozen=True, kw_only=True):
    """A package on disk: a BagIt 1.0 folder (RFC 8493) with custody, sealed by the ledger's last entry."""

    case: str
    kind: Kind
    path: str
    files: int
    size_bytes: int
    sealed: datetime
    key_fingerprint: str


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a verifier found: which file, and what is wrong with it."""

    path: str
    problem: str


class LedgerState(msgspec.Struct, frozen=True, kw_only=True):
    """How the ledger of a package stands."""

    entries: int
    checkpoint: Literal["ok", "bad", "missing"]


class Corroborated(msgspec.Struct, frozen=True, kw_only=True):
    """Of how many requests that the ledger names (`acts`) it also names CloudTrail's own event (`by_cloudtrail`)."""

    acts: int
    by_cloudtrail: int


class WitnessReport(msgspec.Struct, frozen=True, kw_only=True):
    """How a package stands to a witness: how many heads of its case lie there, and what does not fit."""

    heads: int
    problems: tuple[str, ...]


class VerifyReport(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `amberlight verify`, of the package's own `verify.py` and of the receiver.

    `witness` is there when a witness was asked, and only `amberlight verify` can ask one.
    """

    schema: str
    ok: bool
    key: Literal["confirmed", "unconfirmed", "wrong"]
    kind: str
    files: int
    bytes: int
    ledger: LedgerState
    problems: tuple[Problem, ...]
    corroborated: Corroborated
    witness: WitnessReport | msgspec.UnsetType = msgspec.UNSET


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """The receiver's word that the package arrived and verified."""

    case: str
    kind: Kind
    receiver: str
    when: datetime
    verified: bool
    key_fingerprint: str
    signature: str = ""
