"""AWS::EC2::VPC. What it contains is not told: AWS Config left such indirect relationships out in September 2021."""

from __future__ import annotations

from typing import Any

from amberlight.lab.awsconfig.kind import Place
from amberlight.lab.awsconfig.kinds._ec2 import Facts, kind


def _facts(place: Place, found: dict[str, Any]) -> Facts:
    del place, found
    return Facts(zone="Multiple Availability Zones")


KIND = kind("AWS::EC2::VPC", "vpc", ("DescribeVpcs", "VpcIds", "Vpcs", "vpcId"), _facts)
