"""Faults of calls: refused with AWS's own errors, late, cut off, cut short; recorded where AWS would record them."""

import time

import pytest
from botocore.exceptions import ClientError
from fault_tools import ONCE, in_force, outcome, struck
from lab_tools import client, eventually, lookup, refused, trust, unique

from amberlight.lab import LabCredentials, LabError

pytestmark = pytest.mark.lab


@pytest.fixture
def once(lab, prod):
    """Clients that try once: what came back is seen as it is."""
    return lambda service, credentials=prod.admin, **more: client(lab, service, credentials, **ONCE, **more)


def records(aws, **attribute):
    return lookup(aws("cloudtrail"), **attribute)


THROTTLED = {
    "ec2": ("describe_regions", (503, "RequestLimitExceeded")),
    "iam": ("list_users", (400, "Throttling")),
    "sts": ("get_caller_identity", (400, "Throttling")),
    "s3": ("list_buckets", (503, "SlowDown")),
    "kms": ("list_keys", (400, "ThrottlingException")),
    "cloudtrail": ("describe_trails", (400, "ThrottlingException")),
    "logs": ("describe_log_groups", (400, "ThrottlingException")),
    "organizations": ("list_accounts", (400, "TooManyRequestsException")),
    "lambda": ("list_functions", (429, "TooManyRequestsException")),
    "cloudwatch": ("describe_alarms", (400, "ThrottlingException")),
    "sqs": ("list_queues", (400, "RequestThrottled")),
    "sns": ("list_topics", (400, "Throttling")),
}


@pytest.mark.parametrize("service,expected", THROTTLED.items(), ids=THROTTLED)
def test_a_throttle_has_the_code_and_status_of_its_service(lab, once, service, expected):
    operation, answer = expected
    with in_force(lab, {"fault": "throttle", "service": service}):
        assert outcome(getattr(once(service), operation)) == answer
        assert struck(lab, "throttle") == 1
    assert outcome(getattr(once(service), operation)) != answer


def test_a_token_bucket_for_each_account_and_region(lab, once, vault):
    with in_force(lab, {"fault": "throttle", "service": "ec2", "rate_per_s": 0.001, "burst": 3}):
        here, there = once("ec2"), once("ec2", region="eu-west-1")
        assert [outcome(here.describe_regions)[0] for _ in range(5)] == [200, 200, 200, 503, 503]
        assert outcome(there.describe_regions)[0] == 200
        assert outcome(once("ec2", vault.admin).describe_regions)[0] == 200
        assert struck(lab, "throttle") == 2
    # A bucket fills again.
    with in_force(lab, {"fault": "throttle", "service": "ec2", "rate_per_s": 0.5, "per": "operation"}):
        assert [outcome(here.describe_regions)[0] for _ in range(2)] == [200, 503]
        assert outcome(here.describe_vpcs)[0] == 200
        eventually(lambda: outcome(here.describe_regions)[0] == 200)


def test_a_throttled_call_is_in_the_trail_and_a_wrong_signature_takes_no_token(lab, prod, aws, once):
    name = unique("throttled")
    with in_force(lab, {"fault": "throttle", "service": "ec2", "operation": "DescribeKeyPairs", "count": 1}):
        wrong = LabCredentials(prod.admin.access_key_id, "wrong")
        assert outcome(once("ec2", wrong).describe_key_pairs)[1] == "AuthFailure"
        assert struck(lab, "throttle") == 0
        with pytest.raises(ClientError) as caught:
            once("ec2", user_agent_extra=name).describe_key_pairs()
        assert outcome(once("ec2").describe_key_pairs)[0] == 200
    found = eventually(lambda: [
        each for each in records(aws, EventName="DescribeKeyPairs") if name in each["userAgent"]
    ])  # fmt: skip
    assert found[0]["errorCode"] == "Client.RequestLimitExceeded"
    assert found[0]["requestID"] == caught.value.response["ResponseMetadata"]["RequestId"]


