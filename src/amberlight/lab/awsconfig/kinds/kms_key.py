"""AWS::KMS::Key: the policy and whether it rotates are supplementary; a key that waits for its deletion is still there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from amberlight.lab.awsconfig.item import Reading
from amberlight.lab.awsconfig.kind import Kind, Place, camel, moment, named, tag_map
from amberlight.lab.recorder.history import Event


async def _read(place: Place, reference: str) -> Reading | None:
    try:
        described = (await place.ask("kms", "DescribeKey", KeyId=reference))["KeyMetadata"]
    except RuntimeError as error:
        if "NotFoundException" in str(error):
            return None
        raise
    if described["Arn"].split(":")[4] != place.account:
        return None
    ident, created = described["KeyId"], described["CreationDate"]
    policy = (await place.ask("kms", "GetKeyPolicy", KeyId=ident, PolicyName="default"))["Policy"]
    tags = (await place.ask("kms", "ListResourceTags", KeyId=ident)).get("Tags", [])
    return Reading(
        id=ident, arn=described["Arn"], region=place.region, created=moment(created),
        configuration={**camel(described), **_milliseconds(described)}, tags=tag_map(tags, "TagKey", "TagValue"),
        supplementary={"Policy": policy, "Tags": camel(tags)},
    )  # fmt: skip


def _milliseconds(described: dict[str, Any]) -> dict[str, int]:
    """Times of a key are numbers in items."""
    return {
        name[0].lower() + name[1:]: int(value.timestamp() * 1000)
        for name, value in described.items() if isinstance(value, dt.datetime)
    }  # fmt: skip


async def _every(place: Place) -> Iterable[str]:
    return [each["KeyId"] for each in (await place.ask("kms", "ListKeys")).get("Keys", [])]


def _touched(event: Event) -> Iterable[str]:
    made = (event.record.get("responseElements") or {}).get("keyMetadata")
    return [*named(event, "KeyId", "TargetKeyId"), *([str(made["keyId"])] if isinstance(made, dict) else [])]


KIND = Kind(name="AWS::KMS::Key", service="kms", touched=_touched, read=_read, every=_every)
