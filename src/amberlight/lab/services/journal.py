"""How often each operation was answered, and how often with an error: what tests and drills really used of the lab.

`RunningLab.control("calls")` gives `{"service.Operation": [answered, of them with an error]}` since the start.
"""

from __future__ import annotations

from amberlight.lab.recorder.requests import Call
from amberlight.lab.world import World


def install(world: World) -> None:
    """Count, and offer the counts."""
    counts: dict[str, list[int]] = {}

    def count(call: Call, error: str) -> None:
        noted = counts.setdefault(f"{call.service}.{call.operation}", [0, 0])
        noted[0] += 1
        noted[1] += bool(error)

    world.recorder.answered.append(count)
    world.control.offer("calls", lambda _: counts)
