"""What an AWS emulator has to refuse before anybody may rehearse on it: each check by name, allowed side and refused side.

The list was measured over emulators in 2026-11; some let through what AWS refuses, and two refused what AWS lets through. Here all of
it has to be as AWS documents it.
"""

import base64
import datetime as dt
import hashlib
import json
import time
import urllib.error
import urllib.request

import pytest
from lab_tools import allow, client, eventually, refused, trust, unique

from amberlight.lab import LabCredentials

pytestmark = pytest.mark.lab
LATER = dt.datetime.now(dt.UTC) + dt.timedelta(days=2)  # noqa: TID251


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def on(bucket, **statement):
    """A statement of a bucket's policy about the bucket and all of its objects."""
    return {"Principal": "*", "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"], **statement}


def key_of(made):
    return LabCredentials(made["AccessKeyId"], made["SecretAccessKey"], made.get("SessionToken", ""))


@pytest.fixture
def user(lab, aws):
    """Make a user with these statements; gives his name and his key."""

    def made(*statements):
        name = unique("checked")
        aws("iam").create_user(UserName=name)
        aws("iam").put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document(*statements))
        return name, key_of(aws("iam").create_access_key(UserName=name)["AccessKey"])

    return made


@pytest.fixture
def role(prod, aws):
    """Make a role that the account's principals may take, with these statements; gives its ARN."""

    def made(*statements, principal=None, iam=None):
        name, iam = unique("checked"), iam or aws("iam")
        trusted = trust(principal or {"AWS": f"arn:aws:iam::{prod.id}:root"})
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trusted)["Role"]["Arn"]
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document(*statements))
        return arn

    return made


@pytest.fixture
def bucket(aws):
    """A bucket with one object, `in/a`."""
    name = unique("checked")
    aws("s3").create_bucket(Bucket=name)
    aws("s3").put_object(Bucket=name, Key="in/a", Body=b"1")
    return name


@pytest.fixture
def locked(aws):
    """A bucket with Object Lock and no default retention."""
    name = unique("locked")
    aws("s3").create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    return name


def keep(s3, bucket, mode, key="k"):
    """Put an object under a retention of two days; gives its version."""
    return s3.put_object(Bucket=bucket, Key=key, Body=b"1", ObjectLockMode=mode, ObjectLockRetainUntilDate=LATER,
                         ChecksumAlgorithm="SHA256")["VersionId"]  # fmt: skip


EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}


# --- identity -------------------------------------------------------------------------------------------------------


def test_identity_policy_allow_and_missing_permission(lab, user):
    _, key = user({"Effect": "Allow", "Action": "iam:ListUsers", "Resource": "*"})
    client(lab, "iam", key).list_users()
    assert refused(client(lab, "iam", key).list_roles) == "AccessDenied"


def test_bucket_policy_deny_on_get_object(aws, bucket):
    s3 = aws("s3")
    s3.put_bucket_policy(Bucket=bucket, Policy=document(on(bucket, Effect="Deny", Action="s3:GetObject")))
    assert refused(s3.get_object, Bucket=bucket, Key="in/a") == "AccessDenied"
    s3.put_object(Bucket=bucket, Key="in/a", Body=b"2")


def test_bucket_policy_deny_on_delete_bucket_policy(lab, prod, aws, bucket):
    s3 = aws("s3")
    s3.put_bucket_policy(Bucket=bucket, Policy=document(on(bucket, Effect="Deny", Action="s3:DeleteBucketPolicy")))
    assert refused(s3.delete_bucket_policy, Bucket=bucket) == "AccessDenied"
    client(lab, "s3", prod.root).delete_bucket_policy(Bucket=bucket)


def test_trust_policy_excludes_a_caller_with_every_right(lab, vault, user, role):
    arn = role(EVERYTHING, principal={"AWS": f"arn:aws:iam::{vault.id}:root"})
    _, key = user({"Effect": "Allow", "Action": "sts:*", "Resource": "*"})
    assert refused(client(lab, "sts", key).assume_role, RoleArn=arn, RoleSessionName="no") == "AccessDenied"


def test_write_only_role(lab, aws, bucket, role):
    arn = role({"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/in/*"})
    s3 = client(lab, "s3", key_of(aws("sts").assume_role(RoleArn=arn, RoleSessionName="writer")["Credentials"]))
    s3.put_object(Bucket=bucket, Key="in/b", Body=b"1")
    for call, key in ((s3.get_object, "in/b"), (s3.head_object, "in/b"), (s3.delete_object, "in/b")):
        assert refused(call, Bucket=bucket, Key=key) in ("AccessDenied", "403")
    assert refused(s3.put_object, Bucket=bucket, Key="out/b", Body=b"1") == "AccessDenied"
    assert refused(s3.list_objects_v2, Bucket=bucket) == "AccessDenied"


