"""Trails are as strict as AWS's: organisations, selectors, keys, names; what the lab has not, it says."""

import gzip
import json

import pytest
from lab_tools import client, eventually, refused, unique
from test_lab_trail_events import policy

pytestmark = pytest.mark.lab


@pytest.fixture
def logs(aws):
    name = unique("strict")
    aws("s3").create_bucket(Bucket=name)
    aws("s3").put_bucket_policy(Bucket=name, Policy=policy(name))
    return name


@pytest.fixture
def trail(aws, logs):
    aws("cloudtrail").create_trail(Name=logs, S3BucketName=logs)
    yield logs
    aws("cloudtrail").delete_trail(Name=logs)


@pytest.fixture
def whole(lab, aws, logs):
    """A trail of the organisation; gives its ARN and bucket."""
    trails = client(lab, "cloudtrail", lab.accounts["security"].admin)
    trails.create_trail(
        Name=logs, S3BucketName=logs, IsMultiRegionTrail=True, IsOrganizationTrail=True, EnableLogFileValidation=True
    )
    trails.start_logging(Name=logs)
    yield trails.get_trail(Name=logs)["Trail"]["TrailARN"], logs
    trails.delete_trail(Name=logs)


def keys(s3, bucket):
    return [each["Key"] for each in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def records(s3, bucket, part):
    """The records of all files whose keys have *part*."""
    found = []
    for key in keys(s3, bucket):
        if part in key:
            body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
            found += json.loads(gzip.decompress(body))["Records"]
    return found


def test_an_organisations_trail_has_the_events_of_its_members(lab, aws, prod, vault, whole):
    s3, security = aws("s3"), lab.accounts["security"]
    organisation = client(lab, "organizations", security.admin).describe_organization()["Organization"]["Id"]
    asked = {
        account.id: client(lab, "sns", account.admin).create_topic(Name=unique("whole"))["ResponseMetadata"][
            "RequestId"
        ]
        for account in (prod, vault, security)
    }

    def delivered():
        found = {
            account: records(s3, whole[1], f"AWSLogs/{organisation}/{account}/CloudTrail/us-east-1/")
            for account in asked
        }
        return all(asked[each] in {r["requestID"] for r in events} for each, events in found.items()) and found

    for account, events in eventually(delivered).items():
        assert {record["recipientAccountId"] for record in events} == {account}
    part = f"AWSLogs/{organisation}/{vault.id}/CloudTrail-Digest/us-east-1/"
    eventually(lambda: [key for key in keys(s3, whole[1]) if key.startswith(part)])


def test_members_see_it_and_change_nothing(lab, vault, whole):
    arn, theirs = whole[0], client(lab, "cloudtrail", vault.admin)
    assert arn in {each["TrailARN"] for each in theirs.describe_trails()["trailList"]}
    assert arn in {
        each["TrailARN"] for each in client(lab, "cloudtrail", vault.admin, "eu-west-1").list_trails()["Trails"]
    }
    assert theirs.get_trail_status(Name=arn)["IsLogging"] is True
    assert theirs.get_event_selectors(TrailName=arn)["TrailARN"] == arn
    for call, argument in (("stop_logging", "Name"), ("delete_trail", "Name"), ("update_trail", "Name")):
        assert refused(getattr(theirs, call), **{argument: arn}) == "NotOrganizationMasterAccountException"
    assert refused(theirs.stop_logging, Name=arn.rsplit("/", 1)[-1]) == "TrailNotFoundException"
    assert theirs.get_trail_status(Name=arn)["IsLogging"] is True


def test_only_the_management_account_makes_one(aws, logs):
    create = aws("cloudtrail").create_trail
    code = "NotOrganizationMasterAccountException"
    assert refused(create, Name=logs, S3BucketName=logs, IsOrganizationTrail=True) == code


def test_names_and_combinations_are_checked(aws, logs):
    trails = aws("cloudtrail")
    for name in ("ab", "a b c", "-abc", "abc-", "my__trail", "192.168.5.4"):
        assert refused(trails.create_trail, Name=name, S3BucketName=logs) == "InvalidTrailNameException"
    wanted = {"Name": logs, "S3BucketName": logs}
    both = {"IsMultiRegionTrail": True, "IncludeGlobalServiceEvents": False}
    assert refused(trails.create_trail, **wanted, **both) == "InvalidParameterCombinationException"
    group = {"CloudWatchLogsLogGroupArn": "arn:aws:logs:us-east-1:111111111111:log-group:x:*"}
    assert refused(trails.create_trail, **wanted, **group) == "InvalidCloudWatchLogsRoleArnException"
    assert refused(trails.create_trail, **wanted, SnsTopicName="x") == "InsufficientSnsTopicPolicyException"
    assert refused(trails.update_trail, Name=unique("none"), S3BucketName=logs) == "TrailNotFoundException"


def test_a_trail_does_not_move_to_a_bucket_that_is_closed(aws, trail):
    closed = unique("closed-bucket")
    aws("s3").create_bucket(Bucket=closed)
    update = aws("cloudtrail").update_trail
    assert refused(update, Name=trail, S3BucketName=closed) == "InsufficientS3BucketPolicyException"


def test_a_region_has_five_trails(lab, prod, logs):
    trails = client(lab, "cloudtrail", prod.admin, "eu-west-1")
    there = len(trails.list_trails()["Trails"])
    made = [trails.create_trail(Name=unique("five"), S3BucketName=logs)["Name"] for _ in range(5 - there)]
    code = refused(trails.create_trail, Name=unique("six"), S3BucketName=logs)
    for name in made:
        trails.delete_trail(Name=name)
    assert code == "MaximumNumberOfTrailsExceededException"


WRONG = {
    "a type that only advanced ones take": [
        {"DataResources": [{"Type": "AWS::SQS::Queue", "Values": ["arn:aws:sqs"]}]}
    ],
    "no ARN": [{"DataResources": [{"Type": "AWS::S3::Object", "Values": ["bucket"]}]}],
    "left out": [{"ExcludeManagementEventSources": ["iam.amazonaws.com"]}],
    "left out of nothing": [{"IncludeManagementEvents": False, "ExcludeManagementEventSources": ["kms.amazonaws.com"]}],
}
WRONG_ADVANCED = {
    "no category": [{"Field": "readOnly", "Equals": ["true"]}],
    "no type": [{"Field": "eventCategory", "Equals": ["Data"]}],
    "a field of data": [{"Field": "eventCategory", "Equals": ["Management"]}, {"Field": "resources.ARN", "Equals": ["x"]}],
    "a source": [{"Field": "eventCategory", "Equals": ["Management"]}, {"Field": "eventSource", "Equals": ["iam.amazonaws.com"]}],
    "an end": [{"Field": "eventCategory", "Equals": ["Management"]}, {"Field": "readOnly", "NotEquals": ["true"]}],
    "network": [{"Field": "eventCategory", "Equals": ["NetworkActivity"]}, {"Field": "eventSource", "Equals": ["s3.amazonaws.com"]}],
}  # fmt: skip


def test_selectors_that_mean_nothing_are_refused(aws, trail):
    put, code = aws("cloudtrail").put_event_selectors, "InvalidEventSelectorsException"
    for selectors in WRONG.values():
        assert refused(put, TrailName=trail, EventSelectors=selectors) == code
    for fields in WRONG_ADVANCED.values():
        assert refused(put, TrailName=trail, AdvancedEventSelectors=[{"FieldSelectors": fields}]) == code


def test_advanced_selectors_choose_by_name_and_caller(aws, trail, prod):
    trails, sqs, url = aws("cloudtrail"), aws("sqs"), aws("sqs").create_queue(QueueName=unique("chosen"))["QueueUrl"]
    fields = {"eventCategory": "Data", "resources.type": "AWS::SQS::Queue", "eventName": "SendMessage"}
    chosen = [{"Field": name, "Equals": [value]} for name, value in fields.items()]
    mine = {"Field": "userIdentity.arn", "Equals": [f"arn:aws:iam::{prod.id}:user/admin"]}
    here = {"Field": "resources.ARN", "EndsWith": [url.rsplit("/", 1)[-1]]}
    trails.put_event_selectors(TrailName=trail, AdvancedEventSelectors=[{"FieldSelectors": [*chosen, mine, here]}])
    trails.start_logging(Name=trail)
    sqs.receive_message(QueueUrl=url)
    aws("sqs", prod.root).send_message(QueueUrl=url, MessageBody="root's")
    sent = sqs.send_message(QueueUrl=url, MessageBody="chosen")["ResponseMetadata"]["RequestId"]
    eventually(lambda: records(aws("s3"), trail, "/CloudTrail/"))
    assert {record["requestID"] for record in records(aws("s3"), trail, "/CloudTrail/")} == {sent}


def test_files_are_encrypted_with_the_trails_key(aws, prod, logs):
    kms, trails, s3 = aws("kms"), aws("cloudtrail"), aws("s3")
    closed = kms.create_key()["KeyMetadata"]
    assert (
        refused(trails.create_trail, Name=logs, S3BucketName=logs, KmsKeyId="alias/none") == "KmsKeyNotFoundException"
    )
    code = "InsufficientEncryptionPolicyException"
    assert refused(trails.create_trail, Name=logs, S3BucketName=logs, KmsKeyId=closed["KeyId"]) == code
    statements = [
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{prod.id}:root"}, "Action": "kms:*", "Resource": "*"},
        {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "kms:GenerateDataKey*",
         "Resource": "*"},
    ]  # fmt: skip
    key = kms.create_key(Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}))["KeyMetadata"]
    made = trails.create_trail(Name=logs, S3BucketName=logs, KmsKeyId=key["KeyId"], EnableLogFileValidation=True)
    assert made["KmsKeyId"] == key["Arn"]
    trails.start_logging(Name=logs)
    aws("sns").list_topics()
    (first, *_) = eventually(lambda: [each for each in keys(s3, logs) if "/CloudTrail/" in each])
    assert s3.head_object(Bucket=logs, Key=first)["SSEKMSKeyId"] == key["Arn"]
    kms.disable_key(KeyId=key["KeyId"])
    aws("sns").list_topics()
    eventually(lambda: trails.get_trail_status(Name=logs).get("LatestDeliveryError") == "KMS.DisabledException")
    trails.delete_trail(Name=logs)


