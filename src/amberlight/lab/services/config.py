"""AWS Config: see `lab/awsconfig`. It takes the place of the emulator's, which recorded nothing.

References:
    AWS Config API Reference and Developer Guide, 2026-11.
"""

from __future__ import annotations

from amberlight.lab.awsconfig import api_history, api_recorders, api_rules, query
from amberlight.lab.awsconfig.delivery import Delivery
from amberlight.lab.awsconfig.engine import Engine
from amberlight.lab.awsconfig.rules import telling
from amberlight.lab.awsconfig.rules.evaluator import Evaluator
from amberlight.lab.awsconfig.serving import replace_emulators
from amberlight.lab.awsconfig.tags import Tags
from amberlight.lab.world import World

REAL = {
    "config.DeliverConfigSnapshot": "a file in the bucket, if its policy or the recorder's role lets AWS Config write",
    "config.GetResourceConfigHistory": "an item for each change, by reading the resource back; none while the recorder is stopped",
    "config.ListDiscoveredResources": "what was read back, deleted resources too",
    "config.PutConfigRule": "custom rules run their function under its role; some of AWS's are evaluated, others refused",
    "config.PutEvaluations": "the verdict of the function that holds the token, and of nobody else",
    "config.SelectResourceConfig": "a query over the resources that there are; what is beyond the subset of SQL is refused",
}

AFTER = ("ec2", "s3")
"""Whose answers are read back."""


def install(world: World) -> None:
    """Record, deliver, evaluate, and serve the API."""
    hour_s = world.options.digest_interval_s
    engine = Engine()
    delivery = Delivery(engine, hour_s)
    evaluator = Evaluator(engine, hour_s, telling.by(delivery))
    world.history.subscribe(engine.take)
    world.jobs.extend((engine.tick, delivery.tick, evaluator.tick))
    tags = Tags()
    replace_emulators({
        **api_recorders.operations(engine, delivery, tags), **api_history.operations(engine), **query.operations(engine),
        **api_rules.operations(engine, evaluator, delivery, tags), **tags.operations(),
    })  # fmt: skip
