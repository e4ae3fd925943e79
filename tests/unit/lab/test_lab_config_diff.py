"""`configurationItemDiff` as AWS Config's own messages have it."""

import gzip
import json
from pathlib import Path

import pytest

from amberlight.lab.awsconfig import diff, messages
from amberlight.lab.awsconfig.item import Item, Reading, Relation

REAL = Path("/work/shared/data/aws-responses-custodian/sqs.jsonl.gz")
SECURE = "Is associated with SecurityGroup"
GROUPS = [{"groupName": "example-security-group-1", "groupId": "sg-c8b141b4"},
          {"groupName": "example-security-group-2", "groupId": "sg-3f1fef43"}]  # fmt: skip


def item(configuration, *, number=1, status="OK", groups=(), supplementary=None, tags=None):
    reading = Reading(
        id="i-1", arn="arn:aws:ec2:us-east-1:1:instance/i-1", region="us-east-1", configuration=configuration,
        supplementary=supplementary or {}, tags=tags or {},
        relations=tuple(Relation(SECURE, "AWS::EC2::SecurityGroup", each) for each in groups),
    )  # fmt: skip
    return Item(
        account="1", type="AWS::EC2::Instance", status=status, captured=1.5e9 + number, state_id=number, reading=reading
    )


def changes(old, new):
    found = diff.between(old, new)
    return found["changeType"], {
        path: (each["changeType"], each["previousValue"], each["updatedValue"])
        for path, each in found["changedProperties"].items()
    }


def test_what_is_new_has_no_changed_properties():
    assert diff.between(None, item({"a": 1})) == {"changedProperties": {}, "changeType": "CREATE"}
    gone = item({"a": 1}, status="ResourceDeleted")
    assert diff.between(gone, item({"a": 1}))["changeType"] == "CREATE"


def test_structures_are_named_with_capitals_down_to_what_changed():
    old = item({"state": {"code": 80, "name": "stopped"}, "launchTime": "x", "stateReason": {"code": "c"}})
    new = item({"state": {"code": 16, "name": "running"}, "launchTime": "x", "publicIpAddress": "1.2.3.4"})
    assert changes(old, new) == ("UPDATE", {
        "Configuration.State.Code": ("UPDATE", 80, 16),
        "Configuration.State.Name": ("UPDATE", "stopped", "running"),
        "Configuration.StateReason": ("DELETE", {"code": "c"}, None),
        "Configuration.PublicIpAddress": ("CREATE", None, "1.2.3.4"),
    })  # fmt: skip


def test_a_swap_of_security_groups_is_the_example_of_the_guide():
    """Numbers count differences, those that went first; members of lists are told whole."""
    old = item({"securityGroups": GROUPS[:1]}, groups=["sg-c8b141b4"])
    new = item({"securityGroups": GROUPS[1:]}, groups=["sg-3f1fef43"])
    related = [{"resourceId": each["groupId"], "resourceName": None, "resourceType": "AWS::EC2::SecurityGroup", "name": SECURE}
               for each in GROUPS]  # fmt: skip
    assert changes(old, new) == ("UPDATE", {
        "Relationships.0": ("DELETE", related[0], None), "Relationships.1": ("CREATE", None, related[1]),
        "Configuration.SecurityGroups.0": ("DELETE", GROUPS[0], None),
        "Configuration.SecurityGroups.1": ("CREATE", None, GROUPS[1]),
    })  # fmt: skip


def test_one_more_rule_is_one_difference_wherever_it_stands():
    old = item({"ipPermissions": [{"fromPort": 443}, {"fromPort": 80}]})
    new = item({"ipPermissions": [{"fromPort": 80}, {"fromPort": 22}, {"fromPort": 443}]})
    assert changes(old, new)[1] == {"Configuration.IpPermissions.0": ("CREATE", None, {"fromPort": 22})}
    assert changes(old, item({"ipPermissions": [{"fromPort": 80}, {"fromPort": 443}]}))[1] == {}


def test_tags_and_supplements():
    old = item({}, tags={"team": "a"}, supplementary={"BucketPolicy": {"policyText": None}})
    new = item(
        {}, tags={"team": "b"}, supplementary={"BucketPolicy": {"policyText": "{}"}, "IsRequesterPaysEnabled": False}
    )
    assert changes(old, new)[1] == {
        "Tags.team": ("UPDATE", "a", "b"),
        "SupplementaryConfiguration.BucketPolicy.PolicyText": ("CREATE", None, "{}"),
        "SupplementaryConfiguration.IsRequesterPaysEnabled": ("CREATE", None, False),
    }


@pytest.mark.skipif(not REAL.exists(), reason="no real messages here")
def test_messages_have_the_members_of_real_ones():
    lines = gzip.decompress(REAL.read_bytes()).decode().splitlines()
    bodies = [
        json.loads(message["Body"])
        for line in lines if "configurationItemDiff" in line
        for message in json.loads(line)["recording"]["data"]["Messages"]
    ]  # fmt: skip
    real = [(body["Subject"], json.loads(body["Message"])) for body in bodies]
    assert len(real) >= 3
    bucket = {"name": "b", "owner": {"displayName": None, "id": "x"}, "creationDate": "2017-08-10T14:12:31.000Z"}
    first = item(bucket, supplementary={"IsRequesterPaysEnabled": False})
    ours = {
        "CREATE": messages.changed(first, None, 1.5e9),
        "DELETE": messages.changed(item(bucket, status="ResourceDeleted", number=2), first, 1.5e9),
    }
    for subject, message in real:
        made = ours[message["configurationItemDiff"]["changeType"]]
        assert set(made) == set(message)
        assert set(made["configurationItem"]) == set(message["configurationItem"])
        types = {name: type(value) for name, value in message["configurationItem"].items()}
        same = {
            "configurationStateId",
            "relationships",
            "tags",
            "supplementaryConfiguration",
            "relatedEvents",
            "configuration",
        }
        assert {name: type(made["configurationItem"][name]) for name in same} == {name: types[name] for name in same}
        for path, change in message["configurationItemDiff"]["changedProperties"].items():
            assert path.split(".")[0] in ("Configuration", "SupplementaryConfiguration")
            assert set(change) == {"previousValue", "updatedValue", "changeType"}
        assert subject.startswith("[AWS Config:us-east-1] AWS::S3::Bucket ")
    gone = ours["DELETE"]["configurationItemDiff"]["changedProperties"]
    assert set(gone) == {"SupplementaryConfiguration.IsRequesterPaysEnabled", "Configuration"}
    assert ours["DELETE"]["configurationItem"]["configuration"] is None
    told = messages.subject(first, "us-east-1")
    assert told == "[AWS Config:us-east-1] AWS::EC2::Instance i-1 Updated in Account 1"
