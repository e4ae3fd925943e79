"""S3_BUCKET_PUBLIC_WRITE_PROHIBITED: nobody from outside may write to a bucket."""

from __future__ import annotations

from amberlight.lab.awsconfig.item import Item
from amberlight.lab.awsconfig.rules.managed._buckets import public
from amberlight.lab.awsconfig.rules.verdict import Managed, Parameters

_ACTIONS = ("s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutObjectAcl", "s3:PutBucketPolicy")


def _judge(item: Item, parameters: Parameters) -> tuple[bool, str | None]:
    del parameters
    why = public(item, _ACTIONS, ("Write", "WriteAcp"))
    return why is None, why


RULE = Managed(identifier="S3_BUCKET_PUBLIC_WRITE_PROHIBITED", types=("AWS::S3::Bucket",), judge=_judge)
