"""Rules on API calls fire in the lab, for what a trail records and no more."""

import json

import pytest
from lab_tools import client, eventually, lookup, unique

from amberlight.lab import LabOptions, start

pytestmark = pytest.mark.lab


def policy(bucket):
    """What lets CloudTrail write to a bucket."""
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "s3:PutObject",
         "Resource": f"arn:aws:s3:::{bucket}/*"},
    ]})  # fmt: skip


@pytest.fixture
def trail(aws):
    s3, trails, name = aws("s3"), aws("cloudtrail"), unique("bus-trail")
    # Trails that other tests have left on would put their events on the bus, too.
    arns = [each["TrailARN"] for each in trails.describe_trails()["trailList"]]
    others = [arn for arn in arns if trails.get_trail_status(Name=arn)["IsLogging"]]
    for arn in others:
        trails.stop_logging(Name=arn)
    s3.create_bucket(Bucket=name)
    s3.put_bucket_policy(Bucket=name, Policy=policy(name))
    trails.create_trail(Name=name, S3BucketName=name, IsMultiRegionTrail=True)
    trails.start_logging(Name=name)
    yield name
    trails.delete_trail(Name=name)
    for arn in others:
        trails.start_logging(Name=arn)


@pytest.fixture
def rule(aws):
    """Make a rule whose events come into a queue; gives a function that takes those that are there."""
    made = []

    def make(pattern, **more):
        events, sqs, name = aws("events"), aws("sqs"), unique("bus")
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        events.put_rule(Name=name, EventPattern=json.dumps(pattern), **more)
        events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": arn}])
        made.append((events, name))
        return lambda: [json.loads(m["Body"]) for m in sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])]  # fmt: skip

    yield make
    for events, name in made:
        events.remove_targets(Rule=name, Ids=["1"])
        events.delete_rule(Name=name)


@pytest.mark.proves("events.PutRule", "events.PutTargets")
def test_a_rule_on_a_call_fires_with_its_record(aws, prod, trail, rule):
    take = rule({"source": ["aws.iam"], "detail-type": ["AWS API Call via CloudTrail"],
                 "detail": {"eventName": ["CreateUser"], "requestParameters": {"userName": [{"prefix": "bus-user"}]}}})  # fmt: skip
    user = unique("bus-user")
    made = aws("iam").create_user(UserName=user)
    (event,) = eventually(take)
    assert event["detail"]["requestID"] == made["ResponseMetadata"]["RequestId"]
    assert (event["account"], event["region"]) == (prod.id, "us-east-1")
    ident = event["detail"]["eventID"]
    recorded = eventually(
        lambda: [each for each in lookup(aws("cloudtrail"), EventName="CreateUser") if each["eventID"] == ident]
    )
    assert recorded == [event["detail"]]


def test_what_only_reads_reaches_the_wider_rule_alone(aws, trail, rule):
    pattern = {"source": ["aws.kms", "aws.sts"], "detail-type": ["AWS API Call via CloudTrail"]}
    usual, wider = rule(pattern), rule(pattern, State="ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS")
    aws("kms").list_keys()
    aws("sts").get_session_token()
    seen = set()

    def both():
        seen.update(event["detail"]["eventName"] for event in wider())
        return {"ListKeys", "GetSessionToken"} <= seen

    eventually(both)
    assert [event["detail"]["eventName"] for event in eventually(usual)] == ["GetSessionToken"]


def test_without_a_trail_that_is_on_nothing_is_on_the_bus(aws, trail, rule):
    take = rule({"source": ["aws.sns"], "detail": {"eventName": ["CreateTopic"]}})
    aws("cloudtrail").stop_logging(Name=trail)
    aws("sns").create_topic(Name=unique("silent"))
    aws("cloudtrail").start_logging(Name=trail)
    loud = unique("loud")
    aws("sns").create_topic(Name=loud)
    assert [event["detail"]["requestParameters"]["name"] for event in eventually(take)] == [loud]


def test_data_events_are_on_the_bus_only_if_a_trail_wants_them(aws, trail, rule):
    take = rule({"source": ["aws.s3"], "detail": {"eventName": ["PutObject", "GetObject"]}})
    s3 = aws("s3")
    s3.put_object(Bucket=trail, Key="before", Body=b"1")
    wanted = {"Type": "AWS::S3::Object", "Values": [f"arn:aws:s3:::{trail}/wanted"]}
    aws("cloudtrail").put_event_selectors(TrailName=trail, EventSelectors=[{"DataResources": [wanted]}])
    s3.put_object(Bucket=trail, Key="other", Body=b"1")
    s3.put_object(Bucket=trail, Key="wanted", Body=b"1")
    s3.get_object(Bucket=trail, Key="wanted")["Body"].read()
    s3.put_object(Bucket=trail, Key="wanted-too", Body=b"1")
    seen = []

    def all_there():
        seen.extend((event["detail"]["eventName"], event["detail"]["requestParameters"]["key"]) for event in take())
        return len(seen) >= 2

    eventually(all_there)
    assert sorted(seen) == [("PutObject", "wanted"), ("PutObject", "wanted-too")]


def test_an_event_is_on_the_bus_of_its_region(lab, aws, prod, trail, rule):
    take = rule({"source": ["aws.sns"], "detail": {"eventName": ["CreateTopic"]}})
    client(lab, "sns", prod.admin, "eu-west-1").create_topic(Name=unique("far"))
    near = unique("near")
    aws("sns").create_topic(Name=near)
    assert [event["detail"]["requestParameters"]["name"] for event in eventually(take)] == [near]


def test_each_delay_is_what_the_options_say(tmp_path):
    hour = 3600.0
    options = LabOptions(
        workdir=tmp_path / "lab",
        hosts="processes",
        lookup_delay_s=hour,
        delivery_interval_s=hour,
        digest_interval_s=hour,
    )
    with start(options) as late:
        made = {
            name: client(late, name, late.accounts["prod"].admin)
            for name in ("s3", "cloudtrail", "events", "sqs", "sns")
        }
        made["s3"].create_bucket(Bucket="late")
        made["s3"].put_bucket_policy(Bucket="late", Policy=policy("late"))
        made["cloudtrail"].create_trail(Name="late", S3BucketName="late", EnableLogFileValidation=True)
        made["cloudtrail"].start_logging(Name="late")
        url = made["sqs"].create_queue(QueueName="late")["QueueUrl"]
        arn = made["sqs"].get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        made["events"].put_rule(Name="late", EventPattern=json.dumps({"source": ["aws.sns"]}))
        made["events"].put_targets(Rule="late", Targets=[{"Id": "1", "Arn": arn}])
        made["sns"].create_topic(Name="late")
        eventually(lambda: made["sqs"].receive_message(QueueUrl=url).get("Messages"))
        # The bus has it, so the lab has had the time that it takes by default to show and deliver nothing.
        assert made["cloudtrail"].lookup_events()["Events"] == []
        assert "Contents" not in made["s3"].list_objects_v2(Bucket="late")
