"""AWS::EC2::Subnet. What it contains is not told: AWS Config left such indirect relationships out in September 2021."""

from __future__ import annotations

from typing import Any

from amberlight.lab.awsconfig.kind import Place
from amberlight.lab.awsconfig.kinds._ec2 import Facts, kind, related


def _facts(place: Place, found: dict[str, Any]) -> Facts:
    del place
    zone = found.get("availabilityZone", "Not Applicable")
    return Facts(*related("Is contained in Vpc", "VPC", found.get("vpcId")), zone=zone)


KIND = kind("AWS::EC2::Subnet", "subnet", ("DescribeSubnets", "SubnetIds", "Subnets", "subnetId"), _facts)
