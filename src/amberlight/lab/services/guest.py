"""The guest: a machine beside the lab, with a kernel of its own. No call of AWS sees it; its owner does (`lab/guest/`)."""

from __future__ import annotations

from pathlib import Path

from amberlight.lab.guest import machine
from amberlight.lab.world import World


def install(world: World) -> None:
    """Start it where the lab has an image for one, and say so if it ends before the lab."""
    if not world.options.guest:
        return
    guest = machine.start(world.options.workdir, Path(world.options.guest))

    def watch() -> None:
        if ended := guest.why_ended():
            world.on_limit(ended)

    world.jobs.append(watch)
