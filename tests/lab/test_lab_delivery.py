"""Trail files and digests in S3, checked by the documented rules with nothing of the lab's own code."""

import base64
import datetime as dt
import gzip
import hashlib
import json
import urllib.request

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from lab_tools import client, eventually, lookup, refused, unique

pytestmark = pytest.mark.lab


def delivery_policy(bucket):
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "s3:PutObject",
         "Resource": f"arn:aws:s3:::{bucket}/*",
         "Condition": {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}}},
    ]})  # fmt: skip


@pytest.fixture
def trail(aws):
    """A trail of both Regions that also wants the objects of one bucket."""
    s3, trails, logs, data, name = aws("s3"), aws("cloudtrail"), unique("logs"), unique("data"), unique("trail")
    s3.create_bucket(Bucket=logs)
    s3.create_bucket(Bucket=data)
    s3.put_bucket_policy(Bucket=logs, Policy=delivery_policy(logs))
    trails.create_trail(Name=name, S3BucketName=logs, IsMultiRegionTrail=True, EnableLogFileValidation=True)
    wanted = {"Type": "AWS::S3::Object", "Values": [f"arn:aws:s3:::{data}/"]}
    selector = {"ReadWriteType": "All", "IncludeManagementEvents": True, "DataResources": [wanted]}
    trails.put_event_selectors(TrailName=name, EventSelectors=[selector])
    trails.start_logging(Name=name)
    yield name, logs, data
    trails.delete_trail(Name=name)


def keys(s3, bucket, part):
    found = s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    return sorted(each["Key"] for each in found if f"/{part}/" in each["Key"])


def records(s3, bucket):
    found = []
    for key in keys(s3, bucket, "CloudTrail"):
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        found += json.loads(gzip.decompress(body))["Records"]
    return found


def verify(s3, bucket, key, public, previous):
    """The documented check of one digest; gives its content and signature."""
    answer = s3.get_object(Bucket=bucket, Key=key)
    plain = gzip.decompress(answer["Body"].read())
    digest, signature = json.loads(plain), answer["Metadata"]["signature"]
    assert answer["Metadata"]["signature-algorithm"] == "SHA256withRSA"
    assert (digest["digestS3Bucket"], digest["digestS3Object"]) == (bucket, key)
    text = "\n".join([
        digest["digestEndTime"], f"{bucket}/{key}", hashlib.sha256(plain).hexdigest(),
        digest["previousDigestSignature"] or "null",
    ])  # fmt: skip
    public.verify(bytes.fromhex(signature), text.encode(), padding.PKCS1v15(), hashes.SHA256())
    assert digest["previousDigestSignature"] == previous
    for file in digest["logFiles"]:
        body = gzip.decompress(s3.get_object(Bucket=file["s3Bucket"], Key=file["s3Object"])["Body"].read())
        assert hashlib.sha256(body).hexdigest() == file["hashValue"]
    return digest, signature


def public_key(trails, fingerprint):
    found = trails.list_public_keys()["PublicKeyList"]
    value = next(each["Value"] for each in found if each["Fingerprint"] == fingerprint)
    return serialization.load_der_public_key(value)


def test_digests_chain_and_verify_and_a_changed_file_does_not(lab, prod, aws, trail):
    s3, trails, (_, logs, _) = aws("s3"), aws("cloudtrail"), trail

    def three():
        aws("sns").list_topics()
        found = [key for key in keys(s3, logs, "CloudTrail-Digest") if "/us-east-1/" in key]
        return found if len(found) >= 3 else None

    found = eventually(three, 12)
    first = json.loads(gzip.decompress(s3.get_object(Bucket=logs, Key=found[0])["Body"].read()))
    public, previous, listed = public_key(trails, first["digestPublicKeyFingerprint"]), None, []
    for key in found:
        digest, previous = verify(s3, logs, key, public, previous)
        listed += [file["s3Object"] for file in digest["logFiles"]]
    assert len(listed) == len(set(listed)) > 0
    altered = s3.get_object(Bucket=logs, Key=found[0])
    body = gzip.decompress(altered["Body"].read())
    assert b'"awsAccountId"' in body
    changed = gzip.compress(body.replace(b'"awsAccountId"', b'"awsAccountID"'))
    s3.put_object(Bucket=logs, Key=found[0], Body=changed, Metadata=altered["Metadata"])
    with pytest.raises(InvalidSignature):
        verify(s3, logs, found[0], public, None)
    far = [key for key in keys(s3, logs, "CloudTrail") if "/eu-west-1/" in key]
    assert far == []
    client(lab, "ec2", prod.admin, "eu-west-1").describe_vpcs()
    eventually(lambda: [key for key in keys(s3, logs, "CloudTrail") if "/eu-west-1/" in key])


