"""The record of an attack on the vault by everybody who has a key to anything: what was tried, and what remains."""

from __future__ import annotations

from datetime import datetime

import msgspec

from amberlight.model.custody import Attempt


class Lawful(msgspec.Struct, frozen=True, kw_only=True):
    """A call that was not tried, since it is that role's work."""

    role: str
    action: str


class Unsettled(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt that got no answer, or one that neither refuses nor lets through: it proves nothing."""

    role: str
    action: str
    problem: str


class Residual(msgspec.Struct, frozen=True, kw_only=True):
    """What AWS would allow and no attempt can show, and what to do about it."""

    risk: str
    remedy: str


class VaultProof(msgspec.Struct, frozen=True, kw_only=True):
    """Every attempt with its answer. `where` is `lab` or `aws`; `canary` the key of the object that was attacked."""

    schema: str
    where: str
    account: str
    bucket: str
    canary: str
    made_at: datetime
    attempts: tuple[Attempt, ...]
    lawful: tuple[Lawful, ...]
    unsettled: tuple[Unsettled, ...]
    residual: tuple[Residual, ...]