def test_a_status_tells_attempts_as_well_as_deliveries(aws, trail):
    trails = aws("cloudtrail")
    trails.start_logging(Name=trail)
    aws("sns").list_topics()
    eventually(lambda: "LatestDeliveryTime" in trails.get_trail_status(Name=trail))
    status = trails.get_trail_status(Name=trail)
    assert status["LatestDeliveryAttemptTime"] >= status["LatestDeliveryAttemptSucceeded"] > "2026"
    assert status["TimeLoggingStarted"]


def test_a_trail_of_another_region_has_no_global_events(lab, aws, prod, logs):
    far, s3 = client(lab, "cloudtrail", prod.admin, "eu-west-1"), aws("s3")
    far.create_trail(Name=logs, S3BucketName=logs, IncludeGlobalServiceEvents=True)
    far.start_logging(Name=logs)
    created = aws("iam").create_user(UserName=unique("global"))["ResponseMetadata"]["RequestId"]
    last = client(lab, "sns", prod.admin, "eu-west-1").list_topics()["ResponseMetadata"]["RequestId"]
    eventually(lambda: last in {record["requestID"] for record in records(s3, logs, "/CloudTrail/")})
    assert created not in {record["requestID"] for record in records(s3, logs, "/CloudTrail/")}
    far.delete_trail(Name=logs)


def test_what_the_lab_has_not_is_refused(aws, trail):
    trails = aws("cloudtrail")
    assert refused(trails.get_insight_selectors, TrailName=trail) == "InsightNotEnabledException"
    wanted = [{"InsightType": "ApiCallRateInsight"}]
    assert (
        refused(trails.put_insight_selectors, TrailName=trail, InsightSelectors=wanted)
        == "UnsupportedOperationException"
    )
    assert refused(trails.create_event_data_store, Name="lake") == "UnsupportedOperationException"
    assert refused(trails.start_query, QueryStatement="select 1") == "UnsupportedOperationException"
    assert refused(trails.list_event_data_stores) == "UnsupportedOperationException"