def test_botocore_gets_over_a_throttle_by_itself(lab, prod):
    with in_force(lab, {"fault": "throttle", "service": "iam", "count": 2}):
        patient = client(lab, "iam", prod.admin, retries={"mode": "standard", "total_max_attempts": 4})
        assert patient.list_users()["Users"]
        assert struck(lab, "throttle") == 2


def test_a_region_that_is_not_there_and_nothing_of_it_is_recorded(lab, aws, once):
    name = unique("unavailable")
    with in_force(lab, {"fault": "unavailable", "region": "eu-west-1"}, {"fault": "unavailable", "service": "kms",
                                                                        "silent": True}):  # fmt: skip
        agent = {"user_agent_extra": name, "region": "eu-west-1"}
        assert outcome(once("ec2", **agent).describe_vpcs) == (503, "Unavailable")
        assert outcome(once("sqs", **agent).list_queues) == (503, "ServiceUnavailable")
        assert outcome(once("cloudwatch", **agent).describe_alarms) == (503, "ServiceUnavailable")
        assert outcome(once("kms").list_keys) == (0, "ConnectionClosedError")
        assert outcome(once("ec2").describe_vpcs)[0] == 200
        assert struck(lab, "unavailable") == 4
    once("ec2", **agent).describe_vpcs()
    trail = aws("cloudtrail", region="eu-west-1")
    mine = eventually(lambda: [
        each for each in lookup(trail, EventName="DescribeVpcs") if name in each["userAgent"]
    ])  # fmt: skip
    assert [each.get("errorCode") for each in mine] == [None]
    assert not [each for each in lookup(trail, EventName="ListQueues") if name in each["userAgent"]]


@pytest.mark.parametrize("answer,seen", [("cut", (0, "ConnectionClosedError")), ("error", (500, "InternalFailure"))])
def test_an_effect_whose_answer_is_lost(lab, aws, once, answer, seen):
    user = unique("lost")
    with in_force(lab, {"fault": "answered-then-lost", "service": "iam", "operation": "CreateUser", "answer": answer,
                        "count": 1}):  # fmt: skip
        assert outcome(once("iam").create_user, UserName=user) == seen
        assert struck(lab, "answered-then-lost") == 1
        assert outcome(once("iam").create_user, UserName=user) == (409, "EntityAlreadyExists")
    assert aws("iam").get_user(UserName=user)["User"]["UserName"] == user
    made = eventually(lambda: records(aws, ResourceName=user))
    assert [each["eventName"] for each in made if not each.get("errorCode")].count("CreateUser") == 1


def test_an_object_is_stored_and_its_writer_told_500(lab, aws, once):
    bucket = unique("stored")
    aws("s3").create_bucket(Bucket=bucket)
    with in_force(lab, {"fault": "answered-then-lost", "service": "s3", "operation": ["PutObject"], "answer": "error",
                        "count": 1}):  # fmt: skip
        put = {"Bucket": bucket, "Key": "k", "Body": b"once", "IfNoneMatch": "*"}
        assert outcome(once("s3").put_object, **put) == (500, "InternalError")
        assert outcome(once("s3").put_object, **put) == (412, "PreconditionFailed")
    assert aws("s3").get_object(Bucket=bucket, Key="k")["Body"].read() == b"once"


def test_an_upload_breaks_off_and_leaves_nothing(lab, aws, once):
    bucket = unique("half")
    aws("s3").create_bucket(Bucket=bucket)
    with in_force(lab, {"fault": "half-upload", "operation": "PutObject", "count": 1}):
        status, code = outcome(once("s3").put_object, Bucket=bucket, Key="k", Body=b"x" * 3_000_000)
        assert (status, "Connection" in code) == (0, True)
        assert struck(lab, "half-upload") == 1
        assert refused(aws("s3").head_object, Bucket=bucket, Key="k") == "404"
        assert outcome(once("s3").put_object, Bucket=bucket, Key="k", Body=b"x" * 3_000_000)[0] == 200


