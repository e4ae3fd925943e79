"""One item of a package, given away alone: what its check answers."""

from __future__ import annotations

from typing import Literal

import msgspec

from amberlight.model.delivery import Problem


class ExhibitReport(msgspec.Struct, frozen=True, kw_only=True):
    """The answer about one exhibit that was given away alone: `entry` is its number in the ledger, -1 where unknown."""

    schema: str
    ok: bool
    key: Literal["confirmed", "unconfirmed", "wrong"]
    kind: str
    case: str
    entry: int
    path: str
    bytes: int
    sha256: str
    problems: tuple[Problem, ...]
