"""Many object versions deleted for good.

Many old versions of objects are deleted by their id: housekeeping is done by lifecycle rules; this makes deletion final.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, events, shown, text
from amberlight.trail import Event


def match(found: Event) -> Match | None:
    """Each different version that is deleted counts once."""
    asked = found.request
    version = text(asked.get("versionId"))
    if found.name != "DeleteObject" or not version:
        return None
    bucket = text(asked.get("bucketName"))
    return Match(
        reason=f"versions of objects in {shown(bucket)} were deleted for good",
        items=(f"{asked.get('key')} {version}",),
        resources=(f"bucket/{bucket}",),
    )


RULE = Rule(
    id="versions_deleted",
    title="Many object versions deleted for good",
    tactic="impact",
    techniques=("T1485",),
    points=80,
    severity="critical",
    at_least=20,
    ordinary_with=("s3:DeleteBucket",),
    false_triggers="emptying a versioned bucket before it is deleted",
    references=("https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeletingObjectVersions.html",),
    events=(
        "s3:DeleteObject",
        "s3:ListObjectVersions",
    ),
    on_event=match,
    examples=(
        events(*(event("s3:DeleteObject", {"bucketName": "b", "key": "k", "versionId": str(n)}) for n in range(20))),
    ),
    near_misses=(events(*(event("s3:DeleteObject", {"bucketName": "b", "key": str(n)}) for n in range(20))),),
)
