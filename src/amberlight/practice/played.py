"""What a rehearsal starts with, and what it leaves for the score and the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amberlight.aware.judge import Judge
from amberlight.model.delivery import Receipt
from amberlight.model.rehearsal import Truth
from amberlight.practice import stage
from amberlight.practice.drill import Drill
from amberlight.practice.narrator import Narrator
from amberlight.practice.performers import Performers
from amberlight.response.respond import Response


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a rehearsal is started with. `command` is how a person would start it again."""

    out: Path
    drill: str = "leaked_key"
    seed: int = 7
    hosts: str = "auto"
    command: str = "amberlight demo"


@dataclass(frozen=True, kw_only=True)
class Played:
    """Everything that a run leaves for the score and the report."""

    drill: Drill
    ground: stage.Stage
    built: stage.Built
    judge: Judge
    response: Response
    receipt: Receipt
    truth: Truth
    performers: Performers
    narrator: Narrator
    ours: tuple[Mapping[str, Any], ...]
