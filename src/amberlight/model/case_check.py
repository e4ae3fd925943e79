"""What `amberlight vault verify` says of a case where it lies."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from amberlight.model.delivery import Problem


class ObjectState(msgspec.Struct, frozen=True, kw_only=True):
    """One object as it lies in the vault, by its first version.

    `state` is `ok`; `bad` where a problem names it; `not-entered` where no entry of the ledger speaks of it, as after a
    crash between writing and entering. `retain_until` is None and `held` False where nothing is set.
    """

    key: str
    version: str
    size_bytes: int
    sha256: str
    state: Literal["ok", "bad", "not-entered"]
    lock: str = ""
    retain_until: datetime | None = None
    held: bool = False


class CaseCheck(msgspec.Struct, frozen=True, kw_only=True):
    """A case in the vault: chain, heads, and every object.

    `entries` are under a signed head but for the last `unsigned`; `key` is the fingerprint of the key in the response plan.
    """

    schema: str
    ok: bool
    case: str
    kind: str
    key: str
    entries: int
    unsigned: int
    heads: int
    objects: tuple[ObjectState, ...]
    problems: tuple[Problem, ...]
