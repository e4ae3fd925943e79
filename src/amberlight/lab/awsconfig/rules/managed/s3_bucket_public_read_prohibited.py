"""S3_BUCKET_PUBLIC_READ_PROHIBITED: nobody from outside may list a bucket or read in it."""

from __future__ import annotations

from amberlight.lab.awsconfig.item import Item
from amberlight.lab.awsconfig.rules.managed._buckets import public
from amberlight.lab.awsconfig.rules.verdict import Managed, Parameters

_ACTIONS = ("s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket", "s3:ListBucketVersions")


def _judge(item: Item, parameters: Parameters) -> tuple[bool, str | None]:
    del parameters
    why = public(item, _ACTIONS, ("Read",))
    return why is None, why


RULE = Managed(identifier="S3_BUCKET_PUBLIC_READ_PROHIBITED", types=("AWS::S3::Bucket",), judge=_judge)
