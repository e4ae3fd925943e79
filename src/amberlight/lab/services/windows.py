"""Instances of Windows: as AWS shows them, and played back; see `amberlight.lab.recorded`.

The owner plants recordings: `RunningLab.control("recording", kind="windows-server-2022", called=…, script=… or sha256=…,
stdout=…, code=…, origin=…, source=…)`. Such an instance has no network: its address answers nobody.

References:
    Instance (`platform`, `platformDetails`, `usageOperation`), EC2 API Reference, 2026-11.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amberlight.lab import hooks
from amberlight.lab.recorded import host_of, hosts
from amberlight.lab.world import World

_SHOWN = "<platform>windows</platform><platformDetails>Windows</platformDetails><usageOperation>RunInstances:0002</usageOperation>"

AFTER = ("ec2", "ec2_attributes")
"""Whose pictures of an instance this one adds to."""


def install(world: World) -> None:
    """Show the platform, and let the owner plant recordings."""
    world.control.offer("recording", _plant)

    def xml(instance: Mapping[str, Any]) -> str:
        text = str(old(instance))
        head, end, tail = text.rpartition("</item>")
        return head + _SHOWN + end + tail if host_of(instance) else text

    old = hooks.replace("services.ec2", "_instance_xml", xml)


def _plant(data: Mapping[str, Any]) -> None:
    rest = {name: value for name, value in data.items() if name not in ("kind", "called")}
    if data["kind"] not in hosts():
        raise ValueError(f"there is no recorded host {data['kind']}")
    hosts()[data["kind"]].plant(str(data["called"]), rest)
