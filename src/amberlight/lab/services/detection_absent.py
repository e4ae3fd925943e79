"""Detection and response services that the lab does not have: every call is refused with an error that says so, and recorded.

Their findings can be planted: in Security Hub (`services/securityhub.py`), or on the default bus as AWS sends them (`services/bus_events.py`).
"""

from __future__ import annotations

from amberlight.lab.own import serve
from amberlight.lab.world import World

NAMES = ("macie2", "detective", "ssm-incidents")
"""By their botocore names."""


def install(world: World) -> None:
    """Refuse their calls."""
    del world
    for name in NAMES:
        serve(name, {})
