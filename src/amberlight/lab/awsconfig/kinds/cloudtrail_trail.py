"""AWS::CloudTrail::Trail, in its home Region. Whether it logs is no part of it: rules ask for that themselves.

References:
    Sample items of awslabs/aws-config-rdk.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from amberlight.lab.awsconfig.item import Reading, Relation
from amberlight.lab.awsconfig.kind import Kind, Place, camel, named
from amberlight.lab.recorder.history import Event


async def _read(place: Place, reference: str) -> Reading | None:
    name = reference.rsplit("/", 1)[-1]
    trails = (await place.ask("cloudtrail", "DescribeTrails", includeShadowTrails=False)).get("trailList", [])
    found = next((each for each in trails if each["Name"] == name and each["HomeRegion"] == place.region), None)
    if found is None:
        return None
    answer = await place.ask("cloudtrail", "ListTags", ResourceIdList=[found["TrailARN"]])
    tags = [each for listed in answer.get("ResourceTagList", []) for each in listed.get("TagsList", [])]
    bucket = Relation("Is associated with ", "AWS::S3::Bucket", found["S3BucketName"], found["S3BucketName"])
    return Reading(
        id=name, name=name, arn=found["TrailARN"], region=place.region, zone="Regional", configuration=camel(found),
        supplementary={"Tags": camel(tags)}, tags={each["Key"]: each.get("Value", "") for each in tags},
        relations=(bucket,),
    )  # fmt: skip


async def _every(place: Place) -> Iterable[str]:
    answer: dict[str, Any] = await place.ask("cloudtrail", "DescribeTrails", includeShadowTrails=False)
    return [each["Name"] for each in answer.get("trailList", [])]


def _touched(event: Event) -> Iterable[str]:
    return named(event, "Name", "TrailName", "ResourceId")


KIND = Kind(name="AWS::CloudTrail::Trail", service="cloudtrail", touched=_touched, read=_read, every=_every)
