"""S3 server access logs: every request of a logged bucket becomes a line, if the target bucket lets S3 write it."""

import hashlib
import json
import re
import urllib.error
import urllib.request

import pytest
from lab_tools import client, eventually, refused, unique

from amberlight.lab.access_log import Line, operation

pytestmark = pytest.mark.lab
FIELD = re.compile(r'"[^"]*"|\[[^\]]*\]|\S+')
NAMES = [
    "owner", "bucket", "time", "address", "requester", "request_id", "operation", "key", "request", "status", "error",
    "sent", "size", "took", "waited", "referrer", "agent", "version", "host_id", "signature", "cipher", "authentication",
    "host", "tls", "access_point", "acl_required", "region",
]  # fmt: skip


@pytest.fixture
def s3(aws):
    return aws("s3")


@pytest.fixture
def buckets(s3, prod):
    """A bucket to be logged, and one that lets its log in."""
    source, target = unique("logged"), unique("log")
    for name in (source, target):
        s3.create_bucket(Bucket=name)
    let_in(s3, source, target, prod.id)
    return source, target


def let_in(s3, source, target, account):
    statement = {
        "Effect": "Allow", "Principal": {"Service": "logging.s3.amazonaws.com"}, "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{target}/log/*",
        "Condition": {"ArnLike": {"aws:SourceArn": f"arn:aws:s3:::{source}"},
                      "StringEquals": {"aws:SourceAccount": account}},
    }  # fmt: skip
    s3.put_bucket_policy(Bucket=target, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))


def log(s3, source, target, **more):
    s3.put_bucket_logging(Bucket=source, BucketLoggingStatus={
        "LoggingEnabled": {"TargetBucket": target, "TargetPrefix": "log/", **more}})  # fmt: skip


def lines(s3, target):
    """All lines so far, as dictionaries."""
    found = s3.list_objects_v2(Bucket=target, Prefix="log/").get("Contents", [])
    text = "".join(s3.get_object(Bucket=target, Key=each["Key"])["Body"].read().decode() for each in found)
    split = [FIELD.findall(line) for line in text.splitlines()]
    assert all(len(fields) == len(NAMES) for fields in split)
    return [dict(zip(NAMES, fields, strict=True)) for fields in split]


@pytest.mark.proves("s3.PutBucketLogging")
def test_requests_become_lines(lab, s3, prod, buckets):
    source, target = buckets
    log(s3, source, target)
    put = s3.put_object(Bucket=source, Key="a b/ü.txt", Body=b"12345")
    s3.get_object(Bucket=source, Key="a b/ü.txt")["Body"].read()
    refused(s3.get_object, Bucket=source, Key="none")
    stranger = client(lab, "s3", lab.accounts["vault"].admin)
    refused(stranger.list_objects_v2, Bucket=source)
    found = eventually(lambda: rows if len(rows := lines(s3, target)) >= 4 else None)
    assert [(each["operation"], each["status"], each["error"]) for each in found[-4:]] == [
        ("REST.PUT.OBJECT", "200", "-"), ("REST.GET.OBJECT", "200", "-"), ("REST.GET.OBJECT", "404", "NoSuchKey"),
        ("REST.GET.BUCKET", "403", "AccessDenied"),
    ]  # fmt: skip
    first, second = found[-4:-2]
    assert first["key"] == "a%2520b/%25C3%25BC.txt"
    assert first["request_id"] == put["ResponseMetadata"]["RequestId"]
    assert first["requester"] == f"arn:aws:iam::{prod.id}:user/admin"
    assert (first["bucket"], first["size"], second["sent"]) == (source, "5", "5")
    assert first["owner"] == hashlib.sha256(prod.id.encode()).hexdigest() == s3.list_buckets()["Owner"]["ID"]
    assert (first["signature"], first["authentication"], first["address"]) == ("SigV4", "AuthHeader", "127.0.0.1")
    assert found[-1]["requester"].startswith(f"arn:aws:iam::{lab.accounts['vault'].id}:")


def test_a_request_of_nobody_has_no_requester(lab, s3, buckets):
    source, target = buckets
    log(s3, source, target)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{lab.endpoint}/{source}/x")  # noqa: S310
    caught.value.close()
    found = eventually(lambda: [each for each in lines(s3, target) if each["status"] == "403"])
    assert (found[0]["requester"], found[0]["signature"]) == ("-", "-")


