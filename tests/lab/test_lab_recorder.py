"""The trail has every call of everybody, in CloudTrail's own spelling."""

import datetime as dt
import json
import threading

import pytest
from lab_tools import allow, client, eventually, lookup, refused, trust, unique

from amberlight.lab import LabCredentials, LabOptions, start
from amberlight.lab.services.cloudtrail import Quota

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def trail(aws):
    return aws("cloudtrail")


def recorded(trail, answer, name):
    """The record of the call that gave this answer, found by its request id."""
    ident = answer["ResponseMetadata"]["RequestId"]
    return eventually(lambda: next((r for r in lookup(trail, EventName=name) if r["requestID"] == ident), None))


def test_every_protocol_is_recorded_under_the_callers_request_id(aws, trail):
    topic, bucket = unique("topic"), unique("bucket")
    for service, operation, name, params in (
        ("ec2", "describe_instances", "DescribeInstances", {}),
        ("iam", "list_users", "ListUsers", {}),
        ("ssm", "describe_instance_information", "DescribeInstanceInformation", {}),
        ("s3", "create_bucket", "CreateBucket", {"Bucket": bucket}),
        ("s3", "list_buckets", "ListBuckets", {}),
        ("lambda", "list_functions", "ListFunctions20150331", {}),
        ("sns", "create_topic", "CreateTopic", {"Name": topic}),
        ("sqs", "list_queues", "ListQueues", {}),
        ("cloudwatch", "describe_alarms", "DescribeAlarms", {}),
        ("kms", "list_keys", "ListKeys", {}),
        ("cloudtrail", "describe_trails", "DescribeTrails", {}),
        ("sts", "get_caller_identity", "GetCallerIdentity", {}),
    ):
        record = recorded(trail, getattr(aws(service), operation)(**params), name)
        assert record["userIdentity"]["userName"] == "admin"
        assert record["sourceIPAddress"] == "127.0.0.1"
        assert record["recipientAccountId"] == record["userIdentity"]["accountId"]


def test_a_denied_call_is_recorded_with_code_and_null_response(lab, aws, trail):
    user = unique("low")
    aws("iam").create_user(UserName=user)
    key = aws("iam").create_access_key(UserName=user)["AccessKey"]
    low = LabCredentials(key["AccessKeyId"], key["SecretAccessKey"])
    calls = {
        "DescribeInstances": (client(lab, "ec2", low).describe_instances, "Client.UnauthorizedOperation"),
        "ListUsers": (client(lab, "iam", low).list_users, "AccessDenied"),
        "DescribeTrails": (client(lab, "cloudtrail", low).describe_trails, "AccessDenied"),
        "ListBuckets": (client(lab, "s3", low).list_buckets, "AccessDenied"),
        "DescribeAlarms": (client(lab, "cloudwatch", low).describe_alarms, "AccessDenied"),
    }
    for call, _ in calls.values():
        refused(call)

    def mine():
        found = lookup(trail, Username=user)
        return found if len(found) == len(calls) else None

    for record in eventually(mine):
        assert record["errorCode"] == calls[record["eventName"]][1]
        assert record["errorMessage"]
        assert record["responseElements"] is None


def test_a_wrong_secret_is_nobodys_call(lab, prod, trail):
    wrong = LabCredentials(prod.admin.access_key_id, "wrong")
    before = len(lookup(trail, EventName="ListAccountAliases"))
    refused(client(lab, "iam", wrong).list_account_aliases)
    client(lab, "iam", prod.admin).list_account_aliases()
    after = eventually(lambda: (found := lookup(trail, EventName="ListAccountAliases"))[before:] and found)
    assert len(after) == before + 1


