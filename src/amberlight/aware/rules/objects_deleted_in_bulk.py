"""Many objects deleted.

Very many objects are deleted one by one or in batches by one principal within minutes.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, events, text
from amberlight.trail import Event


def match(found: Event) -> Match:
    """Each different object or batch counts once; a batch counts for as many as it may hold at most a tenth of."""
    asked = found.request
    bucket = text(asked.get("bucketName"))
    key = text(asked.get("key"))
    items = (f"{bucket}/{key}",) if key else tuple(f"{found.id}:{n}" for n in range(BATCH))
    return Match(reason="many objects were deleted", items=items, resources=(f"bucket/{bucket}",))


BATCH = 25


RULE = Rule(
    id="objects_deleted_in_bulk",
    title="Many objects deleted",
    tactic="impact",
    techniques=("T1485",),
    points=45,
    severity="high",
    at_least=50,
    false_triggers="clearing a bucket; build systems that remove old artefacts: on several days it counts as habit",
    references=("https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html",),
    events=(
        "s3:DeleteObject",
        "s3:DeleteObjects",
    ),
    on_event=match,
    examples=(events(*(event("s3:DeleteObject", {"bucketName": "b", "key": str(n)}) for n in range(60))),),
    near_misses=(events(*(event("s3:DeleteObject", {"bucketName": "b", "key": str(n)}) for n in range(5))),),
)
