"""Every call about an object is a data event of the trail that asks for them, with bucket, key and caller; denied ones too."""

import gzip
import json

import pytest
from lab_tools import client, eventually, refused, unique

from amberlight.lab import LabCredentials

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def trail(aws):
    """A trail of the data events of one bucket; gives the bucket, and all that was delivered."""
    s3, cloudtrail, bucket, log = aws("s3"), aws("cloudtrail"), unique("watched"), unique("data-trail")
    for name in (bucket, log):
        s3.create_bucket(Bucket=name)
    service = {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}}
    policy = {"Version": "2012-10-17", "Statement": [
        {**service, "Action": "s3:GetBucketAcl", "Resource": f"arn:aws:s3:::{log}"},
        {**service, "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{log}/*"}]}  # fmt: skip
    s3.put_bucket_policy(Bucket=log, Policy=json.dumps(policy))
    cloudtrail.create_trail(Name=log, S3BucketName=log)
    cloudtrail.put_event_selectors(TrailName=log, EventSelectors=[{
        "ReadWriteType": "All", "IncludeManagementEvents": False,
        "DataResources": [{"Type": "AWS::S3::Object", "Values": [f"arn:aws:s3:::{bucket}/"]}]}])  # fmt: skip
    cloudtrail.start_logging(Name=log)

    def records():
        found = []
        for each in s3.list_objects_v2(Bucket=log).get("Contents", []):
            if each["Key"].endswith(".json.gz") and "/CloudTrail/" in each["Key"]:
                body = s3.get_object(Bucket=log, Key=each["Key"])["Body"].read()
                found += json.loads(gzip.decompress(body))["Records"]
        return found

    yield bucket, records
    cloudtrail.delete_trail(Name=log)


def everything(s3, bucket):
    """Every kind of call about an object; gives the names that CloudTrail has for them."""
    one = {"Bucket": bucket, "Key": "k"}
    s3.put_object(**one, Body=b"1")
    s3.get_object(**one)["Body"].read()
    s3.head_object(**one)
    s3.get_object_acl(**one)
    s3.get_object_tagging(**one)
    s3.put_object_tagging(**one, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    s3.delete_object_tagging(**one)
    s3.get_object_attributes(**one, ObjectAttributes=["ETag"])
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k")
    upload = {**one, "UploadId": s3.create_multipart_upload(**one)["UploadId"]}
    part = s3.upload_part(**upload, PartNumber=1, Body=b"1")
    s3.list_parts(**upload)
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
    s3.abort_multipart_upload(**one, UploadId=s3.create_multipart_upload(**one)["UploadId"])
    s3.list_objects_v2(Bucket=bucket)
    s3.list_multipart_uploads(Bucket=bucket)
    s3.list_object_versions(Bucket=bucket)
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "copy"}]})
    s3.delete_object(**one)
    return {
        "PutObject", "GetObject", "HeadObject", "GetObjectAcl", "GetObjectTagging", "PutObjectTagging", "ListParts",
        "DeleteObjectTagging", "GetObjectAttributes", "CopyObject", "CreateMultipartUpload", "UploadPart", "ListObjects",
        "CompleteMultipartUpload", "AbortMultipartUpload", "ListMultipartUploads", "ListObjectVersions", "DeleteObjects",
        "DeleteObject",
    }  # fmt: skip


def test_each_call_about_an_object_is_delivered(aws, prod, trail):
    bucket, records = trail
    wanted = everything(aws("s3"), bucket)

    def mine():
        return [each for each in records() if each["requestParameters"].get("bucketName") == bucket]

    eventually(lambda: wanted <= {each["eventName"] for each in mine()})
    for each in mine():
        assert (each["managementEvent"], each["eventCategory"]) == (False, "Data")
        assert each["userIdentity"]["accountId"] == prod.id
        assert {"type": "AWS::S3::Bucket", "ARN": f"arn:aws:s3:::{bucket}", "accountId": prod.id} in each["resources"]
    got = next(each for each in mine() if each["eventName"] == "GetObject" and "errorCode" not in each)
    assert got["additionalEventData"]["bytesTransferredOut"] == 1
    assert got["requestParameters"]["key"] == "k"


def test_denied_and_failed_calls_about_an_object_are_delivered(lab, aws, trail):
    bucket, records = trail
    name = unique("nobody")
    aws("iam").create_user(UserName=name)
    made = aws("iam").create_access_key(UserName=name)["AccessKey"]
    nobody = client(lab, "s3", LabCredentials(made["AccessKeyId"], made["SecretAccessKey"]))
    assert refused(nobody.get_object, Bucket=bucket, Key="secret") == "AccessDenied"
    assert refused(aws("s3").get_object, Bucket=bucket, Key="none") == "NoSuchKey"

    def failures():
        return {each["errorCode"]: each for each in records() if "errorCode" in each}

    found = eventually(lambda: each if {"AccessDenied", "NoSuchKey"} <= set(each := failures()) else None)
    assert found["AccessDenied"]["userIdentity"]["userName"] == name
    assert found["AccessDenied"]["requestParameters"]["key"] == "secret"
    assert found["NoSuchKey"]["requestParameters"]["key"] == "none"


def test_calls_about_other_buckets_are_not(aws, trail):
    bucket, records = trail
    s3, other = aws("s3"), unique("unwatched")
    s3.create_bucket(Bucket=other)
    s3.put_object(Bucket=other, Key="k", Body=b"1")
    s3.put_object(Bucket=bucket, Key="after", Body=b"1")
    eventually(lambda: any(each["requestParameters"].get("key") == "after" for each in records()))
    assert not any(each["requestParameters"].get("bucketName") == other for each in records())
