"""Figures about use come from the recorder; usage metrics wake an alarm."""

import csv
import io
import json
import time

import pytest
from lab_tools import allow, client, eventually, refused, trust, unique

from amberlight.lab import LabCredentials, LabOptions, start

pytestmark = pytest.mark.lab

COLUMNS = [
    "user", "arn", "user_creation_time", "password_enabled", "password_last_used", "password_last_changed",
    "password_next_rotation", "mfa_active",
    *(f"access_key_{number}_{what}" for number in (1, 2) for what in (
        "active", "last_rotated", "last_used_date", "last_used_region", "last_used_service")),
    "cert_1_active", "cert_1_last_rotated", "cert_2_active", "cert_2_last_rotated",
]  # fmt: skip


@pytest.fixture
def user(aws):
    """A user who may list buckets only, with a key."""
    name = unique("used")
    arn = aws("iam").create_user(UserName=name)["User"]["Arn"]
    aws("iam").put_user_policy(UserName=name, PolicyName="p", PolicyDocument=allow("s3:ListAllMyBuckets", "sns:*"))
    key = aws("iam").create_access_key(UserName=name)["AccessKey"]
    return name, arn, LabCredentials(key["AccessKeyId"], key["SecretAccessKey"])


def services_of(iam, arn, **more):
    """What Access Advisor says, by service."""
    job = iam.generate_service_last_accessed_details(Arn=arn, **more)["JobId"]
    found = iam.get_service_last_accessed_details(JobId=job)
    return job, {each["ServiceNamespace"]: each for each in found["ServicesLastAccessed"]}, found["JobType"]


@pytest.mark.proves("iam.GenerateServiceLastAccessedDetails", "iam.GetServiceLastAccessedDetails")
def test_access_advisor_counts_denied_attempts_too(lab, aws, user):
    name, arn, key = user
    iam = aws("iam")
    client(lab, "s3", key).list_buckets()
    refused(client(lab, "ec2", key).describe_instances)
    job, services, level = eventually(lambda: (
        found if "ec2" in (found := services_of(iam, arn))[1] else None
    ))  # fmt: skip
    assert level == "SERVICE_LEVEL"
    assert {s: each["TotalAuthenticatedEntities"] for s, each in services.items()} == {"ec2": 1, "s3": 1, "sns": 0}
    assert {s["LastAuthenticatedEntity"] for s in services.values() if "LastAuthenticatedEntity" in s} == {arn}
    assert not any("TrackedActionsLastAccessed" in each for each in services.values())
    entities = iam.get_service_last_accessed_details_with_entities(JobId=job, ServiceNamespace="ec2")
    assert [each["EntityInfo"]["Name"] for each in entities["EntityDetailsList"]] == [name]
    assert refused(iam.generate_service_last_accessed_details, Arn=arn + "x") == "NoSuchEntity"
    assert len(iam.get_service_last_accessed_details(JobId=job, MaxItems=2)["ServicesLastAccessed"]) == 2


def test_access_advisor_knows_actions(lab, aws, user):
    _, arn, key = user
    iam = aws("iam")
    client(lab, "s3", key).list_buckets()
    refused(client(lab, "s3", key).get_object, Bucket="no-such-bucket-here", Key="k")
    refused(client(lab, "ec2", key, "eu-west-1").describe_instances)
    services = eventually(lambda: (
        found if "ec2" in (found := services_of(iam, arn, Granularity="ACTION_LEVEL")[1]) else None
    ))  # fmt: skip
    actions = {
        (service, action["ActionName"]): action
        for service, each in services.items()
        for action in each["TrackedActionsLastAccessed"]
    }
    assert set(actions) == {("s3", "ListAllMyBuckets"), ("ec2", "DescribeInstances")}
    used = actions["ec2", "DescribeInstances"]
    assert (used["LastAccessedEntity"], used["LastAccessedRegion"]) == (arn, "eu-west-1")
    iam.put_user_policy(UserName=arn.rsplit("/", 1)[-1], PolicyName="q", PolicyDocument=allow("sqs:SendMessage"))
    _, services, level = services_of(iam, arn, Granularity="ACTION_LEVEL")
    assert level == "ACTION_LEVEL"
    assert services["sqs"]["TrackedActionsLastAccessed"] == [{"ActionName": "SendMessage"}]
    assert refused(iam.generate_service_last_accessed_details, Arn=arn, Granularity="FINE") == "InvalidInput"


def test_access_advisor_sees_a_call_late(tmp_path):
    with start(LabOptions(workdir=tmp_path, hosts="processes", access_advisor_delay_s=3600.0)) as lab:
        iam = client(lab, "iam", lab.accounts["prod"].admin)
        arn = iam.get_user(UserName="admin")["User"]["Arn"]
        client(lab, "s3", lab.accounts["prod"].admin).list_buckets()
        _, services, _ = services_of(iam, arn)
        assert services["s3"]["TotalAuthenticatedEntities"] == 0
        key = lab.accounts["prod"].admin.access_key_id
        assert iam.get_access_key_last_used(AccessKeyId=key)["AccessKeyLastUsed"]["ServiceName"] == "iam"


