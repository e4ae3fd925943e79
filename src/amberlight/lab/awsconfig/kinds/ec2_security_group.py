"""AWS::EC2::SecurityGroup: its ranges stand there twice, as `ipv4Ranges` and, older, as plain `ipRanges`."""

from __future__ import annotations

from typing import Any

from amberlight.lab.awsconfig.kind import Place
from amberlight.lab.awsconfig.kinds._ec2 import Facts, kind, related


def _facts(place: Place, found: dict[str, Any]) -> Facts:
    del place
    for direction in ("ipPermissions", "ipPermissionsEgress"):
        for permission in found.setdefault(direction, []):
            ranges = permission.get("ipRanges", [])
            permission["ipv4Ranges"] = ranges
            permission["ipRanges"] = [each["cidrIp"] for each in ranges]
    return Facts(*related("Is contained in Vpc", "VPC", found.get("vpcId")), name=found.get("groupName"))


KIND = kind(
    "AWS::EC2::SecurityGroup", "sg", ("DescribeSecurityGroups", "GroupIds", "SecurityGroups", "groupId"), _facts
)
