"""Faults and delays on order: `RunningLab.control("faults", set=[...])`, or `LabOptions.faults` from the start.

`control("faults")` tells how often each has struck. See `amberlight.lab.faults`.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amberlight.lab.faults import reading
from amberlight.lab.faults.board import Board
from amberlight.lab.faults.points import Points
from amberlight.lab.world import World

AFTER = tuple(found.name for found in pkgutil.iter_modules([str(Path(__file__).parent)]) if found.name != "faults")
"""All others: a fault strikes whatever they answer."""


def install(world: World) -> None:
    """Put every kind in its place, and the faults that the lab was started with in force."""
    board = Board(world.options.seed, {name: account.id for name, account in world.accounts.items()})
    points = Points(world, board)
    for kind in reading.catalogue().values():
        kind.install(points)
    points.connect()
    board.set(list(world.options.faults))

    def control(data: Mapping[str, Any]) -> dict[str, Any]:
        if strange := set(data) - {"set"}:
            raise ValueError(f"faults take `set` alone, not {', '.join(sorted(strange))}")
        if "set" in data:
            board.set(data["set"])
        return {"faults": board.told()}

    world.control.offer("faults", control)
