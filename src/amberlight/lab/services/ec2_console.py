"""EC2: the console of an instance.

It shows how the host came up and went down, the output of its user data, and what its processes write to `/dev/console`. There
is no screen behind it that could be photographed.

References:
    GetConsoleOutput (64 KB, base64), GetConsoleScreenshot, EC2 API Reference, 2026-11.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from amberlight.lab import hooks
from amberlight.lab.consoles import Consoles
from amberlight.lab.own import Refused
from amberlight.lab.own_ec2 import serve
from amberlight.lab.world import World

REAL = {"ec2.GetConsoleOutput": "the host's console: boot, output of user data, what processes wrote to /dev/console"}


def install(world: World) -> None:
    """Put consoles on hosts."""
    consoles = Consoles()
    world.hosts.built.append(consoles.open)
    world.hosts.heard.append(consoles.say)

    def output(asked: Mapping[str, Any]) -> dict[str, Any]:
        instance_id = _known(asked)
        text, moment = consoles.read(instance_id) or (b"", None)
        return {"InstanceId": instance_id, "Output": base64.b64encode(text).decode(), "Timestamp": moment}

    serve({"GetConsoleOutput": output, "GetConsoleScreenshot": _screenshot})


def _known(asked: Mapping[str, Any]) -> str:
    instance_id = str(asked["InstanceId"])
    if hooks.service("ec2")._instances.get(instance_id) is None:
        raise Refused("InvalidInstanceID.NotFound", f"The instance ID '{instance_id}' does not exist")
    return instance_id


def _screenshot(asked: Mapping[str, Any]) -> dict[str, Any]:
    _known(asked)
    raise Refused("UnsupportedOperation", "Hosts of the lab have a console and no screen: use GetConsoleOutput.")