def test_only_wanted_data_events_are_delivered(aws, trail):
    s3, (_, logs, data) = aws("s3"), trail
    s3.put_object(Bucket=data, Key="wanted", Body=b"12345")
    s3.put_object(Bucket=logs, Key="unwanted", Body=b"1")
    answer = s3.get_object(Bucket=data, Key="wanted")
    answer["Body"].read()
    ident = answer["ResponseMetadata"]["RequestId"]
    record = eventually(lambda: next((r for r in records(s3, logs) if r["requestID"] == ident), None))
    assert (record["eventName"], record["eventCategory"], record["managementEvent"]) == ("GetObject", "Data", False)
    assert record["additionalEventData"]["bytesTransferredOut"] == 5
    assert [each["type"] for each in record["resources"]] == ["AWS::S3::Object", "AWS::S3::Bucket"]
    assert "unwanted" not in json.dumps(records(s3, logs))
    assert lookup(aws("cloudtrail"), EventName="GetObject") == []


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_a_presigned_upload_is_recorded_as_what_it_is(lab, prod, aws, trail, version):
    s3, (_, logs, data) = aws("s3"), trail
    signer = client(lab, "s3", prod.admin, signature_version=version)
    url = signer.generate_presigned_url("put_object", Params={"Bucket": data, "Key": version}, ExpiresIn=60)
    request = urllib.request.Request(url, data=b"abc", method="PUT", headers={"Content-Type": ""})  # noqa: S310
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        ident = answer.headers["x-amz-request-id"]
    record = eventually(lambda: next((r for r in records(s3, logs) if r["requestID"] == ident), None))
    assert record["userIdentity"]["userName"] == "admin"
    assert record["additionalEventData"]["AuthenticationMethod"] == "QueryString"
    assert record["additionalEventData"]["SignatureVersion"] == {"s3v4": "SigV4", "s3": "SigV2"}[version]
    assert "Signature" not in record["requestParameters"]


@pytest.mark.proves("cloudtrail.StopLogging")
def test_stopping_a_trail_stops_delivery_and_not_the_history(aws, trail):
    s3, trails, (name, logs, _) = aws("s3"), aws("cloudtrail"), trail
    stopped = trails.stop_logging(Name=name)["ResponseMetadata"]["RequestId"]
    after = aws("kms").list_aliases()["ResponseMetadata"]["RequestId"]
    eventually(lambda: stopped in json.dumps(records(s3, logs)))
    eventually(lambda: after in json.dumps(lookup(trails, EventName="ListAliases")))
    assert after not in json.dumps(records(s3, logs))
    assert trails.get_trail_status(Name=name)["IsLogging"] is False


def test_the_bucket_must_let_cloudtrail_write(aws):
    s3, trails, bucket = aws("s3"), aws("cloudtrail"), unique("closed")
    assert refused(trails.create_trail, Name=bucket, S3BucketName=bucket) == "S3BucketDoesNotExistException"
    s3.create_bucket(Bucket=bucket)
    assert refused(trails.create_trail, Name=bucket, S3BucketName=bucket) == "InsufficientS3BucketPolicyException"


@pytest.mark.proves("cloudtrail.GetTrailStatus")
def test_a_trail_says_when_it_can_no_longer_write(aws, trail):
    s3, trails, (name, logs, _) = aws("s3"), aws("cloudtrail"), trail
    eventually(lambda: "LatestDeliveryTime" in trails.get_trail_status(Name=name))
    s3.delete_bucket_policy(Bucket=logs)
    aws("sns").list_topics()
    eventually(lambda: trails.get_trail_status(Name=name).get("LatestDeliveryError") == "AccessDenied")


@pytest.mark.proves("cloudtrail.ListPublicKeys")
def test_public_keys_are_of_the_time_that_is_asked_about(aws):
    ask = aws("cloudtrail").list_public_keys
    early, late = dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime(2020, 2, 1, tzinfo=dt.UTC)
    assert len(ask(StartTime=early)["PublicKeyList"]) == 1
    assert ask(StartTime=early, EndTime=late)["PublicKeyList"] == []
    assert refused(ask, StartTime=late, EndTime=early) == "InvalidTimeRangeException"


def test_public_keys_are_pkcs1_der(aws):
    key = aws("cloudtrail").list_public_keys()["PublicKeyList"][0]
    assert base64.b64encode(key["Value"]).startswith(b"MII")
    assert serialization.load_der_public_key(key["Value"]).key_size == 2048
