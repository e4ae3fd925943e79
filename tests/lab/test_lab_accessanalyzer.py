"""Access Analyzer: what can be reached from outside, as long as it can."""

import json

import pytest
from lab_tools import client, eventually, lookup, refused, trust, unique

pytestmark = pytest.mark.lab

OUTSIDER = "999988887777"


@pytest.fixture(scope="module")
def analyzer(aws):
    found = aws("accessanalyzer")
    found.arn = found.create_analyzer(analyzerName="lab", type="ACCOUNT")["arn"]
    yield found
    found.delete_analyzer(analyzerName="lab")


def of(analyzer, resource, **more):
    """Findings about a resource."""
    filters = {"resource": {"eq": [resource]}, **{name: {"eq": [value]} for name, value in more.items()}}
    return analyzer.list_findings(analyzerArn=analyzer.arn, filter=filters)["findings"]


def one(analyzer, resource, **more):
    (found,) = eventually(lambda: of(analyzer, resource, **more))
    return found


def allow(resource, principal, action="s3:GetObject", **more):
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": principal, "Action": action, "Resource": resource, **more}
    ]})  # fmt: skip


@pytest.fixture
def bucket(aws):
    """A bucket that may have a public policy, its ARN, and what gives it a policy."""
    s3, name = aws("s3"), unique("reached")
    s3.create_bucket(Bucket=name)
    s3.delete_public_access_block(Bucket=name)

    def put(principal, **more):
        s3.put_bucket_policy(Bucket=name, Policy=allow(f"arn:aws:s3:::{name}/*", principal, **more))

    put.name, put.arn = name, f"arn:aws:s3:::{name}"
    return put


@pytest.mark.proves("accessanalyzer.ListAnalyzers", "accessanalyzer.GetAnalyzer")
def test_the_analyzer(lab, analyzer, prod, vault):
    (found,) = analyzer.list_analyzers()["analyzers"]
    assert (found["arn"], found["type"], found["status"]) == (
        f"arn:aws:access-analyzer:us-east-1:{prod.id}:analyzer/lab", "ACCOUNT", "ACTIVE",
    )  # fmt: skip
    assert analyzer.get_analyzer(analyzerName="lab")["analyzer"]["name"] == "lab"
    assert refused(analyzer.create_analyzer, analyzerName="two", type="ACCOUNT") == "ServiceQuotaExceededException"
    for kind in ("ORGANIZATION", "ACCOUNT_UNUSED_ACCESS"):
        assert refused(analyzer.create_analyzer, analyzerName="two", type=kind) == "ValidationException"
    assert refused(analyzer.get_analyzer, analyzerName="none") == "ResourceNotFoundException"
    other = client(lab, "accessanalyzer", vault.admin)
    assert refused(other.list_findings, analyzerArn=analyzer.arn) == "ResourceNotFoundException"
    assert refused(analyzer.validate_policy, policyDocument="{}", policyType="IDENTITY_POLICY") == (
        "UnknownOperationException"
    )


@pytest.mark.proves("accessanalyzer.ListFindings", "accessanalyzer.GetFindingV2")
def test_a_bucket_is_reached_until_it_is_closed(aws, analyzer, bucket):
    bucket({"AWS": f"arn:aws:iam::{OUTSIDER}:root"})
    found = one(analyzer, bucket.arn)
    assert (found["principal"], found["action"], found["isPublic"]) == ({"AWS": OUTSIDER}, ["s3:GetObject"], False)
    assert (found["resourceType"], found["status"]) == ("AWS::S3::Bucket", "ACTIVE")
    details = analyzer.get_finding_v2(analyzerArn=analyzer.arn, id=found["id"])
    assert details["findingDetails"][0]["externalAccessDetails"]["principal"] == {"AWS": OUTSIDER}
    aws("s3").delete_bucket_policy(Bucket=bucket.name)
    assert one(analyzer, bucket.arn, status="RESOLVED")["id"] == found["id"]
    bucket({"AWS": OUTSIDER})
    assert one(analyzer, bucket.arn, status="ACTIVE")["id"] == found["id"]


def test_a_public_bucket_is_public_unless_blocked(aws, analyzer, bucket):
    bucket("*")
    assert one(analyzer, bucket.arn)["isPublic"] is True
    closed = {
        "RestrictPublicBuckets": True,
        "BlockPublicAcls": False,
        "IgnorePublicAcls": False,
        "BlockPublicPolicy": False,
    }
    aws("s3").put_public_access_block(Bucket=bucket.name, PublicAccessBlockConfiguration=closed)
    assert one(analyzer, bucket.arn, status="RESOLVED")


