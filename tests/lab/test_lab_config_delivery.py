"""AWS Config: reading items back in pages and spans, files in the bucket, messages on the topic and the bus."""

import gzip
import json
import re

import pytest
from config_tools import ROLE, items_of, ready, run_recorder, statuses
from lab_tools import client, eventually, refused, unique

pytestmark = pytest.mark.lab
EVERYTHING = {"allSupported": True, "includeGlobalResourceTypes": True}


@pytest.fixture(scope="module")
def topic(lab):
    """A topic of the security account, and its messages so far."""
    account = lab.accounts["security"]
    sns, sqs = client(lab, "sns", account.admin), client(lab, "sqs", account.admin)
    arn, queue = (
        sns.create_topic(Name="config-topic")["TopicArn"],
        sqs.create_queue(QueueName="config-queue")["QueueUrl"],
    )
    queue_arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": queue_arn}]
    })})  # fmt: skip
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue_arn)
    seen = []

    def messages():
        while got := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
            for each in got:
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=each["ReceiptHandle"])
                body = json.loads(each["Body"])
                seen.append((body["Subject"], json.loads(body["Message"])))
        return seen

    return arn, messages


@pytest.fixture(scope="module")
def at(lab, topic):
    """Clients of the security account, whose recorder tells a topic."""
    return run_recorder(lab, "us-east-1", EVERYTHING, snsTopicARN=topic[0])


def test_history_comes_in_pages_and_spans(at):
    iam, config, name = at("iam"), at("config"), unique("paged")
    ident = iam.create_user(UserName=name)["User"]["UserId"]
    for number in range(4):
        iam.tag_user(UserName=name, Tags=[{"Key": "n", "Value": str(number)}])
        items_of(config, "AWS::IAM::User", ident, number + 2)
    asked = {"resourceType": "AWS::IAM::User", "resourceId": ident}
    pages = config.get_paginator("get_resource_config_history").paginate(**asked, PaginationConfig={"PageSize": 2})
    sizes = [page["configurationItems"] for page in pages]
    assert [len(page) for page in sizes] == [2, 2, 1]
    newest_first = [each for page in sizes for each in page]
    forward = config.get_resource_config_history(**asked, chronologicalOrder="Forward")["configurationItems"]
    assert forward == newest_first[::-1]
    times = [each["configurationItemCaptureTime"] for each in forward]
    assert times == sorted(times)
    span = config.get_resource_config_history(**asked, earlierTime=times[1], laterTime=times[3])["configurationItems"]
    assert [each["tags"]["n"] for each in span if each["tags"]][-1] in ("0", "1")
    assert len(span) < len(forward)
    assert refused(config.get_resource_config_history, **asked, limit=101) == "InvalidLimitException"
    assert refused(config.get_resource_config_history, **asked, nextToken="no") == "InvalidNextTokenException"
    assert refused(config.get_resource_config_history, **asked, earlierTime=times[3], laterTime=times[0]) == (
        "InvalidTimeRangeException"
    )
    assert (
        refused(config.get_resource_config_history, resourceType="AWS::No::Such", resourceId="x")
        == "ValidationException"
    )


def test_lists_counts_and_batches_know_what_was_deleted(at):
    s3, config, name = at("s3"), at("config"), unique("config-listed")
    s3.create_bucket(Bucket=name)
    items_of(config, "AWS::S3::Bucket", name, 1)
    asked = {"resourceType": "AWS::S3::Bucket", "resourceName": name}
    assert [each["resourceId"] for each in config.list_discovered_resources(**asked)["resourceIdentifiers"]] == [name]
    count = lambda: config.get_discovered_resource_counts(resourceTypes=["AWS::S3::Bucket"])  # noqa: E731
    before = count()["totalDiscoveredResources"]
    s3.delete_bucket(Bucket=name)
    items = items_of(config, "AWS::S3::Bucket", name, 2)
    assert config.list_discovered_resources(**asked)["resourceIdentifiers"] == []
    (gone,) = config.list_discovered_resources(**asked, includeDeletedResources=True)["resourceIdentifiers"]
    assert gone["resourceDeletionTime"] == items[0]["configurationItemCaptureTime"]
    after = count()
    assert after["resourceCounts"] == [{"resourceType": "AWS::S3::Bucket", "count": before - 1}]
    keys = [{"resourceType": "AWS::S3::Bucket", "resourceId": each} for each in (name, "never-seen")]
    batch = config.batch_get_resource_config(resourceKeys=keys)
    assert statuses(batch["baseConfigurationItems"]) == ["ResourceDeleted"]
    assert batch["unprocessedResourceKeys"] == keys[1:]