def test_a_key_that_deletes_itself_is_still_named(lab, aws, trail):
    user = unique("gone")
    aws("iam").create_user(UserName=user)
    aws("iam").put_user_policy(UserName=user, PolicyName="p", PolicyDocument=allow("iam:DeleteAccessKey"))
    key = aws("iam").create_access_key(UserName=user)["AccessKey"]
    own = client(lab, "iam", LabCredentials(key["AccessKeyId"], key["SecretAccessKey"]))
    record = recorded(trail, own.delete_access_key(UserName=user, AccessKeyId=key["AccessKeyId"]), "DeleteAccessKey")
    assert record["userIdentity"]["userName"] == user
    assert record["userIdentity"]["accessKeyId"] == key["AccessKeyId"]


def test_secrets_are_absent(aws, trail, run, host):
    user = unique("secret")
    aws("iam").create_user(UserName=user)
    aws("iam").create_login_profile(UserName=user, Password="Sup3rSecret!pw")
    made = aws("iam").create_access_key(UserName=user)
    record = recorded(trail, made, "CreateAccessKey")
    assert made["AccessKey"]["SecretAccessKey"] not in json.dumps(record)
    assert record["responseElements"]["accessKey"]["accessKeyId"] == made["AccessKey"]["AccessKeyId"]
    assert "Sup3rSecret" not in json.dumps(lookup(trail, EventName="CreateLoginProfile"))
    run("echo a-secret-command")
    sent = eventually(lambda: lookup(trail, EventName="SendCommand"))[0]
    assert sent["requestParameters"]["parameters"] == "HIDDEN_DUE_TO_SECURITY_REASONS"
    assert "a-secret-command" not in json.dumps(sent)
    launched = next(r for r in lookup(trail, EventName="RunInstances")
                    if host["InstanceId"] in json.dumps(r["responseElements"]))  # fmt: skip
    assert launched["requestParameters"]["userData"] == "<sensitiveDataRemoved>"
    assert launched["requestParameters"]["instancesSet"]["items"][0]["imageId"] == "ami-00000001"


def test_s3_object_calls_are_not_in_the_history(aws, trail):
    bucket = unique("objects")
    created = aws("s3").create_bucket(Bucket=bucket)
    put = aws("s3").put_object(Bucket=bucket, Key="k", Body=b"1")
    record = recorded(trail, created, "CreateBucket")
    assert record["requestParameters"]["bucketName"] == bucket
    assert lookup(trail, EventName="PutObject") == []
    assert put["ResponseMetadata"]["RequestId"] == put["ResponseMetadata"]["HTTPHeaders"]["x-amz-request-id"]


def test_global_services_write_to_the_home_region(lab, prod, aws, trail):
    created = client(lab, "iam", prod.admin, "us-east-1").create_user(UserName=unique("global"))
    assert recorded(trail, created, "CreateUser")["awsRegion"] == "us-east-1"
    far = client(lab, "cloudtrail", prod.admin, "eu-west-1")
    answer = client(lab, "ec2", prod.admin, "eu-west-1").describe_vpcs()
    assert recorded(far, answer, "DescribeVpcs")["awsRegion"] == "eu-west-1"
    assert answer["ResponseMetadata"]["RequestId"] not in json.dumps(lookup(trail, EventName="DescribeVpcs"))


def test_assuming_a_role_of_another_account_is_in_both_trails(lab, prod, vault, aws, trail):
    name = unique("hub")
    principal = {"AWS": f"arn:aws:iam::{vault.id}:root"}
    role = aws("iam").create_role(RoleName=name, AssumeRolePolicyDocument=trust(principal))["Role"]
    answer = client(lab, "sts", vault.admin).assume_role(RoleArn=role["Arn"], RoleSessionName="case-1")
    there = recorded(client(lab, "cloudtrail", vault.admin), answer, "AssumeRole")
    here = recorded(trail, answer, "AssumeRole")
    assert there["sharedEventID"] == here["sharedEventID"]
    assert there["eventID"] != here["eventID"]
    assert here["userIdentity"] == {
        "type": "AWSAccount", "principalId": there["userIdentity"]["principalId"], "accountId": vault.id,
    }  # fmt: skip
    made = answer["Credentials"]
    session = LabCredentials(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])
    acted = client(lab, "sts", session).get_caller_identity()
    identity = recorded(trail, acted, "GetCallerIdentity")["userIdentity"]
    assert identity["type"] == "AssumedRole"
    assert identity["sessionContext"]["sessionIssuer"]["arn"] == role["Arn"]
    assert identity["principalId"] == f"{role['RoleId']}:case-1"


