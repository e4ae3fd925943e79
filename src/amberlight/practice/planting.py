"""A drill's account in a lab that somebody plays with: built as for a rehearsal, and nobody acts in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from amberlight._aws import Clock
from amberlight.lab import RunningLab
from amberlight.practice import stage
from amberlight.practice.drill import load

_OURS = ("lab", "truth", "seed")
"""What a scene holds for the actors' process alone."""


@dataclass(frozen=True, kw_only=True)
class Planted:
    """What was built; `facts` are names, addresses and keys by what they are in the drill."""

    drill: str
    title: str
    facts: dict[str, Any]


def plant(name: str, lab: RunningLab, *, seed: int, work: Path, clock: Clock) -> Planted:
    """Build the subject account of a drill.

    Raises:
        ConfigError: there is no such drill.
        AmberlightError: a call to the lab failed.
    """
    drill = load(name)
    scene = msgspec.to_builtins(drill.dress(stage.enter(lab, seed, work / "truth", clock)))
    return Planted(drill=drill.id, title=drill.title, facts={k: v for k, v in scene.items() if k not in _OURS})
