"""Events that the lab's owner has services of AWS put on an account's default bus: what the lab does not make by itself.

`RunningLab.control("event", account=ID, source="aws.macie", detail_type="Macie Finding", detail={...})`, with `region` and
`resources` if wanted: findings of Macie and Inspector, quarantined keys, Trusted Advisor. `source` and `detail_type` are AWS's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amberlight.lab.detection import bus
from amberlight.lab.options import REGION, REGIONS
from amberlight.lab.world import World


def install(world: World) -> None:
    """Offer the control."""
    accounts = {each.id for each in world.accounts.values()}

    def plant(data: Mapping[str, Any]) -> None:
        place = (str(data["account"]), str(data.get("region", REGION)))
        source, detail = str(data["source"]), data["detail"]
        if place[0] not in accounts or place[1] not in REGIONS:
            raise ValueError(f"the lab has no account {place[0]} in {place[1]}")
        if not source.startswith("aws.") or not isinstance(detail, dict):
            raise ValueError("an event of AWS has a source that begins with aws., and an object as detail")
        bus.tell(place, source, str(data["detail_type"]), detail, [str(each) for each in data.get("resources", [])])

    world.control.offer("event", plant)
