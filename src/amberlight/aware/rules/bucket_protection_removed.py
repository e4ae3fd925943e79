"""Protection of a bucket removed.

What would have saved the data is taken away: versioning, replication, encryption, the block of public access.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, shown, text
from amberlight.trail import Event


def match(found: Event) -> Match | None:
    """Versioning only when it is suspended, the public access block only when it is opened."""
    asked = found.request
    bucket = text(asked.get("bucketName"))
    if found.name == "PutBucketVersioning" and "Suspended" not in str(asked.get("VersioningConfiguration")):
        return None
    if found.name.startswith("Put") and "Block" in found.name and "False" not in str(asked).title():
        return None
    if found.name == "PutObjectLockConfiguration" and "Rule" in str(asked):
        return None
    return Match(
        reason=f"{found.name} of {shown(bucket or 'the account')}", resources=(f"bucket/{bucket}",) if bucket else ()
    )


RULE = Rule(
    id="bucket_protection_removed",
    title="Protection of a bucket removed",
    tactic="impact",
    techniques=("T1490", "T1562"),
    points=30,
    severity="medium",
    false_triggers="moving or clearing buckets; websites need the public access block off",
    references=("https://docs.aws.amazon.com/AmazonS3/latest/userguide/Versioning.html",),
    events=(
        "s3:PutBucketVersioning",
        "s3:DeleteBucketEncryption",
        "s3:DeleteBucketReplication",
        "s3:PutBucketPublicAccessBlock",
        "s3:DeleteBucketPublicAccessBlock",
        "s3:DeleteAccountPublicAccessBlock",
        "s3:PutObjectLockConfiguration",
    ),
    on_event=match,
    examples=(
        event("s3:PutBucketVersioning", {"bucketName": "b", "VersioningConfiguration": {"Status": "Suspended"}}),
    ),
    near_misses=(
        event("s3:PutBucketVersioning", {"bucketName": "b", "VersioningConfiguration": {"Status": "Enabled"}}),
    ),
)
