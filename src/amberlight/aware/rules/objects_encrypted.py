"""Objects encrypted with a foreign key.

Many objects are written again with a key that the customer brings (SSE-C) or that belongs to another account: whoever holds
it can ask for ransom.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import account_in, event, events, shown, text
from amberlight.trail import Event


def match(found: Event) -> Match | None:
    """Each different object counts once."""
    asked = found.request
    foreign = account_in(text(asked.get("x-amz-server-side-encryption-aws-kms-key-id")))
    brought = bool(asked.get("x-amz-server-side-encryption-customer-algorithm"))
    if not brought and (not foreign or foreign == found.account):
        return None
    bucket = text(asked.get("bucketName"))
    return Match(
        reason=f"objects of {shown(bucket)} were encrypted with a key from outside",
        items=(f"{bucket}/{asked.get('key')}",),
        resources=(f"bucket/{bucket}",),
    )


def copied(number: int, **more: str) -> dict[str, object]:
    """A copy in place, for samples."""
    return event("s3:CopyObject", {"bucketName": "b", "key": str(number), **more})


RULE = Rule(
    id="objects_encrypted",
    title="Objects encrypted with a foreign key",
    tactic="impact",
    techniques=("T1486",),
    points=85,
    severity="critical",
    at_least=5,
    false_triggers="applications that have always used keys of their own",
    references=("https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerSideEncryptionCustomerKeys.html",),
    events=(
        "s3:CopyObject",
        "s3:PutObject",
    ),
    on_event=match,
    examples=(
        events(*(copied(n, **{"x-amz-server-side-encryption-customer-algorithm": "AES256"}) for n in range(10))),
    ),
    near_misses=(events(*(copied(n, **{"x-amz-server-side-encryption": "AES256"}) for n in range(10))),),
)
