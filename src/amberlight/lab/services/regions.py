"""Which Regions there are: exactly the enabled ones."""

from __future__ import annotations

from typing import Any

from amberlight.lab import hooks
from amberlight.lab.options import REGIONS
from amberlight.lab.world import World


def install(_: World) -> None:
    """Let DescribeRegions name the enabled Regions, and the rest only when asked for all."""
    ec2 = hooks.service("ec2")

    def describe(params: dict[str, Any]) -> Any:
        requested = ec2._parse_member_list(params, "RegionName")
        everything = ec2._p(params, "AllRegions", "").lower() == "true"
        items = ""
        for name, _ in ec2._AWS_REGIONS:
            enabled = name in REGIONS
            if (requested and name not in requested) or not (enabled or everything):
                continue
            status = "opt-in-not-required" if enabled else "not-opted-in"
            items += (
                f"<item><regionName>{name}</regionName><regionEndpoint>ec2.{name}.amazonaws.com</regionEndpoint>"
                f"<optInStatus>{status}</optInStatus></item>"
            )
        return ec2._xml(200, "DescribeRegionsResponse", f"<regionInfo>{items}</regionInfo>")

    hooks.replace("services.ec2", "_describe_regions", describe)