def test_session_policy_narrows_a_role(lab, aws, role):
    arn = role(EVERYTHING)
    made = aws("sts").assume_role(RoleArn=arn, RoleSessionName="narrow", Policy=allow("iam:ListUsers"))
    iam = client(lab, "iam", key_of(made["Credentials"]))
    iam.list_users()
    assert refused(iam.list_roles) == "AccessDenied"


def test_older_sessions_are_revoked(lab, aws, role):
    arn = role(EVERYTHING)
    old = client(lab, "iam", key_of(aws("sts").assume_role(RoleArn=arn, RoleSessionName="old")["Credentials"]))
    old.list_users()
    time.sleep(1.1)  # noqa: TID251 (a session's time of issue is told in whole seconds)
    before = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    revoke = {"Effect": "Deny", "Action": "*", "Resource": "*",
              "Condition": {"DateLessThan": {"aws:TokenIssueTime": before}}}  # fmt: skip
    aws("iam").put_role_policy(RoleName=arn.rsplit("/", 1)[-1], PolicyName="revoke", PolicyDocument=document(revoke))
    assert refused(old.list_users) == "AccessDenied"
    new = aws("sts").assume_role(RoleArn=arn, RoleSessionName="new")["Credentials"]
    client(lab, "iam", key_of(new)).list_users()


def test_key_policy_deny(prod, aws):
    kms = aws("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.encrypt(KeyId=key, Plaintext=b"x")
    owner = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{prod.id}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    deny = {"Effect": "Deny", "Principal": "*", "Action": "kms:Encrypt", "Resource": "*"}
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=document(owner, deny))
    assert refused(kms.encrypt, KeyId=key, Plaintext=b"x") == "AccessDeniedException"
    kms.describe_key(KeyId=key)


def test_deactivated_access_key(lab, aws, user):
    name, key = user(EVERYTHING)
    client(lab, "s3", key).list_buckets()
    aws("iam").update_access_key(UserName=name, AccessKeyId=key.access_key_id, Status="Inactive")
    assert refused(client(lab, "s3", key).list_buckets) == "InvalidAccessKeyId"
    aws("iam").update_access_key(UserName=name, AccessKeyId=key.access_key_id, Status="Active")
    client(lab, "s3", key).list_buckets()


def test_wrong_secret_and_unknown_key(lab, user):
    _, key = user(EVERYTHING)
    assert refused(client(lab, "sts", LabCredentials(key.access_key_id, "x" * 40)).get_caller_identity) == (
        "SignatureDoesNotMatch"
    )
    unknown = LabCredentials("AKIAIOSFODNN7EXAMPLE", "x" * 40)
    assert refused(client(lab, "sts", unknown).get_caller_identity) == "InvalidClientTokenId"


def test_permissions_boundary(lab, aws, user):
    name, key = user(EVERYTHING)
    arn = aws("iam").create_policy(PolicyName=unique("edge"), PolicyDocument=allow("s3:*"))["Policy"]["Arn"]
    client(lab, "iam", key).list_users()
    aws("iam").put_user_permissions_boundary(UserName=name, PermissionsBoundary=arn)
    assert refused(client(lab, "iam", key).list_users) == "AccessDenied"
    client(lab, "s3", key).list_buckets()


def test_presigned_url_expires_and_unsigned_get_is_refused(aws, bucket):
    url = aws("s3").generate_presigned_url("get_object", {"Bucket": bucket, "Key": "in/a"}, ExpiresIn=1)
    with urllib.request.urlopen(url) as answer:  # noqa: S310
        assert answer.read() == b"1"

    def status(address):
        try:
            with urllib.request.urlopen(address) as answer:  # noqa: S310
                return answer.status
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    eventually(lambda: status(url) == 403)
    assert status(url.split("?", 1)[0]) == 403


# --- across accounts ------------------------------------------------------------------------------------------------