def test_a_part_is_lost_and_the_multipart_upload_stays_unfinished(lab, aws, once):
    bucket, s3 = unique("parts"), aws("s3")
    s3.create_bucket(Bucket=bucket)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    part = {"Bucket": bucket, "Key": "k", "UploadId": upload, "Body": b"x" * 5_300_000}
    with in_force(lab, {"fault": "half-upload", "operation": "UploadPart", "skip": 1, "count": 1, "after": 0.9}):
        assert outcome(once("s3").upload_part, PartNumber=1, **part)[0] == 200
        assert outcome(once("s3").upload_part, PartNumber=2, **part)[0] == 0
    assert [each["PartNumber"] for each in s3.list_parts(Bucket=bucket, Key="k", UploadId=upload)["Parts"]] == [1]
    assert [each["Key"] for each in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == ["k"]


@pytest.fixture
def session(lab, prod):
    """Assumes a role that may do everything; gives its name and how to get a session of it."""
    name = unique("expiring")
    iam, sts = client(lab, "iam", prod.admin), client(lab, "sts", prod.admin)
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust({"AWS": f"arn:aws:iam::{prod.id}:root"}))
    iam.attach_role_policy(RoleName=name, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")

    def assume():
        made = sts.assume_role(RoleArn=role["Role"]["Arn"], RoleSessionName="case")["Credentials"]
        return LabCredentials(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])

    return name, assume


def test_a_session_expires_at_once_and_for_good(lab, once, session):
    name, assume = session
    keys = assume()
    assert outcome(once("ec2", keys).describe_regions)[0] == 200
    with in_force(lab, {"fault": "expired-token", "role": name, "count": 1}):
        assert outcome(once("s3", keys).list_buckets) == (400, "ExpiredToken")
        assert struck(lab, "expired-token") == 1
    assert outcome(once("ec2", keys).describe_regions) == (400, "RequestExpired")
    assert outcome(once("kms", keys).list_keys) == (400, "ExpiredTokenException")
    assert outcome(once("kms", assume()).list_keys)[0] == 200


def test_only_old_sessions_of_the_named_role_expire(lab, once, session):
    name, assume = session
    with in_force(lab, {"fault": "expired-token", "role": name, "older_than_s": 3600},
                  {"fault": "expired-token", "role": "another-*"}):  # fmt: skip
        assert outcome(once("sts", assume()).get_caller_identity)[0] == 200
        assert struck(lab, "expired-token") == 0


def test_pages_are_small_and_lead_to_everything(lab, aws):
    iam, s3, ec2 = aws("iam"), aws("s3"), aws("ec2")
    path, bucket = f"/{unique('page')}/", unique("pages")
    names = {f"{path.strip('/')}-{number}" for number in range(5)}
    for name in names:
        iam.create_user(UserName=name, Path=path)
    s3.create_bucket(Bucket=bucket)
    for number in range(3):
        s3.put_object(Bucket=bucket, Key=str(number), Body=b"")
    groups = [each["GroupId"] for each in ec2.describe_security_groups()["SecurityGroups"]]
    eventually(lambda: len(records(aws, EventName="CreateUser")) >= 5)
    with in_force(lab, {"fault": "small-pages", "size": 2}):
        users = list(iam.get_paginator("list_users").paginate(PathPrefix=path))
        assert [len(page["Users"]) for page in users] == [2, 2, 1]
        assert {user["UserName"] for page in users for user in page["Users"]} == names
        keys = [page["KeyCount"] for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)]
        assert keys == [2, 1]
        found = list(ec2.get_paginator("describe_security_groups").paginate())
        assert max(len(page["SecurityGroups"]) for page in found) <= 2
        assert [each["GroupId"] for page in found for each in page["SecurityGroups"]] == groups
        events = list(aws("cloudtrail").get_paginator("lookup_events").paginate(
            LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "CreateUser"}]
        ))  # fmt: skip
        assert max(len(page["Events"]) for page in events) == 2
        ids = [each["EventId"] for page in events for each in page["Events"]]
        assert len(ids) == len(set(ids)) >= 5
        # Each answer that was made shorter, and no other: two of users, one of keys, two of events at least.
        assert struck(lab, "small-pages") >= 5