def test_each_change_is_told_with_its_difference(at, topic):
    ec2, config, name = at("ec2"), at("config"), unique("told")
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    group = ec2.create_security_group(GroupName=name, Description="d", VpcId=vpc)["GroupId"]
    items_of(config, "AWS::EC2::SecurityGroup", group, 1)
    ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}],
    )
    items_of(config, "AWS::EC2::SecurityGroup", group, 2)
    ec2.delete_security_group(GroupId=group)
    told = eventually(lambda: len(found := [
        (subject, message) for subject, message in topic[1]()
        if message.get("configurationItem", {}).get("resourceId") == group]) == 3 and found)  # fmt: skip
    assert [message["configurationItemDiff"]["changeType"] for _, message in told] == ["CREATE", "UPDATE", "DELETE"]
    assert [subject.split(group)[1].split()[0] for subject, _ in told] == ["Created", "Updated", "Deleted"]
    update = told[1][1]
    assert update["messageType"] == "ConfigurationItemChangeNotification"
    (path,), (change,) = zip(*update["configurationItemDiff"]["changedProperties"].items(), strict=True)
    assert (path, change["changeType"], change["previousValue"]) == ("Configuration.IpPermissions.0", "CREATE", None)
    assert change["updatedValue"]["ipRanges"] == ["0.0.0.0/0"]
    status = config.describe_delivery_channel_status()["DeliveryChannelsStatus"][0]
    assert status["configStreamDeliveryInfo"]["lastStatus"] == "SUCCESS"


def test_the_bus_has_each_change(at):
    iam, events, sqs, name = at("iam"), at("events"), at("sqs"), unique("bused")
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["aws.config"], "detail": {"configurationItem": {"resourceName": [name]}}}
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, Targets=[{"Id": "q", "Arn": arn}])
    iam.create_user(UserName=name)
    (got,) = eventually(lambda: sqs.receive_message(QueueUrl=queue).get("Messages"))
    event = json.loads(got["Body"])
    assert event["detail-type"] == "Config Configuration Item Change"
    assert event["resources"] == [event["detail"]["configurationItem"]["ARN"]]


def test_a_snapshot_is_a_file_with_every_living_resource(lab, at, topic):
    iam, config, s3, name = at("iam"), at("config"), at("s3"), unique("snapped")
    user, gone = (iam.create_user(UserName=name + each)["User"]["UserId"] for each in "ab")
    iam.delete_user(UserName=name + "b")
    items_of(config, "AWS::IAM::User", gone, 2)
    items_of(config, "AWS::IAM::User", user, 1)
    ident = config.deliver_config_snapshot(deliveryChannelName="default")["configSnapshotId"]
    messages = eventually(lambda: len(found := [
        message for _, message in topic[1]() if message.get("configSnapshotId") == ident]) == 2 and found)  # fmt: skip
    assert [each["messageType"] for each in messages] == [
        "ConfigurationSnapshotDeliveryStarted", "ConfigurationSnapshotDeliveryCompleted",
    ]  # fmt: skip
    account, bucket = lab.accounts["security"].id, ready(lab, "us-east-1")[1]
    key = messages[1]["s3ObjectKey"]
    assert messages[1]["s3Bucket"] == bucket
    assert re.fullmatch(
        rf"AWSLogs/{account}/Config/us-east-1/\d{{4}}/[1-9]\d?/[1-9]\d?/ConfigSnapshot/"
        rf"{account}_Config_us-east-1_ConfigSnapshot_\d{{8}}T\d{{6}}Z_{ident}\.json\.gz", key,
    )  # fmt: skip
    data = json.loads(gzip.decompress(s3.get_object(Bucket=bucket, Key=key)["Body"].read()))
    assert (data["fileVersion"], data["configSnapshotId"]) == ("1.0", ident)
    items = {each["resourceId"]: each for each in data["configurationItems"]}
    assert items[user]["configuration"]["userName"] == name + "a"
    assert gone not in items
    info = config.describe_delivery_channel_status()["DeliveryChannelsStatus"][0]["configSnapshotDeliveryInfo"]
    assert info["lastStatus"] == "SUCCESS"


def test_snapshots_come_by_themselves_when_asked_for(at, topic):
    config = at("config")
    given = config.describe_delivery_channels()["DeliveryChannels"][0]

    def told():
        return {message["configSnapshotId"] for _, message in topic[1]() if "configSnapshotId" in message}

    before = told()
    often = {**given, "configSnapshotDeliveryProperties": {"deliveryFrequency": "One_Hour"}}
    config.put_delivery_channel(DeliveryChannel=often)
    try:
        eventually(lambda: len(told() - before) >= 2)
    finally:
        config.put_delivery_channel(DeliveryChannel=given)