def test_role_chain_into_another_account_and_back(lab, prod, vault, role):
    """The vault's role takes production's; production's own may not take it."""
    theirs = role(EVERYTHING, principal={"AWS": f"arn:aws:iam::{vault.id}:root"}, iam=client(lab, "iam", vault.admin))
    ours = role({"Effect": "Allow", "Action": "iam:ListUsers", "Resource": "*"}, principal={"AWS": theirs})
    first = client(lab, "sts", vault.admin).assume_role(RoleArn=theirs, RoleSessionName="hub")["Credentials"]
    second = client(lab, "sts", key_of(first)).assume_role(RoleArn=ours, RoleSessionName="case")["Credentials"]
    iam = client(lab, "iam", key_of(second))
    iam.list_users()
    assert refused(iam.list_roles) == "AccessDenied"
    assert client(lab, "sts", key_of(second)).get_caller_identity()["Account"] == prod.id
    assert refused(client(lab, "sts", prod.admin).assume_role, RoleArn=ours, RoleSessionName="no") == "AccessDenied"


@pytest.mark.parametrize("named", ["account", "root", "role", "session", "condition"])
def test_bucket_policy_lets_a_role_of_another_account_write(  # noqa: PLR0917 (fixtures and a parameter)
    lab, prod, vault, bucket, role, named
):
    iam = client(lab, "iam", vault.admin)
    arn = role(EVERYTHING, principal={"AWS": f"arn:aws:iam::{vault.id}:root"}, iam=iam)
    other = role(EVERYTHING, principal={"AWS": f"arn:aws:iam::{vault.id}:root"}, iam=iam)
    session = f"arn:aws:sts::{vault.id}:assumed-role/{arn.rsplit('/', 1)[-1]}/case"
    whole = {"AWS": f"arn:aws:iam::{vault.id}:root"}
    principal = {"account": {"AWS": vault.id}, "root": whole, "role": {"AWS": arn}, "session": {"AWS": session}}
    statement = on(bucket, Effect="Allow", Action="s3:PutObject", Principal=principal.get(named, whole))
    if named == "condition":
        statement["Condition"] = {"ArnEquals": {"aws:PrincipalArn": arn}}
    client(lab, "s3", prod.admin).put_bucket_policy(Bucket=bucket, Policy=document(statement))
    sts = client(lab, "sts", vault.admin)
    s3, stranger = (client(lab, "s3", key_of(sts.assume_role(RoleArn=each, RoleSessionName="case")["Credentials"]))
                    for each in (arn, other))  # fmt: skip
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    assert refused(s3.get_object, Bucket=bucket, Key="k") == "AccessDenied"
    if named in ("role", "session", "condition"):
        assert refused(stranger.put_object, Bucket=bucket, Key="k", Body=b"1") == "AccessDenied"
    else:
        stranger.put_object(Bucket=bucket, Key="k", Body=b"1")


def test_key_of_another_account_by_arn(lab, prod, vault, aws):
    theirs, mine = client(lab, "kms", vault.admin), aws("kms")
    key = theirs.create_key()["KeyMetadata"]["Arn"]
    assert refused(mine.encrypt, KeyId=key, Plaintext=b"x") == "AccessDeniedException"
    statements = [{"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": action,
                   "Resource": "*"} for account, action in ((vault.id, "kms:*"), (prod.id, "kms:Encrypt"))]  # fmt: skip
    theirs.put_key_policy(KeyId=key, PolicyName="default", Policy=document(*statements))
    sealed = mine.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert theirs.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"x"
    assert refused(mine.decrypt, CiphertextBlob=sealed) == "AccessDeniedException"


def test_shared_snapshot_is_seen_and_copied_by_that_account_alone(lab, vault, aws):
    ec2, theirs = aws("ec2"), client(lab, "ec2", vault.admin)
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    eventually(lambda: ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]["State"] == "completed")
    assert refused(theirs.describe_snapshots, SnapshotIds=[snapshot]) == "InvalidSnapshot.NotFound"
    copy = {"SourceRegion": "us-east-1", "SourceSnapshotId": snapshot}
    assert refused(theirs.copy_snapshot, **copy) == "InvalidSnapshot.NotFound"
    ec2.modify_snapshot_attribute(SnapshotId=snapshot, Attribute="createVolumePermission", OperationType="add",
                                  UserIds=[vault.id])  # fmt: skip
    assert theirs.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]["SnapshotId"] == snapshot
    own = theirs.copy_snapshot(**copy)["SnapshotId"]
    assert theirs.describe_snapshots(SnapshotIds=[own], OwnerIds=["self"])["Snapshots"]
    others = client(lab, "ec2", lab.accounts["security"].admin)
    assert refused(others.describe_snapshots, SnapshotIds=[snapshot]) == "InvalidSnapshot.NotFound"


