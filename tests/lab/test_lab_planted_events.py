"""What the owner has AWS say on the default bus, and services that the lab does not have."""

import gzip
import json

import pytest
from lab_tools import client, eventually, lookup, refused, unique

from amberlight.lab import LabError

pytestmark = pytest.mark.lab

HEALTH = {"service": "ABUSE", "eventTypeCode": "AWS_ABUSE_DOS_REPORT", "eventTypeCategory": "issue",
          "description": "We have received a report.", "entities": ["i-0123456789abcdef0"]}  # fmt: skip


@pytest.fixture
def told(aws):
    """Events that match a pattern."""
    sqs, events, name = aws("sqs"), aws("events"), unique("planted")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def listen(**pattern):
        events.put_rule(Name=name, EventPattern=json.dumps(pattern))
        events.put_targets(Rule=name, Targets=[{"Id": "q", "Arn": arn}])

    def one():
        return json.loads(eventually(lambda: sqs.receive_message(QueueUrl=url).get("Messages"))[0]["Body"])

    one.listen = listen
    return one


def test_an_event_of_health_reaches_the_bus(lab, prod, told, shared_data):
    told.listen(source=["aws.health"])
    (arn,) = lab.control("health", account=prod.id, events=[HEALTH])["arns"]
    event = told()
    assert (event["detail-type"], event["resources"], event["account"]) == (
        "AWS Health Event", ["i-0123456789abcdef0"], prod.id,
    )  # fmt: skip
    detail = event["detail"]
    assert (detail["eventArn"], detail["eventDescription"][0]["latestDescription"]) == (arn, HEALTH["description"])
    lines = gzip.decompress((shared_data / "eventbridge-custodian/events.jsonl.gz").read_bytes()).splitlines()
    real = next(each["event"] for each in map(json.loads, lines) if each["event"].get("source") == "aws.health")
    # The real one has ended.
    assert set(real["detail"]) - set(detail) == {"endTime"}
    assert set(real) <= set(event)


def test_any_other_event_is_planted(lab, prod, told):
    told.listen(**{"detail-type": ["Macie Finding"]})
    lab.control(
        "event",
        account=prod.id,
        source="aws.macie",
        detail_type="Macie Finding",
        detail={"type": "Policy:IAMUser/S3BucketPublic"},
    )
    event = told()
    assert (event["source"], event["detail"]) == ("aws.macie", {"type": "Policy:IAMUser/S3BucketPublic"})


@pytest.mark.parametrize(
    "change", [{"account": "111111111111"}, {"source": "mine"}, {"detail": "text"}, {"region": "x"}]
)
def test_what_is_no_event_of_aws_is_not_planted(lab, prod, change):
    good = {"account": prod.id, "source": "aws.macie", "detail_type": "Macie Finding", "detail": {}}
    with pytest.raises(LabError, match=r"no account|begins with"):
        lab.control("event", **{**good, **change})


@pytest.mark.parametrize("name,call", [("macie2", "list_findings"), ("detective", "list_graphs")])
def test_services_that_are_absent_say_so(lab, prod, aws, name, call):
    assert refused(getattr(client(lab, name, prod.admin), call)) == "UnknownOperationException"
    assert eventually(lambda: lookup(aws("cloudtrail"), EventSource=f"{name}.amazonaws.com"))
