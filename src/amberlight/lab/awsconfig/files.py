"""Files of AWS Config in a channel's bucket: keys, contents, and how they are written.

Months and days stand in keys without zeros.

References:
    Real keys: `AWSLogs/ACCOUNT/Config/REGION/2018/12/16/ConfigHistory/…_20181216T101127Z_20181216T101127Z_1.json.gz`.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from amberlight.lab import clock, hooks
from amberlight.lab.awsconfig.item import Item, dump
from amberlight.lab.awsconfig.permitted import permitted
from amberlight.lab.awsconfig.recorders import Channel, Setting

WRITABLE = "ConfigWritabilityCheckFile"
"""An empty file, written to see whether a channel's bucket can be."""


async def put(setting: Setting, channel: Channel, name: str, body: bytes) -> str | None:
    """Write a file as AWS itself does, without a recorded call; gives the error code, if any."""
    s3, bucket = hooks.service("s3"), str(channel.given["s3BucketName"])
    owner = s3._bucket_owner_account(bucket)
    if owner is None:
        return "NoSuchBucket"
    policy = s3._bucket_policies.get_scoped(owner, None, bucket)
    if not await permitted(setting, "s3:PutObject", f"arn:aws:s3:::{bucket}/{name}", owner, policy):
        return "AccessDenied"
    headers = {"content-type": "application/x-gzip", "content-md5": _md5(body)}
    if channel.given.get("s3KmsKeyArn"):
        headers["x-amz-server-side-encryption"] = "aws:kms"
        headers["x-amz-server-side-encryption-aws-kms-key-id"] = str(channel.given["s3KmsKeyArn"])
    with hooks.acting_for(owner, setting.region):
        status, _, answer = s3._put_object(bucket, name, body, headers)
    return None if status < 300 else str(answer[:200])  # noqa: PLR2004


def _md5(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


def prefix(channel: Channel) -> str:
    """What stands before every key of a channel."""
    given = str(channel.given.get("s3KeyPrefix") or "").strip("/")
    return f"{given}/" if given else ""


def key(setting: Setting, channel: Channel, now: float, folder: str, name: str) -> str:
    """The key of a file of that day."""
    day = datetime.fromtimestamp(now, UTC)
    place = f"AWSLogs/{setting.account}/Config/{setting.region}/{day.year}/{day.month}/{day.day}/{folder}"
    return f"{prefix(channel)}{place}/{setting.account}_Config_{setting.region}_{name}"


def stamp(moment: float) -> str:
    """A moment as it stands in names of files."""
    return clock.compact(moment, seconds=True)


def content(items: Sequence[Item], **members: Any) -> bytes:
    """A snapshot or history file."""
    whole = {"fileVersion": "1.0", **members, "configurationItems": [each.document() for each in items]}
    return gzip.compress(dump(whole).encode())
