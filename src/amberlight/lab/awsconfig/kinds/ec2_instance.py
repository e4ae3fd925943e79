"""AWS::EC2::Instance. A terminated instance is deleted, though DescribeInstances shows it for a while.

References:
    "Supported resource types", AWS Config Developer Guide, 2026-11; sample items of awslabs/aws-config-rdk.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amberlight.lab.awsconfig.kind import Place
from amberlight.lab.awsconfig.kinds._ec2 import Facts, kind, related

_MOVING = ("pending", "stopping", "shutting-down")


def _facts(place: Place, found: dict[str, Any]) -> Facts:
    del place
    interfaces = [each.get("networkInterfaceId") for each in found.get("networkInterfaces", [])]
    volumes = [each.get("ebs", {}).get("volumeId") for each in found.get("blockDeviceMappings", [])]
    groups = [each.get("groupId") for each in found.get("securityGroups", [])]
    return Facts(
        *related("Contains NetworkInterface", "NetworkInterface", *interfaces),
        *related("Is associated with SecurityGroup", "SecurityGroup", *groups),
        *related("Is contained in Subnet", "Subnet", found.get("subnetId")),
        *related("Is attached to Volume", "Volume", *volumes),
        *related("Is contained in Vpc", "VPC", found.get("vpcId")),
        zone=found.get("placement", {}).get("availabilityZone", "Not Applicable"), created=found.get("launchTime"),
    )  # fmt: skip


def _moving(found: Mapping[str, Any]) -> bool:
    return found.get("state", {}).get("name") in _MOVING


KIND = kind(
    "AWS::EC2::Instance", "i", ("DescribeInstances", "InstanceIds", "Reservations.Instances", "instanceId"), _facts,
    neighbours=frozenset({"AWS::EC2::Volume", "AWS::EC2::NetworkInterface"}), settling=_moving,
)  # fmt: skip
