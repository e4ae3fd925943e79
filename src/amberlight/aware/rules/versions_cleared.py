"""Object versions listed and deleted in batches.

All versions of a bucket's objects are listed, and objects are deleted in batches, within the half hour: whoever only wants
files away does not ask for their old versions.

Emptying a bucket to delete it looks the same; then the bucket goes, too.
"""

from __future__ import annotations

from datetime import timedelta

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, events, shown, text
from amberlight.trail import Event


def match(found: Event) -> Match:
    """Listing and deleting are the two different acts."""
    bucket = text(found.request.get("bucketName"))
    act = "deleted" if found.name == "DeleteObjects" else "listed"
    return Match(
        reason=f"versions of objects in {shown(bucket)} were listed, and objects deleted in batches",
        items=(act,),
        resources=(f"bucket/{bucket}",),
    )


RULE = Rule(
    id="versions_cleared",
    title="Object versions listed and deleted in batches",
    tactic="impact",
    techniques=("T1485", "T1490"),
    points=70,
    severity="critical",
    at_least=2,
    within=timedelta(minutes=30),
    ordinary_with=("s3:DeleteBucket",),
    false_triggers="emptying a versioned bucket before it is deleted",
    references=("https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html",),
    events=(
        "s3:ListObjectVersions",
        "s3:ListBucketVersions",
        "s3:DeleteObjects",
    ),
    on_event=match,
    examples=(
        events(event("s3:ListObjectVersions", {"bucketName": "b"}), event("s3:DeleteObjects", {"bucketName": "b"})),
    ),
    near_misses=(events(*(event("s3:DeleteObjects", {"bucketName": "b"}) for _ in range(3))),),
)