def test_history_files_have_every_item_by_type(lab, at, topic):
    iam, config, s3, name = at("iam"), at("config"), at("s3"), unique("filed")
    ident = iam.create_user(UserName=name)["User"]["UserId"]
    iam.delete_user(UserName=name)
    items_of(config, "AWS::IAM::User", ident, 2)
    account, bucket = lab.accounts["security"].id, ready(lab, "us-east-1")[1]
    form = re.compile(
        rf"AWSLogs/{account}/Config/us-east-1/\d{{4}}/[1-9]\d?/[1-9]\d?/ConfigHistory/"
        rf"{account}_Config_us-east-1_ConfigHistory_AWS::IAM::User_\d{{8}}T\d{{6}}Z_\d{{8}}T\d{{6}}Z_1\.json\.gz"
    )

    def told():
        keys = [message["s3ObjectKey"] for _, message in topic[1]()
                if message["messageType"] == "ConfigurationHistoryDeliveryCompleted"]  # fmt: skip
        for key in filter(form.fullmatch, keys):
            data = json.loads(gzip.decompress(s3.get_object(Bucket=bucket, Key=key)["Body"].read()))
            mine = [each for each in data["configurationItems"] if each["resourceId"] == ident]
            if mine:
                return mine
        return None

    assert [each["configurationItemStatus"] for each in eventually(told)] == ["ResourceDiscovered", "ResourceDeleted"]


def test_a_bucket_that_closes_is_said_in_the_status(lab, at):
    config, s3 = at("config"), at("s3")
    bucket = ready(lab, "us-east-1")[1]
    policy = s3.get_bucket_policy(Bucket=bucket)["Policy"]
    s3.delete_bucket_policy(Bucket=bucket)
    try:
        config.deliver_config_snapshot(deliveryChannelName="default")
        info = eventually(lambda: next(
            (each["configSnapshotDeliveryInfo"] for each in config.describe_delivery_channel_status()["DeliveryChannelsStatus"]
             if each.get("configSnapshotDeliveryInfo", {}).get("lastStatus") == "FAILURE"), None))  # fmt: skip
        assert info["lastErrorCode"] == "AccessDenied"
    finally:
        s3.put_bucket_policy(Bucket=bucket, Policy=policy)


def test_an_oversized_change_is_told_in_short_and_stored_whole(at, topic):
    iam, s3, name = at("iam"), at("s3"), unique("large")
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}))  # fmt: skip
    statement = {"Effect": "Allow", "Action": "s3:Get*", "Resource": [f"arn:aws:s3:::{'é' * 40}{n}" for n in range(90)]}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    for number in range(16):
        iam.put_role_policy(RoleName=name, PolicyName=f"p{number}", PolicyDocument=document)
    told = eventually(lambda: next(
        (message for _, message in topic[1]()
         if message.get("configurationItemSummary", {}).get("resourceName") == name), None))  # fmt: skip
    assert told["messageType"] == "OversizedConfigurationItemChangeNotification"
    assert "configuration" not in told["configurationItemSummary"]
    bucket, _, key = told["s3DeliverySummary"]["s3BucketLocation"].partition("/")
    whole = json.loads(gzip.decompress(s3.get_object(Bucket=bucket, Key=key)["Body"].read()))
    assert whole["configurationItem"]["resourceName"] == name
    assert whole["configurationItemDiff"]["changeType"] == "UPDATE"


def test_the_recorders_role_may_deliver_to_a_bucket_of_its_account(lab, at):
    iam, s3, config = at("iam"), at("s3"), at("config")
    given = config.describe_delivery_channels()["DeliveryChannels"][0]
    own = unique("config-by-role")
    s3.create_bucket(Bucket=own)
    channel = {**given, "s3BucketName": own, "s3KeyPrefix": "kept"}
    assert refused(config.put_delivery_channel, DeliveryChannel=channel) == "InsufficientDeliveryPolicyException"
    iam.put_role_policy(RoleName=ROLE, PolicyName="s3", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{own}/*"}]}))  # fmt: skip
    config.put_delivery_channel(DeliveryChannel=channel)
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=own)["Contents"]]
    assert keys == [f"kept/AWSLogs/{lab.accounts['security'].id}/Config/ConfigWritabilityCheckFile"]
    config.put_delivery_channel(DeliveryChannel=given)
