"""AWS Config: see `lab/awsconfig`. It takes the place of the emulator's, which recorded nothing.

References:
    AWS Config API Reference and Developer Guide, 2026-11.
"""

from __future__ import annotations

from amberlight.lab.awsconfig import api_history, api_recorders, query
from amberlight.lab.awsconfig.delivery import Delivery
from amberlight.lab.awsconfig.engine import Engine
from amberlight.lab.awsconfig.serving import replace_emulators
from amberlight.lab.world import World

REAL = {
    "config.GetResourceConfigHistory": "an item for each change, read back after the call that made it; none while the recorder is stopped",
    "config.ListDiscoveredResources": "what was read back, deleted resources too",
}

AFTER = ("ec2", "s3")
"""Whose answers are read back."""


def install(world: World) -> None:
    """Record, and serve the API."""
    engine = Engine()
    delivery = Delivery(engine, world.options.digest_interval_s)
    world.history.subscribe(engine.take)
    world.jobs.extend((engine.tick, delivery.tick))
    replace_emulators(
        {**api_recorders.operations(engine, delivery), **api_history.operations(engine), **query.operations(engine)}
    )