# --- write-once store -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["admin", "root"])
def test_compliance_version_is_deleted_by_nobody(lab, prod, locked, who):
    s3 = client(lab, "s3", getattr(prod, who))
    version = keep(s3, locked, "COMPLIANCE")
    one = {"Bucket": locked, "Key": "k", "VersionId": version}
    assert refused(s3.delete_object, **one) == "AccessDenied"
    assert refused(s3.delete_object, **one, BypassGovernanceRetention=True) == "AccessDenied"
    batch = {"Objects": [{"Key": "k", "VersionId": version}]}
    answer = s3.delete_objects(Bucket=locked, Delete=batch, BypassGovernanceRetention=True)
    assert [each["Code"] for each in answer["Errors"]] == ["AccessDenied"]
    assert refused(s3.delete_bucket, Bucket=locked) == "BucketNotEmpty"
    assert s3.get_object(**one)["Body"].read() == b"1"


@pytest.mark.parametrize("who", ["admin", "root"])
def test_compliance_retention_is_neither_shortened_nor_weakened(lab, prod, locked, who):
    s3 = client(lab, "s3", getattr(prod, who))
    one = {"Bucket": locked, "Key": "k", "VersionId": keep(s3, locked, "COMPLIANCE")}
    for mode, until in (("COMPLIANCE", LATER - dt.timedelta(days=1)), ("GOVERNANCE", LATER)):
        retention = {"Mode": mode, "RetainUntilDate": until}
        assert refused(s3.put_object_retention, **one, Retention=retention, BypassGovernanceRetention=True) == (
            "AccessDenied"
        )
    longer = {"Mode": "COMPLIANCE", "RetainUntilDate": LATER + dt.timedelta(days=1)}
    s3.put_object_retention(**one, Retention=longer)
    assert s3.get_object_retention(**one)["Retention"]["RetainUntilDate"] > LATER


def test_governance_is_bypassed_by_whom_it_is_allowed_alone(lab, aws, locked, user):
    s3 = aws("s3")
    _, key = user({"Effect": "Allow", "Action": ["s3:DeleteObject*", "s3:PutObjectRetention"], "Resource": "*"})
    limited = client(lab, "s3", key)
    one = {"Bucket": locked, "Key": "k", "VersionId": keep(s3, locked, "GOVERNANCE")}
    assert refused(limited.delete_object, **one, BypassGovernanceRetention=True) == "AccessDenied"
    assert refused(s3.delete_object, **one) == "AccessDenied"
    s3.delete_object(**one, BypassGovernanceRetention=True)


def test_legal_hold_keeps_a_version(aws, locked):
    s3 = aws("s3")
    version = s3.put_object(Bucket=locked, Key="k", Body=b"1")["VersionId"]
    one = {"Bucket": locked, "Key": "k", "VersionId": version}
    s3.put_object_legal_hold(**one, LegalHold={"Status": "ON"})
    assert refused(s3.delete_object, **one, BypassGovernanceRetention=True) == "AccessDenied"
    s3.put_object_legal_hold(**one, LegalHold={"Status": "OFF"})
    s3.delete_object(**one)


@pytest.mark.parametrize("who", ["admin", "root"])
def test_versioning_of_a_locked_bucket_is_not_suspended(lab, prod, locked, who):
    s3 = client(lab, "s3", getattr(prod, who))
    suspended = {"Status": "Suspended"}
    assert refused(s3.put_bucket_versioning, Bucket=locked, VersioningConfiguration=suspended) == "InvalidBucketState"
    assert s3.get_bucket_versioning(Bucket=locked)["Status"] == "Enabled"


def test_wrong_checksum_is_refused(aws, bucket):
    s3 = aws("s3")
    wrong = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
    assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"1", ChecksumSHA256=wrong) == "BadDigest"
    md5 = base64.b64encode(hashlib.md5(b"other", usedforsecurity=False).digest()).decode()
    assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"1", ContentMD5=md5) == "BadDigest"
    upload = {"Bucket": bucket, "Key": "k", "UploadId": s3.create_multipart_upload(
        Bucket=bucket, Key="k", ChecksumAlgorithm="SHA256")["UploadId"]}  # fmt: skip
    assert refused(s3.upload_part, **upload, PartNumber=1, Body=b"1", ChecksumSHA256=wrong) == "BadDigest"
    s3.abort_multipart_upload(**upload)
    assert refused(s3.head_object, Bucket=bucket, Key="k") == "404"


