"""AWS::EC2::Volume."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amberlight.lab.awsconfig.kind import Place
from amberlight.lab.awsconfig.kinds._ec2 import Facts, kind, related


def _facts(place: Place, found: dict[str, Any]) -> Facts:
    del place
    instances = [each.get("instanceId") for each in found.get("attachments", [])]
    return Facts(
        *related("Is attached to Instance", "Instance", *instances),
        zone=found.get("availabilityZone", "Not Applicable"), created=found.get("createTime"),
    )  # fmt: skip


def _moving(found: Mapping[str, Any]) -> bool:
    return found.get("state") in ("creating", "deleting")


KIND = kind(
    "AWS::EC2::Volume", "vol", ("DescribeVolumes", "VolumeIds", "Volumes", "volumeId"), _facts, settling=_moving
)
