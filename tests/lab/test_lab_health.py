"""A service that the emulator lacks: planted by the owner, read by who may, recorded like every other."""

import urllib.error
import urllib.request

import pytest
from lab_tools import allow, client, eventually, lookup, refused, trust, unique

from amberlight.lab import LabCredentials, LabError

pytestmark = pytest.mark.lab

ABUSE = {"service": "ABUSE", "eventTypeCode": "AWS_ABUSE_DOS_REPORT", "eventTypeCategory": "issue",
         "description": "We have received a report.", "entities": ["i-0123456789abcdef0"]}  # fmt: skip


@pytest.fixture
def limited(lab, prod):
    """Credentials of a role that may read events and not their details."""
    name = unique("health")
    iam, sts = client(lab, "iam", prod.admin), client(lab, "sts", prod.admin)
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust({"AWS": f"arn:aws:iam::{prod.id}:root"}))
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=allow("health:DescribeEvents"))
    made = sts.assume_role(RoleArn=role["Role"]["Arn"], RoleSessionName="case")["Credentials"]
    return LabCredentials(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])


def test_a_planted_event_is_read_by_its_account_alone(lab, aws, vault):
    (arn,) = lab.control("health", account=lab.accounts["prod"].id, events=[ABUSE])["arns"]
    health = aws("health")
    (event,) = health.describe_events(filter={"eventArns": [arn]})["events"]
    assert (event["service"], event["statusCode"], event["eventTypeCode"]) == ("ABUSE", "open", "AWS_ABUSE_DOS_REPORT")
    assert event["startTime"].tzinfo is not None
    assert health.describe_events(filter={"services": ["EC2"]})["events"] == []
    details = health.describe_event_details(eventArns=[arn, "arn:aws:health:us-east-1::event/X/Y/Z"])
    assert details["successfulSet"][0]["eventDescription"]["latestDescription"] == ABUSE["description"]
    assert [each["errorName"] for each in details["failedSet"]] == ["InvalidArn"]
    (entity,) = health.describe_affected_entities(filter={"eventArns": [arn]})["entities"]
    assert entity["entityValue"] == "i-0123456789abcdef0"
    assert client(lab, "health", vault.admin).describe_events(filter={"eventArns": [arn]})["events"] == []


def test_pages(lab, aws):
    lab.control("health", account=lab.accounts["prod"].id, events=[{**ABUSE, "service": "PAGES"} for _ in range(25)])
    pages = (
        aws("health")
        .get_paginator("describe_events")
        .paginate(filter={"services": ["PAGES"]}, PaginationConfig={"PageSize": 10})
    )
    assert [len(page["events"]) for page in pages] == [10, 10, 5]
    assert refused(aws("health").describe_events, nextToken="abcdef") == "InvalidPaginationToken"


def test_policy_and_signature_are_checked_and_calls_recorded(lab, prod, aws, limited):
    health = client(lab, "health", limited)
    health.describe_events()
    assert refused(health.describe_event_details, eventArns=["arn:aws:health:us-east-1::event/A/B/C"]) == (
        "AccessDeniedException"
    )
    wrong = LabCredentials(prod.admin.access_key_id, "wrong")
    assert refused(client(lab, "health", wrong).describe_events) == "InvalidSignatureException"
    assert refused(aws("health").describe_event_types) == "UnknownOperationException"
    denied = eventually(lambda: [
        record for record in lookup(aws("cloudtrail"), EventSource="health.amazonaws.com")
        if record["eventName"] == "DescribeEventDetails" and record.get("errorCode")
    ])  # fmt: skip
    assert denied[0]["errorCode"] == "AccessDenied"
    assert denied[0]["userIdentity"]["type"] == "AssumedRole"


def test_the_owner_is_told_what_cannot_be_planted(lab, prod):
    with pytest.raises(LabError, match="needs service"):
        lab.control("health", account=prod.id, events=[{**ABUSE, "service": ""}])
    with pytest.raises(LabError, match="nothing here"):
        lab.control("nonsense")


@pytest.mark.parametrize("headers", [{}, {"x-lab-token": "wrong"}])
def test_nobody_else_finds_the_owners_door(lab, headers):
    request = urllib.request.Request(f"{lab.endpoint}/_lab/health", data=b"{}", headers=headers, method="POST")  # noqa: S310
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)  # noqa: S310
    with caught.value as answer:
        assert answer.code == 404
