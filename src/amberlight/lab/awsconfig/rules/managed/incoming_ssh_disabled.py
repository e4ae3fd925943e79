"""INCOMING_SSH_DISABLED (restricted-ssh): no security group lets everybody in to port 22."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amberlight.lab.awsconfig.item import Item
from amberlight.lab.awsconfig.rules.verdict import Managed, Parameters

_PORT = 22


def _reaches(permission: Mapping[str, Any]) -> bool:
    if permission.get("ipProtocol") == "-1":
        return True
    return permission.get("ipProtocol") in ("tcp", "6") and permission.get("fromPort", 0) <= _PORT <= permission.get(
        "toPort", -1
    )


def _everybody(permission: Mapping[str, Any]) -> bool:
    four = [each.get("cidrIp") for each in permission.get("ipv4Ranges", [])]
    return "0.0.0.0/0" in four or "::/0" in [each.get("cidrIpv6") for each in permission.get("ipv6Ranges", [])]


def _judge(item: Item, parameters: Parameters) -> tuple[bool, str | None]:
    del parameters
    wide = any(_reaches(each) and _everybody(each) for each in item.reading.configuration.get("ipPermissions", []))
    return not wide, "Port 22 is open to everybody."


RULE = Managed(identifier="INCOMING_SSH_DISABLED", types=("AWS::EC2::SecurityGroup",), judge=_judge)