@pytest.mark.proves("iam.GenerateCredentialReport", "iam.GetCredentialReport", "iam.GetAccessKeyLastUsed")
def test_keys_and_the_credential_report_know_their_last_use(lab, aws, user):
    name, _, key = user
    iam = aws("iam")
    assert iam.get_access_key_last_used(AccessKeyId=key.access_key_id)["AccessKeyLastUsed"]["ServiceName"] == "N/A"
    client(lab, "s3", key).list_buckets()
    used = iam.get_access_key_last_used(AccessKeyId=key.access_key_id)["AccessKeyLastUsed"]
    assert (used["ServiceName"], used["Region"]) == ("s3", "us-east-1")
    iam.generate_credential_report()
    rows = list(csv.DictReader(io.StringIO(iam.get_credential_report()["Content"].decode())))
    row = next(row for row in rows if row["user"] == name)
    assert row["access_key_1_last_used_service"] == "s3"
    assert row["access_key_1_last_used_date"] != "N/A"
    assert row["access_key_2_last_used_date"] == "N/A"
    assert list(row) == COLUMNS
    assert (row["password_enabled"], row["password_last_used"], row["mfa_active"]) == ("false", "N/A", "false")
    root = next(row for row in rows if row["user"] == "<root_account>")
    assert (root["password_enabled"], root["password_last_used"]) == ("not_supported", "no_information")
    times = [value for each in rows for value in each.values() if value.startswith("20")]
    assert times
    assert all(value.endswith("+00:00") for value in times)


@pytest.mark.proves("iam.GetAccountAuthorizationDetails", "iam.GetRole")
def test_roles_know_their_last_use(lab, prod, aws):
    name = unique("role")
    principal = {"AWS": f"arn:aws:iam::{prod.id}:root"}
    arn = aws("iam").create_role(RoleName=name, AssumeRolePolicyDocument=trust(principal))["Role"]["Arn"]
    assert aws("iam").get_role(RoleName=name)["Role"]["RoleLastUsed"] == {}
    made = aws("sts").assume_role(RoleArn=arn, RoleSessionName="once")["Credentials"]
    session = LabCredentials(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])
    client(lab, "sts", session).get_caller_identity()
    assert aws("iam").get_role(RoleName=name)["Role"]["RoleLastUsed"]["Region"] == "us-east-1"
    details = aws("iam").get_account_authorization_details(Filter=["Role"])["RoleDetailList"]
    assert next(each for each in details if each["RoleName"] == name)["RoleLastUsed"]["Region"] == "us-east-1"


@pytest.mark.proves("iam.ListUsers", "iam.CreateUser")
def test_lists_come_in_pages(lab, vault):
    iam = client(lab, "iam", vault.admin)
    for number in range(5):
        iam.create_user(UserName=f"page-{number}")
    first = iam.list_users(MaxItems=2)
    assert (len(first["Users"]), first["IsTruncated"]) == (2, True)
    pages = iam.get_paginator("list_users").paginate(PaginationConfig={"PageSize": 2})
    names = [user["UserName"] for page in pages for user in page["Users"]]
    assert len(names) == len(set(names))
    assert {f"page-{number}" for number in range(5)} <= set(names)
    assert refused(iam.list_users, Marker="!") == "InvalidInput"


def dimensions(service, resource):
    values = {"Type": "API", "Resource": resource, "Service": service, "Class": "None"}
    return [{"Name": name, "Value": value} for name, value in values.items()]


@pytest.mark.proves("cloudwatch.PutMetricAlarm", "cloudwatch.DescribeAlarms", "sns.CreateTopic", "sns.Subscribe")
def test_a_burst_of_calls_wakes_exactly_its_alarm(aws):
    cloudwatch, sns, sqs, s3 = aws("cloudwatch"), aws("sns"), aws("sqs"), aws("s3")
    name = unique("burst")
    topic, queue = sns.create_topic(Name=name)["TopicArn"], sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"},
              "Action": "sqs:SendMessage", "Resource": arn}]}  # fmt: skip
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps(policy)})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    for alarm, resource in ((name, "GetObjectTagging"), (name + "-other", "GetObjectTorrent")):
        cloudwatch.put_metric_alarm(
            AlarmName=alarm, Namespace="AWS/Usage", MetricName="CallCount", Dimensions=dimensions("S3", resource),
            Statistic="Sum", Period=60, EvaluationPeriods=1, Threshold=20.0, AlarmActions=[topic],
            ComparisonOperator="GreaterThanThreshold",
        )  # fmt: skip
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="k", Body=b"1")
    begun = time.monotonic()
    for _ in range(25):
        s3.get_object_tagging(Bucket=name, Key="k")
    told = eventually(lambda: sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages"))
    assert time.monotonic() - begun < 3.5
    assert json.loads(json.loads(told[0]["Body"])["Message"])["AlarmName"] == name
    states = {each["AlarmName"]: each["StateValue"]
              for each in cloudwatch.describe_alarms(AlarmNamePrefix=name)["MetricAlarms"]}  # fmt: skip
    assert states == {name: "ALARM", name + "-other": "INSUFFICIENT_DATA"}