def test_a_token_of_a_small_page_holds_when_the_fault_is_over(lab, aws):
    iam, path = aws("iam"), f"/{unique('rest')}/"
    for number in range(4):
        iam.create_user(UserName=f"{path.strip('/')}-{number}", Path=path)
    with in_force(lab, {"fault": "small-pages", "size": 1, "service": "iam"}):
        first = iam.list_users(PathPrefix=path)
        assert (len(first["Users"]), first["IsTruncated"]) == (1, True)
        # The next call finds no fault that fits, but a list.
        lab.control("faults", set=[{"fault": "small-pages", "size": 1, "service": "kms"}])
        rest = iam.list_users(PathPrefix=path, Marker=first["Marker"])
        assert (len(rest["Users"]), rest["IsTruncated"]) == (3, False)
        assert first["Users"][0] not in rest["Users"]


def test_calls_wait(lab, once):
    quick = once("sts").get_caller_identity
    with in_force(lab, {"fault": "latency", "operation": "GetCallerIdentity", "seconds": 0.3, "count": 1},
                  {"fault": "latency", "operation": "GetCallerIdentity", "between": [0.2, 0.25], "count": 1},
                  {"fault": "latency", "operation": "GetCallerIdentity", "median_s": 0.001, "count": 1}):  # fmt: skip
        waits = []
        for _ in range(3):
            start = time.perf_counter()
            quick()
            waits.append(time.perf_counter() - start)
        assert struck(lab, "latency") == 3
    assert waits[0] >= 0.3
    assert waits[1] >= 0.2


def test_a_full_bucket_refuses_what_does_not_fit_and_keeps_what_it_has(lab, aws, once):
    bucket, s3 = unique("full"), once("s3")
    s3.create_bucket(Bucket=bucket)
    with in_force(lab, {"fault": "full-vault", "bucket": bucket, "after_bytes": 1000}):
        assert outcome(s3.put_object, Bucket=bucket, Key="a", Body=b"x" * 900)[0] == 200
        with pytest.raises(ClientError, match="explicit deny in a service control policy") as caught:
            s3.put_object(Bucket=bucket, Key="b", Body=b"x" * 200)
        assert caught.value.response["Error"]["Code"] == "AccessDenied"
        assert outcome(s3.put_object, Bucket=bucket, Key="c", Body=b"x" * 50)[0] == 200
        assert struck(lab, "full-vault") == 1
    with in_force(lab, {"fault": "full-vault", "bucket": f"{bucket[:-1]}*", "answer": "slow"}):
        assert outcome(s3.create_multipart_upload, Bucket=bucket, Key="d") == (503, "SlowDown")
    keys = [each["Key"] for each in aws("s3").list_objects_v2(Bucket=bucket)["Contents"]]
    assert keys == ["a", "c"]


