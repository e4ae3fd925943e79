"""S3_BUCKET_VERSIONING_ENABLED: a bucket keeps versions."""

from __future__ import annotations

from amberlight.lab.awsconfig.item import Item
from amberlight.lab.awsconfig.rules.verdict import Managed, Parameters


def _judge(item: Item, parameters: Parameters) -> tuple[bool, str | None]:
    del parameters
    status = item.reading.supplementary["BucketVersioningConfiguration"]["status"]
    return status == "Enabled", f"Versioning is {status}."


RULE = Managed(identifier="S3_BUCKET_VERSIONING_ENABLED", types=("AWS::S3::Bucket",), judge=_judge)