def test_what_stays_inside_is_no_finding(analyzer, bucket, prod, aws):
    inside = {"StringEquals": {"aws:PrincipalAccount": prod.id}}
    bucket("*", Condition=inside)
    other = unique("reached")
    aws("s3").create_bucket(Bucket=other)
    aws("s3").delete_public_access_block(Bucket=other)
    aws("s3").put_bucket_policy(Bucket=other, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": OUTSIDER}, "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{other}/*"},
        {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "s3:PutObject",
         "Resource": f"arn:aws:s3:::{other}/*"},
        {"Effect": "Deny", "Principal": "*", "Action": "s3:Get*", "Resource": f"arn:aws:s3:::{other}/*"},
    ]}))  # fmt: skip
    bucket.later = unique("reached")
    aws("s3").create_bucket(Bucket=bucket.later)
    aws("s3").delete_public_access_block(Bucket=bucket.later)
    arn = f"arn:aws:s3:::{bucket.later}"
    office = {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}
    aws("s3").put_bucket_policy(Bucket=bucket.later, Policy=allow(f"{arn}/*", "*", Condition=office))
    found = one(analyzer, arn)
    assert (found["isPublic"], found["condition"]) == (False, {"aws:SourceIp": "203.0.113.0/24"})
    assert of(analyzer, bucket.arn) == of(analyzer, f"arn:aws:s3:::{other}") == []


def test_roles_keys_and_snapshots(aws, analyzer, prod):
    iam, kms, ec2, name = aws("iam"), aws("kms"), aws("ec2"), unique("reached")
    documents = trust({"AWS": f"arn:aws:iam::{OUTSIDER}:role/x"}, {"AWS": f"arn:aws:iam::{prod.id}:root"},
                      {"Service": "ec2.amazonaws.com"})  # fmt: skip
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=documents)["Role"]["Arn"]
    assert one(analyzer, role)["principal"] == {"AWS": f"arn:aws:iam::{OUTSIDER}:role/x"}
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=trust({"Service": "ec2.amazonaws.com"}))
    assert one(analyzer, role, status="RESOLVED")
    key = kms.create_key()["KeyMetadata"]
    kms.put_key_policy(KeyId=key["KeyId"], PolicyName="default", Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": [prod.id, OUTSIDER]}, "Action": ["kms:Decrypt", "kms:PutKeyPolicy"],
         "Resource": "*"},
    ]}))  # fmt: skip
    assert one(analyzer, key["Arn"])["action"] == ["kms:Decrypt", "kms:PutKeyPolicy"]
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    eventually(lambda: ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]["State"] == "completed")
    ec2.modify_snapshot_attribute(
        SnapshotId=snapshot, Attribute="createVolumePermission", OperationType="add", UserIds=[OUTSIDER]
    )
    arn = f"arn:aws:ec2:us-east-1:{prod.id}:snapshot/{snapshot}"
    assert one(analyzer, arn)["principal"] == {"AWS": OUTSIDER}


@pytest.mark.proves("accessanalyzer.ListFindingsV2", "accessanalyzer.UpdateFindings")
def test_findings_are_told_archived_filtered_and_paged(aws, analyzer, bucket):
    sqs, events = aws("sqs"), aws("events")
    url = sqs.create_queue(QueueName=unique("analyzer"))["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["aws.access-analyzer"], "detail": {"resource": [bucket.arn]}}
    events.put_rule(Name="analyzer", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="analyzer", Targets=[{"Id": "q", "Arn": queue}])
    bucket({"AWS": ["111111111111", OUTSIDER, "222222222222"]})
    message = eventually(lambda: sqs.receive_message(QueueUrl=url).get("Messages"))[0]
    event = json.loads(message["Body"])
    assert (event["detail-type"], event["resources"]) == ("Access Analyzer Finding", [analyzer.arn])
    detail = event["detail"]
    assert (detail["status"], detail["resourceType"], detail["version"]) == ("ACTIVE", "AWS::S3::Bucket", "1.0")
    assert detail["createdAt"].endswith("Z")
    known = one(analyzer, bucket.arn, **{"principal.AWS": OUTSIDER})["id"]
    analyzer.update_findings(analyzerArn=analyzer.arn, status="ARCHIVED", ids=[known])
    assert [each["id"] for each in of(analyzer, bucket.arn, status="ARCHIVED")] == [known]
    pages = analyzer.get_paginator("list_findings_v2").paginate(
        analyzerArn=analyzer.arn, filter={"resource": {"contains": [bucket.name]}}, PaginationConfig={"PageSize": 2}
    )
    assert [len(page["findings"]) for page in pages] == [2, 1]
    assert refused(analyzer.list_findings, analyzerArn=analyzer.arn, filter={"nonsense": {"eq": ["x"]}}) == (
        "ValidationException"
    )


def test_calls_are_recorded_under_the_services_name(aws, analyzer):
    analyzer.list_analyzers()

    def names():
        found = lookup(aws("cloudtrail"), EventSource="access-analyzer.amazonaws.com")
        return {each["eventName"] for each in found}

    assert eventually(lambda: "ListAnalyzers" in names())


@pytest.mark.proves("accessanalyzer.CreateAnalyzer", "accessanalyzer.DeleteAnalyzer")
def test_an_organisations_zone_is_all_of_its_accounts(lab, prod, aws):
    management = client(lab, "accessanalyzer", lab.accounts["security"].admin)
    management.arn = management.create_analyzer(analyzerName="all", type="ORGANIZATION")["arn"]
    iam, name = aws("iam"), unique("reached")
    member = trust({"AWS": f"arn:aws:iam::{lab.accounts['vault'].id}:root"}, {"AWS": f"arn:aws:iam::{OUTSIDER}:root"})
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=member)["Role"]["Arn"]
    found = one(management, role)
    assert (found["principal"], found["resourceOwnerAccount"]) == ({"AWS": OUTSIDER}, prod.id)
    management.delete_analyzer(analyzerName="all")