def test_an_object_is_gone_between_listing_and_reading(lab, aws):
    bucket, s3 = unique("gone"), aws("s3")
    s3.create_bucket(Bucket=bucket)
    for key in ("kept", "lost"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    with in_force(lab, {"fault": "gone", "resource": "object", "operation": "ListObjectsV2", "id": f"{bucket}/lo*",
                        "count": 1}):  # fmt: skip
        assert [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["kept", "lost"]
        assert struck(lab, "gone") == 1
        assert refused(s3.get_object, Bucket=bucket, Key="lost") == "NoSuchKey"
        assert s3.get_object(Bucket=bucket, Key="kept")["Body"].read() == b""


def test_a_snapshot_is_gone_once_it_was_named(lab, aws):
    ec2 = aws("ec2")
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    with in_force(lab, {"fault": "gone", "resource": "snapshot", "operation": "DescribeSnapshots", "id": snapshot,
                        "skip": 1, "count": 1}):  # fmt: skip
        for _ in range(2):
            assert ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"]
        assert refused(ec2.describe_snapshots, SnapshotIds=[snapshot]) == "InvalidSnapshot.NotFound"


def test_what_cannot_be_deleted_stays_and_is_not_counted(lab, aws):
    bucket, s3 = unique("locked"), aws("s3")
    s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}
    s3.put_object_lock_configuration(
        Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
    )
    s3.put_object(Bucket=bucket, Key="k", Body=b"held", ChecksumAlgorithm="SHA256")
    with in_force(lab, {"fault": "gone", "resource": "object", "id": f"{bucket}/k"}):
        s3.head_object(Bucket=bucket, Key="k")
        assert struck(lab, "gone") == 0
        assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"held"


def test_slow_snapshots_are_pending_for_as_long_as_was_said(lab, aws):
    ec2 = aws("ec2")
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
    with in_force(lab, {"fault": "slow-snapshots", "seconds": 3600, "count": 1},
                  {"fault": "slow-snapshots", "seconds": 0}):  # fmt: skip
        slow, quick = (ec2.create_snapshot(VolumeId=volume)["SnapshotId"] for _ in range(2))
        assert struck(lab, "slow-snapshots") == 2

    def states():
        found = ec2.describe_snapshots(SnapshotIds=[slow, quick])["Snapshots"]
        return {each["SnapshotId"]: each["State"] for each in found}

    # The quick one was begun last: when it is done, the other would be, too.
    eventually(lambda: states()[quick] == "completed")
    assert states()[slow] == "pending"


def test_the_schedule_of_a_fault(lab, once):
    ask = once("sts").get_caller_identity
    with in_force(lab, {"fault": "throttle", "service": "sts", "skip": 1, "every": 2, "count": 2}):
        assert [outcome(ask)[0] for _ in range(7)] == [200, 200, 400, 200, 400, 200, 200]
    with in_force(lab, {"fault": "throttle", "service": "sts", "begins": 3600},
                  {"fault": "throttle", "service": "sts", "ends": "2020-01-01T00:00:00Z"}):  # fmt: skip
        assert outcome(ask)[0] == 200
    with in_force(lab, {"fault": "throttle", "service": "sts", "account": "vault"},
                  {"fault": "throttle", "service": "sts", "region": "eu-west-1"}):  # fmt: skip
        assert outcome(ask)[0] == 200


def test_draws_repeat_with_the_seed(lab, once):
    ask = once("sts").get_caller_identity

    def drawn():
        with in_force(lab, {"fault": "throttle", "service": "sts", "probability": 0.5}):
            return [outcome(ask)[0] for _ in range(24)]

    first = drawn()
    assert {200, 400} == set(first)
    assert drawn() == first


def test_the_owner_is_told_what_is_wrong_and_nothing_changes(lab):
    with in_force(lab, {"fault": "latency", "seconds": 0}):
        with pytest.raises(LabError, match=r"fault 2: There is no fault 'throtle'\. Did you mean throttle\?"):
            lab.control("faults", set=[{"fault": "latency", "seconds": 0}, {"fault": "throtle"}])
        assert [each["fault"] for each in lab.control("faults")["faults"]] == ["latency"]
    with pytest.raises(LabError, match="`set` alone"):
        lab.control("faults", sets=[])


def test_an_instance_is_gone_once_it_was_listed(lab, aws):
    ec2 = aws("ec2")
    instance = ec2.run_instances(ImageId="ami-00000001", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    ask = {"InstanceIds": [instance]}
    with in_force(lab, {"fault": "gone", "resource": "instance", "operation": "DescribeInstances", "id": instance}):
        ec2.describe_instances(**ask)
        assert struck(lab, "gone") == 1
    state = ec2.describe_instances(**ask)["Reservations"][0]["Instances"][0]["State"]["Name"]
    assert state in ("shutting-down", "terminated")
