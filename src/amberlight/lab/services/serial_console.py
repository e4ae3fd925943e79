"""EC2's serial console: an account's switch for it, and keys that open it for 60 seconds.

Who holds a key that was sent gets in at the other end of the cable, which the lab's owner has in hand:
`RunningLab.control("serial-console", instance=ID, key=PUBLIC_KEY, command=[...])` gives the program and environment that run the
command on the host as root, past its network and its security groups, like the console does.

References:
    "EC2 Serial Console for instances", EC2 User Guide, 2026-11: the switch is per account and Region and off at first.
    SendSerialConsoleSSHPublicKey, EC2 Instance Connect API Reference, 2026-11: errors; the key is there for 60 seconds.
"""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Mapping
from typing import Any

from amberlight.lab import clock, hooks, own
from amberlight.lab.world import World

_STAYS_S = 60.0
_ACTIONS = {
    "EnableSerialConsoleAccess": True,
    "DisableSerialConsoleAccess": False,
    "GetSerialConsoleAccessStatus": None,
}


REAL = {
    "ec2.DisableSerialConsoleAccess": "no key is taken any more",
    "ec2.EnableSerialConsoleAccess": "keys are taken",
    "ec2-instance-connect.SendSerialConsoleSSHPublicKey": "the key opens a root shell on the host for 60 seconds",
}


class Console:
    """The switches, and the keys by instance."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._on: dict[tuple[str, str], bool] = {}
        self._keys: dict[str, tuple[str, float]] = {}

    def switch(self, action: str) -> Any:
        """Turn access on or off, and answer whether it is on."""
        ec2, place = hooks.service("ec2"), (hooks.current_account(), hooks.current_region())
        wanted = _ACTIONS[action]
        if wanted is not None:
            self._on[place] = wanted
        said = str(self._on.get(place, False)).lower()
        inner = f"<serialConsoleAccessEnabled>{said}</serialConsoleAccessEnabled>"
        return ec2._xml(200, f"{action}Response", inner)

    def send(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Take a key for an instance."""
        instance, key = str(asked["InstanceId"]), str(asked["SSHPublicKey"])
        if not self._on.get((hooks.current_account(), hooks.current_region())):
            raise own.Refused(
                "SerialConsoleAccessDisabledException",
                "Your account is not authorized to use the EC2 Serial Console. To authorize your account, run the "
                "EnableSerialConsoleAccess API.",
            )
        if not _is_key(key) or asked.get("SerialPort"):
            raise own.Refused("InvalidArgsException", "One of the parameters is not valid.")
        found = hooks.service("ec2")._instances.get(instance)
        if found is None:
            raise own.Refused("EC2InstanceNotFoundException", f"Instance not found: {instance}")
        if found["State"]["Name"] != "running":
            raise own.Refused("EC2InstanceStateInvalidException", "The instance is not running.")
        if self._world.hosts.get(instance) is None:
            raise own.Refused("SerialConsoleSessionUnsupportedException", "The lab gave this instance no host.")
        self._keys[instance] = (_bare(key), clock.now() + _STAYS_S)
        return {"RequestId": str(uuid.uuid4()), "Success": True}

    def open(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """What to run for a command on the console of an instance, for who holds the key."""
        key, until = self._keys.get(str(data["instance"]), ("", 0.0))
        if not key or key != _bare(str(data["key"])) or clock.now() > until:
            raise ValueError("no such key was sent in the last 60 seconds")
        hosts = self._world.hosts
        host = hosts.get(str(data["instance"]))
        if host is None:
            raise ValueError("the instance has no host any more")
        argv = hosts._argv(host, [str(each) for each in data["command"]], None)
        return {"argv": argv, "environment": hosts._environment(host)}


def _bare(key: str) -> str:
    """A key without its comment."""
    return " ".join(key.split()[:2])


def _is_key(key: str) -> bool:
    parts = key.split()
    if len(parts) < 2 or parts[0] not in ("ssh-rsa", "ssh-ed25519"):  # noqa: PLR2004
        return False
    try:
        return parts[0].encode() in base64.b64decode(parts[1], validate=True)
    except binascii.Error:
        return False


def install(world: World) -> None:
    """Put the actions in place."""
    console, ec2 = Console(world), hooks.service("ec2")
    for action in _ACTIONS:
        ec2._ACTION_MAP[action] = lambda _, action=action: console.switch(action)
    own.serve("ec2-instance-connect", {"SendSerialConsoleSSHPublicKey": console.send}, resource=_instance)
    world.control.offer("serial-console", console.open)


def _instance(_: str, asked: Mapping[str, Any]) -> str:
    place = f"{hooks.current_region()}:{hooks.current_account()}"
    return f"arn:aws:ec2:{place}:instance/{asked.get('InstanceId', '*')}"