def test_root_is_root(lab, prod, trail):
    answer = client(lab, "sts", prod.root).get_caller_identity()
    identity = recorded(trail, answer, "GetCallerIdentity")["userIdentity"]
    assert identity["type"] == "Root"
    assert "userName" not in identity


def test_pages_hold_fifty_and_miss_nothing(aws, trail):
    sent = {aws("sns").list_topics()["ResponseMetadata"]["RequestId"] for _ in range(120)}

    def collect():
        found, token = [], {}
        while True:
            page = trail.lookup_events(
                LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "ListTopics"}], **token
            )
            assert len(page["Events"]) <= 50
            found += [json.loads(event["CloudTrailEvent"])["requestID"] for event in page["Events"]]
            if "NextToken" not in page:
                return found
            token = {"NextToken": page["NextToken"]}

    found = eventually(lambda: (ids := collect()) and sent <= set(ids) and ids)
    assert len(found) == len(set(found))


def test_lookups_beyond_the_quota_are_throttled_per_account(tmp_path):
    slow = LabOptions(workdir=tmp_path / "lab", hosts="processes", lookup_rate_per_s=0.02)
    with start(slow) as strict:
        trail = client(strict, "cloudtrail", strict.accounts["prod"].admin)
        trail.lookup_events()
        trail.lookup_events()
        assert refused(trail.lookup_events) == "ThrottlingException"
        client(strict, "cloudtrail", strict.accounts["vault"].admin).lookup_events()
        client(strict, "cloudtrail", strict.accounts["prod"].admin, "eu-west-1").lookup_events()


def test_the_quota_comes_back_with_time():
    quota, key = Quota(2.0), ("1", "us-east-1")
    assert [quota.take(key, 10.0) for _ in range(3)] == [True, True, False]
    assert [quota.take(key, 10.5) for _ in range(2)] == [True, False]
    assert [quota.take(key, 99.0) for _ in range(3)] == [True, True, False]


@pytest.mark.proves("cloudtrail.LookupEvents")
def test_lookups_are_bounded_by_time_and_checked(trail, aws):
    answer = aws("sns").list_topics()
    moment = recorded(trail, answer, "ListTopics")["eventTime"]
    start_at = dt.datetime.fromisoformat(moment)
    pick = [{"AttributeKey": "EventName", "AttributeValue": "ListTopics"}]
    inside = trail.lookup_events(LookupAttributes=pick, StartTime=start_at, EndTime=start_at)["Events"]
    assert answer["ResponseMetadata"]["RequestId"] in json.dumps(inside, default=str)
    later = start_at + dt.timedelta(hours=1)
    assert trail.lookup_events(LookupAttributes=pick, StartTime=later, EndTime=later)["Events"] == []
    assert refused(trail.lookup_events, StartTime=later, EndTime=start_at) == "InvalidTimeRangeException"
    assert refused(trail.lookup_events, NextToken="bm90aGluZw==") == "InvalidNextTokenException"


def test_many_threads_lose_no_record(aws, trail):
    got, lock = set(), threading.Lock()
    sts = aws("sts")

    def hammer():
        for _ in range(25):
            ident = sts.get_caller_identity()["ResponseMetadata"]["RequestId"]
            with lock:
                got.add(ident)

    threads = [threading.Thread(target=hammer) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 150

    def all_there():
        pages = trail.get_paginator("lookup_events").paginate(
            LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "GetCallerIdentity"}]
        )
        found = {json.loads(e["CloudTrailEvent"])["requestID"] for page in pages for e in page["Events"]}
        return got <= found

    assert eventually(all_there)
