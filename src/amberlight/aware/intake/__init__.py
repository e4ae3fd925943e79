"""One file is one way to be told of something: it turns a raw form into a Signal, and keeps the raw form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from amberlight.model.signals import Signal


@dataclass(frozen=True, kw_only=True)
class Intake:
    """One way to be told. `read` raises `ConfigError` where the raw form is not of this kind."""

    id: str
    title: str
    read: Callable[[dict[str, Any]], Signal]