def test_checksum_of_parts_is_the_composite(aws, bucket):
    s3, parts = aws("s3"), [b"x" * 5 * 1024 * 1024, b"y"]
    upload = {"Bucket": bucket, "Key": "k", "UploadId": s3.create_multipart_upload(
        Bucket=bucket, Key="k", ChecksumAlgorithm="SHA256")["UploadId"]}  # fmt: skip
    sent = [
        s3.upload_part(**upload, PartNumber=n, Body=body, ChecksumAlgorithm="SHA256") for n, body in enumerate(parts, 1)
    ]
    listed = [{"PartNumber": n, "ETag": each["ETag"], "ChecksumSHA256": each["ChecksumSHA256"]}
              for n, each in enumerate(sent, 1)]  # fmt: skip
    done = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": listed})
    whole = hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).digest()
    assert done["ChecksumSHA256"] == base64.b64encode(whole).decode() + "-2"


def test_an_object_is_created_once(aws, bucket):
    s3 = aws("s3")
    s3.put_object(Bucket=bucket, Key="once", Body=b"1", IfNoneMatch="*")
    assert refused(s3.put_object, Bucket=bucket, Key="once", Body=b"2", IfNoneMatch="*") == "PreconditionFailed"
    assert s3.get_object(Bucket=bucket, Key="once")["Body"].read() == b"1"


def test_replica_has_the_version_and_its_retention(lab, prod, aws, role):
    s3, source, target = aws("s3"), unique("source"), unique("replica")
    for name in (source, target):
        s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    replicate = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    arn = role(replicate, principal={"Service": "s3.amazonaws.com"})
    s3.put_bucket_replication(Bucket=source, ReplicationConfiguration={"Role": arn, "Rules": [{
        "ID": "all", "Status": "Enabled", "Priority": 1, "Filter": {}, "DeleteMarkerReplication": {"Status": "Disabled"},
        "Destination": {"Bucket": f"arn:aws:s3:::{target}"}}]})  # fmt: skip
    version = keep(s3, source, "COMPLIANCE")
    replica = eventually(lambda: s3.list_object_versions(Bucket=target).get("Versions"))[0]
    assert replica["VersionId"] == version
    one = {"Bucket": target, "Key": "k", "VersionId": version}
    assert s3.head_object(**one)["ReplicationStatus"] == "REPLICA"
    retention = s3.get_object_retention(**one)["Retention"]
    assert (retention["Mode"], abs(retention["RetainUntilDate"] - LATER) < dt.timedelta(seconds=1)) == (
        "COMPLIANCE",
        True,
    )
    assert refused(client(lab, "s3", prod.root).delete_object, **one) == "AccessDenied"
    s3.put_object_retention(Bucket=source, Key="k", Retention={
        "Mode": "COMPLIANCE", "RetainUntilDate": LATER + dt.timedelta(days=1)})  # fmt: skip
    assert s3.get_object_retention(**one)["Retention"]["RetainUntilDate"] > LATER
    s3.put_object_legal_hold(Bucket=source, Key="k", LegalHold={"Status": "ON"})
    assert s3.get_object_legal_hold(**one)["LegalHold"]["Status"] == "ON"
    s3.delete_object(Bucket=source, Key="k")
    assert not s3.list_object_versions(Bucket=target).get("DeleteMarkers")


def absent(s3, bucket):
    """Calls that would need something that the lab does not have."""
    csv, one = {"CSV": {}}, {"Bucket": bucket, "Id": "i"}
    return {
        "select": lambda: s3.select_object_content(Bucket=bucket, Key="in/a", Expression="SELECT 1", ExpressionType="SQL",
                                                   InputSerialization=csv, OutputSerialization=csv),
        "inventory": lambda: s3.put_bucket_inventory_configuration(**one, InventoryConfiguration={
            "Id": "i", "IsEnabled": True, "IncludedObjectVersions": "All", "Schedule": {"Frequency": "Daily"},
            "Destination": {"S3BucketDestination": {"Bucket": f"arn:aws:s3:::{bucket}", "Format": "CSV"}}}),
        "analytics": lambda: s3.put_bucket_analytics_configuration(**one, AnalyticsConfiguration={
            "Id": "i", "StorageClassAnalysis": {}}),
        "metrics": lambda: s3.put_bucket_metrics_configuration(**one, MetricsConfiguration={"Id": "i"}),
        "acceleration": lambda: s3.put_bucket_accelerate_configuration(
            Bucket=bucket, AccelerateConfiguration={"Status": "Enabled"}),
        "directory buckets": lambda: s3.create_session(Bucket=bucket),
    }  # fmt: skip


@pytest.mark.parametrize("name", ["select", "inventory", "analytics", "metrics", "acceleration", "directory buckets"])
def test_what_s3_has_and_the_lab_has_not_is_refused(aws, bucket, name):
    assert refused(absent(aws("s3"), bucket)[name]) == "NotImplemented"
