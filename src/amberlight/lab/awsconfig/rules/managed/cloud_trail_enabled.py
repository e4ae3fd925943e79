"""CLOUD_TRAIL_ENABLED (cloudtrail-enabled): a trail logs, in the bucket that is named, if one is."""

from __future__ import annotations

from amberlight.lab.awsconfig.kind import Place
from amberlight.lab.awsconfig.rules.verdict import Managed, Parameters


async def _look(place: Place, parameters: Parameters) -> tuple[bool, str | None]:
    wanted = parameters.get("s3BucketName")
    for trail in (await place.ask("cloudtrail", "DescribeTrails")).get("trailList", []):
        status = await place.ask("cloudtrail", "GetTrailStatus", Name=trail["TrailARN"])
        if status.get("IsLogging") and (not wanted or trail["S3BucketName"] == wanted):
            return True, None
    return False, "No trail logs."


RULE = Managed(
    identifier="CLOUD_TRAIL_ENABLED", types=(), look=_look,
    parameters=("s3BucketName",),
)  # fmt: skip
