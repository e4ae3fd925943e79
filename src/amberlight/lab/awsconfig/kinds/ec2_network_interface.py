"""AWS::EC2::NetworkInterface: its tags are called `tagSet`."""

from __future__ import annotations

from typing import Any

from amberlight.lab.awsconfig.kind import Place
from amberlight.lab.awsconfig.kinds._ec2 import Facts, kind, related


def _facts(place: Place, found: dict[str, Any]) -> Facts:
    del place
    found["tags"] = found.pop("tagSet", [])
    return Facts(
        *related("Is attached to Instance", "Instance", found.get("attachment", {}).get("instanceId")),
        *related("Is associated with SecurityGroup", "SecurityGroup", *(g.get("groupId") for g in found.get("groups", []))),
        *related("Is contained in Subnet", "Subnet", found.get("subnetId")),
        *related("Is contained in Vpc", "VPC", found.get("vpcId")),
        zone=found.get("availabilityZone", "Not Applicable"),
    )  # fmt: skip


KIND = kind(
    "AWS::EC2::NetworkInterface", "eni",
    ("DescribeNetworkInterfaces", "NetworkInterfaceIds", "NetworkInterfaces", "networkInterfaceId"), _facts,
)  # fmt: skip