def test_without_the_buckets_leave_nothing_is_set_and_nothing_written(s3, prod, buckets):
    source, target = buckets
    log(s3, source, target)
    s3.head_bucket(Bucket=source)
    eventually(lambda: lines(s3, target))
    s3.delete_bucket_policy(Bucket=target)
    assert refused(log, s3, source, target) == "InvalidTargetBucketForLogging"
    before = len(lines(s3, target))
    s3.put_object(Bucket=source, Key="unseen", Body=b"1")
    other, other_log = unique("logged"), unique("log")
    for name in (other, other_log):
        s3.create_bucket(Bucket=name)
    let_in(s3, other, other_log, prod.id)
    log(s3, other, other_log)
    s3.put_object(Bucket=other, Key="seen", Body=b"1")
    # Its line came later than the one that was lost, so that one is no longer on its way.
    eventually(lambda: any(each["key"] == "seen" for each in lines(s3, other_log)))
    assert len(lines(s3, target)) == before


@pytest.mark.parametrize("condition", ["aws:SourceAccount", "aws:SourceArn"])
def test_the_conditions_of_the_policy_count(s3, prod, buckets, condition):
    source, target = buckets
    policy = json.loads(s3.get_bucket_policy(Bucket=target)["Policy"])
    block = policy["Statement"][0]["Condition"]
    block["StringEquals" if condition == "aws:SourceAccount" else "ArnLike"][condition] = "arn:aws:s3:::other"
    s3.put_bucket_policy(Bucket=target, Policy=json.dumps(policy))
    assert refused(log, s3, source, target) == "InvalidTargetBucketForLogging"


def test_targets_that_cannot_be_are_refused(lab, s3, prod, buckets):
    source, _ = buckets
    theirs, locked = unique("theirs"), unique("locked")
    client(lab, "s3", lab.accounts["vault"].admin).create_bucket(Bucket=theirs)
    assert refused(log, s3, source, theirs) == "InvalidTargetBucketForLogging"
    assert refused(log, s3, source, "no-such-bucket-at-all") == "InvalidTargetBucketForLogging"
    s3.create_bucket(Bucket=locked, ObjectLockEnabledForBucket=True)
    let_in(s3, source, locked, prod.id)
    s3.put_object_lock_configuration(Bucket=locked, ObjectLockConfiguration={
        "ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}})  # fmt: skip
    assert refused(log, s3, source, locked) == "InvalidTargetBucketForLogging"


def test_the_log_may_be_partitioned_and_switched_off(s3, prod, buckets):
    source, target = buckets
    form = {"PartitionedPrefix": {"PartitionDateSource": "EventTime"}}
    log(s3, source, target, TargetObjectKeyFormat=form)
    s3.head_bucket(Bucket=source)
    (key, *_) = eventually(lambda: [
        each["Key"] for each in s3.list_objects_v2(Bucket=target, Prefix="log/").get("Contents", [])])  # fmt: skip
    assert re.fullmatch(rf"log/{prod.id}/us-east-1/{source}/\d{{4}}/\d\d/\d\d/\d{{4}}(-\d\d){{5}}-[0-9A-F]{{16}}", key)
    s3.put_bucket_logging(Bucket=source, BucketLoggingStatus={})
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=source)


@pytest.mark.parametrize(
    "method,key,query,headers,name",
    [
        ("GET", "", {"versions": ""}, {}, "REST.GET.BUCKETVERSIONS"),
        ("PUT", "", {"policy": ""}, {}, "REST.PUT.BUCKETPOLICY"),
        ("POST", "", {"delete": ""}, {}, "REST.POST.MULTI_OBJECT_DELETE"),
        ("POST", "k", {"uploads": ""}, {}, "REST.POST.UPLOADS"),
        ("PUT", "k", {"uploadId": "x", "partNumber": "1"}, {}, "REST.PUT.PART"),
        ("POST", "k", {"uploadId": "x"}, {}, "REST.POST.UPLOAD"),
        ("PUT", "k", {}, {"x-amz-copy-source": "a/b"}, "REST.COPY.OBJECT"),
        ("DELETE", "k", {"versionId": "v"}, {}, "REST.DELETE.OBJECT"),
    ],
)
def test_operations_have_the_names_of_the_log(method, key, query, headers, name):
    assert operation(method, key, query, headers) == name


def test_what_a_caller_sent_ends_no_field_and_no_line():
    line = str(Line(
        owner="o", bucket="b", time=0.0, address="192.0.2.1", requester=None, request_id="R", operation="REST.GET.OBJECT",
        key='evil" key\n', request='GET /b/evil"\n HTTP/1.1', status=200, error=None, sent=1, size=1, took_ms=1,
        waited_ms=1, referrer='"', agent='x" "y\r\nfake', version=None, host_id="h", signature="SigV4",
        authentication="AuthHeader", host="h", region="us-east-1",
    ))  # fmt: skip
    assert line.count("\n") == 1
    assert len(FIELD.findall(line)) == len(NAMES)
