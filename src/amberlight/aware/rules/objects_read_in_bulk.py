"""Many objects read one by one.

Very many objects of one bucket are read one by one with a key of a person or a service account. Applications do that, too,
so it supports other reasons.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, events, shown, text
from amberlight.trail import Event


def match(found: Event) -> Match | None:
    """Each different object counts once."""
    asked = found.request
    bucket, key = text(asked.get("bucketName")), text(asked.get("key"))
    if not key:
        return None
    return Match(
        reason=f"many objects of the bucket {shown(bucket)} were read one by one",
        items=(f"{bucket}/{key}",),
        resources=(f"bucket/{bucket}",),
    )


RULE = Rule(
    id="objects_read_in_bulk",
    title="Many objects read one by one",
    tactic="collection",
    techniques=("T1530",),
    points=25,
    severity="medium",
    at_least=25,
    false_triggers="backups, analytics, every application that reads files",
    references=("https://docs.aws.amazon.com/AmazonS3/latest/userguide/cloudtrail-logging-s3-info.html",),
    events=(
        "s3:GetObject",
        "s3:CopyObject",
    ),
    on_event=match,
    examples=(events(*(event("s3:GetObject", {"bucketName": "b", "key": str(n)}) for n in range(30))),),
    near_misses=(events(*(event("s3:GetObject", {"bucketName": "b", "key": "same"}) for n in range(30))),),
)
