"""What a write-once store rests on: Object Lock, checksums, conditional writes."""

import datetime as dt
import json

import pytest
from lab_tools import client, refused, unique

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def store(lab, vault):
    name, s3 = unique("locked"), client(lab, "s3", vault.admin)
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    s3.put_object_lock_configuration(Bucket=name, ObjectLockConfiguration={
        "ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}},
    })  # fmt: skip
    deny = {"Effect": "Deny", "Principal": "*", "Resource": f"arn:aws:s3:::{name}/*"}
    statements = [
        {**deny, "Action": "s3:PutObject", "Condition": {
            "Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}}},
        {**deny, "Action": "s3:PutObject", "Condition": {
            "Null": {"s3:x-amz-server-side-encryption-customer-algorithm": "false"}}},
        {**deny, "Action": "s3:PutObjectRetention", "Condition": {
            "NumericGreaterThan": {"s3:object-lock-remaining-retention-days": "10"}}},
    ]  # fmt: skip
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}))
    return name


@pytest.fixture(scope="module")
def s3(lab, vault):
    return client(lab, "s3", vault.admin)


@pytest.mark.proves("s3.PutObject")
def test_objects_are_created_once(s3, store):
    assert refused(s3.put_object, Bucket=store, Key="a", Body=b"1") == "AccessDenied"
    s3.put_object(Bucket=store, Key="a", Body=b"1", IfNoneMatch="*")
    assert refused(s3.put_object, Bucket=store, Key="a", Body=b"2", IfNoneMatch="*") == "PreconditionFailed"


@pytest.mark.proves("s3.GetObjectRetention")
def test_a_multipart_upload_is_held_to_the_same_rule_at_its_end(s3, store):
    def upload(**condition):
        ident = s3.create_multipart_upload(Bucket=store, Key=unique("m"), ChecksumAlgorithm="SHA256")
        where = {"Bucket": store, "Key": ident["Key"], "UploadId": ident["UploadId"]}
        part = s3.upload_part(**where, PartNumber=1, Body=b"z", ChecksumAlgorithm="SHA256")
        parts = [{"PartNumber": 1, "ETag": part["ETag"], "ChecksumSHA256": part["ChecksumSHA256"]}]
        return s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts}, **condition)

    assert refused(upload) == "AccessDenied"
    made = upload(IfNoneMatch="*")
    assert made["ChecksumSHA256"].endswith("-1")
    kept = s3.get_object_retention(Bucket=store, Key=made["Key"], VersionId=made["VersionId"])
    assert kept["Retention"]["Mode"] == "COMPLIANCE"


def test_copying_into_the_store_is_an_unconditional_creation(s3, store):
    s3.put_object(Bucket=store, Key="source", Body=b"1", IfNoneMatch="*")
    assert refused(s3.copy_object, Bucket=store, Key="copy", CopySource=f"{store}/source") == "AccessDenied"


def test_customer_keys_are_kept_out(s3, store):
    key = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}
    assert refused(s3.put_object, Bucket=store, Key="c", Body=b"1", IfNoneMatch="*", **key) == "AccessDenied"


def test_locked_versions_outlive_root(lab, s3, store, vault):
    version = s3.put_object(Bucket=store, Key="kept", Body=b"1", IfNoneMatch="*")["VersionId"]
    root = client(lab, "s3", vault.root)
    assert refused(root.delete_object, Bucket=store, Key="kept", VersionId=version) == "AccessDenied"
    gone = root.delete_objects(Bucket=store, Delete={"Objects": [{"Key": "kept", "VersionId": version}]})
    assert [each["Code"] for each in gone["Errors"]] == ["AccessDenied"]
    assert s3.get_object(Bucket=store, Key="kept", VersionId=version)["Body"].read() == b"1"


@pytest.mark.proves("s3.PutObjectRetention")
def test_retention_is_capped_by_its_remaining_days(s3, store):
    s3.put_object(Bucket=store, Key="r", Body=b"1", IfNoneMatch="*")
    now = dt.datetime.now(dt.UTC)  # noqa: TID251 (a retention date is compared with the real time)

    def extend(days):
        until = now + dt.timedelta(days=days)
        retention = {"Mode": "COMPLIANCE", "RetainUntilDate": until}
        s3.put_object_retention(Bucket=store, Key="r", Retention=retention)

    extend(5)
    assert refused(extend, 50) == "AccessDenied"
    assert refused(extend, 2) == "AccessDenied"


def test_versioning_of_a_locked_bucket_stays_on(s3, store):
    suspended = {"Status": "Suspended"}
    assert refused(s3.put_bucket_versioning, Bucket=store, VersioningConfiguration=suspended) == "InvalidBucketState"


def test_a_retained_object_needs_a_checksum(lab, vault, store, s3):
    bare = client(lab, "s3", vault.admin, request_checksum_calculation="when_required")
    assert refused(bare.put_object, Bucket=store, Key="n", Body=b"1", IfNoneMatch="*") == "InvalidRequest"
    assert refused(s3.put_object, Bucket=store, Key="n", Body=b"1", IfNoneMatch="*", ChecksumSHA256="A" * 43 + "=") in (
        "BadDigest", "InvalidRequest",
    )  # fmt: skip
