"""What the lab records of calls about buckets and objects has the key paths of real records of the same operations."""

import json

import pytest
from botocore.exceptions import ClientError
from lab_tools import eventually, lookup, unique
from real_records import paths, records

from amberlight.lab.recorder.shape_s3 import event_name

pytestmark = pytest.mark.lab
PARTS = ("requestParameters", "responseElements", "additionalEventData", "resources", "errorCode", "errorMessage")
READS = (
    "GetBucketAccelerateConfiguration", "GetBucketAcl", "GetBucketCors", "GetBucketEncryption",
    "GetBucketLifecycleConfiguration", "GetBucketLocation", "GetBucketLogging", "GetBucketNotificationConfiguration",
    "GetBucketOwnershipControls", "GetBucketPolicy", "GetBucketReplication", "GetBucketRequestPayment",
    "GetBucketTagging", "GetBucketVersioning", "GetBucketWebsite", "GetObjectLockConfiguration", "GetPublicAccessBlock",
)  # fmt: skip
CHANGES = {
    "PutBucketVersioning": {"VersioningConfiguration": {"Status": "Enabled"}},
    "PutBucketPolicy": {"Policy": "{}"},
    "PutBucketAcl": {"ACL": "private"},
    "DeleteBucketPolicy": {},
    "DeleteBucket": {},
}


YOUNGER_CLIENT = {"requestParameters.x-amz-checksum-crc32", "requestParameters.x-amz-sdk-checksum-algorithm"}
"""Headers that our client sends and those of the real records, of 2024 and before, did not."""


def snake(name):
    """boto3's name of an operation."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def answer(call, **params):
    """What a call is answered, refused or not."""
    try:
        return call(**params)
    except ClientError as error:
        return error.response


def recorded(trail, answered, name):
    ident = answered["ResponseMetadata"]["RequestId"]
    return eventually(lambda: next((r for r in lookup(trail, EventName=name) if r["requestID"] == ident), None))


def parts(record):
    """The key paths that follow from the operation, and not from who called by which way."""
    kept = {name: record[name] for name in PARTS if name in record}
    found = paths(kept)
    if isinstance(record.get("requestParameters", {}).get("bucketPolicy"), dict):
        found = {path for path in found if not path.startswith("requestParameters.bucketPolicy.")}
    return found - YOUNGER_CLIENT


def real_of(shared_data):
    """By event name and error, the sets of paths that real records have."""
    found = {}
    for record in records(shared_data):
        # A record of before 2021 counts no bytes.
        if record["eventSource"] == "s3.amazonaws.com" and "bytesTransferredOut" in record.get(
            "additionalEventData", {}
        ):
            found.setdefault((record["eventName"], record.get("errorCode")), []).append(parts(record))
    return found


def test_bucket_calls_have_the_key_paths_of_real_ones(aws, shared_data):
    s3, trail, bucket, gone = aws("s3"), aws("cloudtrail"), unique("real-bucket"), unique("no-bucket")
    s3.create_bucket(Bucket=bucket)
    real, compared, different = real_of(shared_data), set(), {}
    calls = [(name, {"Bucket": each}) for name in READS for each in (bucket, gone)]
    calls += [(name, {"Bucket": gone, **params}) for name, params in CHANGES.items()]
    for name, params in calls:
        record = recorded(trail, answer(getattr(s3, snake(name)), **params), event_name(name))
        known = real.get((record["eventName"], record.get("errorCode")))
        if known:
            compared.add((record["eventName"], record.get("errorCode")))
            if parts(record) not in known:
                different[name] = sorted(parts(record) ^ min(known, key=lambda each: len(parts(record) ^ each)))
    assert different == {}, json.dumps(different)
    assert len(compared) >= 30
