"""A lifecycle rule deletes a whole bucket.

A lifecycle rule makes all objects of a bucket vanish within two days: a quiet way to delete logs or data.

A bucket that the same principal has just made is a scratch place; an expiry below a prefix is housekeeping.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, members, shown, text
from amberlight.trail import Event


def match(found: Event) -> Match | None:
    """An enabled rule for everything, or for what trails write, that expires objects within two days."""
    asked = found.request
    bucket = text(asked.get("bucketName"))
    found_rules = members(asked, "LifecycleConfiguration", "Rule") or members(asked, "LifecycleConfiguration", "Rules")
    for one in found_rules:
        expiry = one.get("Expiration") if isinstance(one, dict) else None
        days = expiry.get("Days") if isinstance(expiry, dict) else None
        if days is None or one.get("Status", "Enabled") != "Enabled" or int(days) > SOON_DAYS:
            continue
        prefix = text(one.get("Prefix")) or text((one.get("Filter") or {}).get("Prefix") if one.get("Filter") else "")
        if prefix in ("", "*", "/") or prefix.startswith("AWSLogs"):
            return Match(
                reason=f"all objects of the bucket {shown(bucket)} expire after {days} day(s)",
                resources=(f"bucket/{bucket}",),
            )
    return None


SOON_DAYS = 2


RULE = Rule(
    id="objects_expire_soon",
    title="A lifecycle rule deletes a whole bucket",
    tactic="impact",
    techniques=("T1485", "T1562.008"),
    points=70,
    severity="high",
    ordinary_with=("s3:CreateBucket", "s3:DeleteBucket"),
    false_triggers="scratch buckets; clearing a bucket before deleting it",
    references=("https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketLifecycleConfiguration.html",),
    events=(
        "s3:PutBucketLifecycle",
        "s3:PutBucketLifecycleConfiguration",
    ),
    on_event=match,
    examples=(
        event(
            "s3:PutBucketLifecycle",
            {
                "bucketName": "logs",
                "LifecycleConfiguration": {"Rule": {"Status": "Enabled", "Prefix": "", "Expiration": {"Days": 1}}},
            },
        ),
    ),
    near_misses=(
        event(
            "s3:PutBucketLifecycle",
            {
                "bucketName": "logs",
                "LifecycleConfiguration": {"Rule": {"Status": "Enabled", "Prefix": "tmp/", "Expiration": {"Days": 1}}},
            },
        ),
        event(
            "s3:PutBucketLifecycle",
            {
                "bucketName": "logs",
                "LifecycleConfiguration": {"Rule": {"Status": "Enabled", "Prefix": "", "Expiration": {"Days": 365}}},
            },
        ),
    ),
)
