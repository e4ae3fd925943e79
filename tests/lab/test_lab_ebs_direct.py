"""EBS direct APIs: real blocks, listed, compared, read and written, for those who may."""

import base64
import gzip
import hashlib
import itertools
import json
import os
import shutil
import subprocess

import pytest
from lab_tools import allow, client, eventually, lookup, refused, trust, unique

from amberlight.lab import LabCredentials
from amberlight.lab.disks.ext4 import why_not

pytestmark = pytest.mark.lab
BLOCK = 512 * 1024


@pytest.fixture
def ec2(aws):
    return aws("ec2")


@pytest.fixture
def ebs(aws):
    return aws("ebs")


@pytest.fixture
def theirs(lab, vault):
    return client(lab, "ebs", vault.admin)


def reason(call, *args, **kwargs):
    """Code and reason of a refusal."""
    try:
        call(*args, **kwargs)
    except call.__self__.exceptions.ClientError as error:
        return error.response["Error"]["Code"], error.response.get("Reason")
    return None


def completed(ec2, snapshot):
    eventually(lambda: ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]["State"] == "completed")
    return snapshot


def sha(data):
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def put(ebs, snapshot, index, data, **changed):
    asked = {"SnapshotId": snapshot, "BlockIndex": index, "BlockData": data, "DataLength": BLOCK, "Checksum": sha(data),
             "ChecksumAlgorithm": "SHA256", **changed}  # fmt: skip
    return ebs.put_snapshot_block(**asked)


def written(ebs, ec2, blocks, **more):
    """A completed snapshot with these blocks."""
    made = ebs.start_snapshot(VolumeSize=1, **more)["SnapshotId"]
    for index, data in blocks.items():
        put(ebs, made, index, data)
    ebs.complete_snapshot(SnapshotId=made, ChangedBlocksCount=len(blocks))
    return completed(ec2, made)


def read(ebs, snapshot):
    """All blocks of a snapshot by index, each checked against its checksum."""
    found, token = {}, {}
    while True:
        page = ebs.list_snapshot_blocks(SnapshotId=snapshot, **token)
        for each in page["Blocks"]:
            got = ebs.get_snapshot_block(SnapshotId=snapshot, **each)
            data = got["BlockData"].read()
            assert (got["DataLength"], len(data), got["Checksum"]) == (BLOCK, BLOCK, sha(data))
            found[each["BlockIndex"]] = data
        if "NextToken" not in page:
            return found
        token = {"NextToken": page["NextToken"]}


@pytest.mark.proves("ebs.StartSnapshot", "ebs.PutSnapshotBlock", "ebs.CompleteSnapshot")
def test_what_was_written_is_read_by_the_account_and_who_it_is_shared_with(lab, ebs, ec2, theirs, vault):
    blocks = {0: os.urandom(BLOCK), 7: b"end".ljust(BLOCK, b"\0"), 2047: os.urandom(BLOCK)}
    snapshot = written(ebs, ec2, blocks, Description="by blocks", Tags=[{"Key": "case", "Value": "1"}])
    (described,) = ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"]
    assert (described["Description"], described["VolumeSize"]) == ("by blocks", 1)
    assert described["Tags"] == [{"Key": "case", "Value": "1"}]
    assert read(ebs, snapshot) == blocks
    listed = ebs.list_snapshot_blocks(SnapshotId=snapshot)
    assert (listed["BlockSize"], listed["VolumeSize"]) == (BLOCK, 1)
    assert reason(theirs.list_snapshot_blocks, SnapshotId=snapshot) == ("AccessDeniedException", "UNAUTHORIZED_ACCOUNT")
    share = {"SnapshotId": snapshot, "Attribute": "createVolumePermission"}
    ec2.modify_snapshot_attribute(**share, OperationType="add", GroupNames=["all"])
    assert reason(theirs.list_snapshot_blocks, SnapshotId=snapshot) == ("AccessDeniedException", "UNAUTHORIZED_ACCOUNT")
    ec2.modify_snapshot_attribute(**share, OperationType="add", UserIds=[vault.id])
    assert read(theirs, snapshot) == blocks
    elsewhere = client(lab, "ebs", vault.admin, region="eu-west-1")
    missing = ("ResourceNotFoundException", "SNAPSHOT_NOT_FOUND")
    assert reason(elsewhere.list_snapshot_blocks, SnapshotId=snapshot) == missing


def test_a_wrong_block_is_refused_and_leaves_nothing(ebs, ec2):
    made = ebs.start_snapshot(VolumeSize=1)["SnapshotId"]
    good = os.urandom(BLOCK)
    bad = ("ValidationException", "INVALID_BLOCK")
    asked = {"SnapshotId": made, "DataLength": BLOCK, "ChecksumAlgorithm": "SHA256"}
    short = {**asked, "BlockIndex": 0, "BlockData": b"short", "Checksum": sha(b"short")}
    assert reason(ebs.put_snapshot_block, **asked, BlockIndex=0, BlockData=good, Checksum=sha(b"")) == bad
    assert reason(ebs.put_snapshot_block, **asked, BlockIndex=2048, BlockData=good, Checksum=sha(good)) == bad
    assert reason(ebs.put_snapshot_block, **short) == bad
    assert put(ebs, made, 1, good)["Checksum"] == sha(good)
    pending = ("ValidationException", "INVALID_SNAPSHOT_ID")
    assert reason(ebs.list_snapshot_blocks, SnapshotId=made) == pending
    wrong = ("ValidationException", "INVALID_PARAMETER_VALUE")
    assert reason(ebs.complete_snapshot, SnapshotId=made, ChangedBlocksCount=2) == wrong
    linear = {"ChecksumAlgorithm": "SHA256", "ChecksumAggregationMethod": "LINEAR"}
    assert reason(ebs.complete_snapshot, SnapshotId=made, ChangedBlocksCount=1, Checksum=sha(b""), **linear) == wrong
    total = sha(hashlib.sha256(good).digest())
    ebs.complete_snapshot(SnapshotId=made, ChangedBlocksCount=1, Checksum=total, **linear)
    assert read(ebs, completed(ec2, made)) == {1: good}
    again = {**asked, "BlockIndex": 1, "BlockData": good, "Checksum": sha(good)}
    assert reason(ebs.put_snapshot_block, **again) == pending


@pytest.mark.proves("ebs.ListChangedBlocks")
def test_only_what_changed_is_listed_between_two_snapshots(ebs, ec2):
    old, new, extra = os.urandom(BLOCK), os.urandom(BLOCK), os.urandom(BLOCK)
    first = written(ebs, ec2, {1: old, 2: old, 3: old})
    second = written(ebs, ec2, {2: new, 3: bytes(BLOCK), 9: extra}, ParentSnapshotId=first)
    assert read(ebs, second) == {1: old, 2: new, 9: extra}
    changed = ebs.list_changed_blocks(FirstSnapshotId=first, SecondSnapshotId=second)["ChangedBlocks"]
    assert [(each["BlockIndex"], "FirstBlockToken" in each, "SecondBlockToken" in each) for each in changed] == [
        (2, True, True), (3, True, False), (9, False, True),
    ]  # fmt: skip
    got = ebs.get_snapshot_block(SnapshotId=first, BlockIndex=2, BlockToken=changed[0]["FirstBlockToken"])
    assert got["BlockData"].read() == old
    alone = ebs.list_changed_blocks(SecondSnapshotId=second)["ChangedBlocks"]
    assert [each["BlockIndex"] for each in alone] == [1, 2, 9]
    stranger = written(ebs, ec2, {1: old})
    unrelated = ("ValidationException", "UNRELATED_SNAPSHOTS")
    assert reason(ebs.list_changed_blocks, FirstSnapshotId=stranger, SecondSnapshotId=second) == unrelated


def test_pages_and_tokens_are_for_what_they_were_given_and_end(lab, ebs, ec2):
    blocks = {index: index.to_bytes(2, "big") * (BLOCK // 2) for index in range(0, 300, 2) if index}
    snapshot, other = written(ebs, ec2, blocks), written(ebs, ec2, {2: os.urandom(BLOCK)})
    first = ebs.list_snapshot_blocks(SnapshotId=snapshot, MaxResults=100)
    assert [each["BlockIndex"] for each in first["Blocks"]] == sorted(blocks)[:100]
    second = ebs.list_snapshot_blocks(SnapshotId=snapshot, MaxResults=100, NextToken=first["NextToken"])
    assert [each["BlockIndex"] for each in second["Blocks"]] == sorted(blocks)[100:]
    assert "NextToken" not in second
    later = ebs.list_snapshot_blocks(SnapshotId=snapshot, StartingBlockIndex=250)
    assert later["Blocks"][0]["BlockIndex"] == 250
    page, block = ("ValidationException", "INVALID_PAGE_TOKEN"), ("ValidationException", "INVALID_BLOCK_TOKEN")
    assert reason(ebs.list_snapshot_blocks, SnapshotId=other, NextToken=first["NextToken"]) == page
    token = first["Blocks"][0]["BlockToken"]
    assert reason(ebs.get_snapshot_block, SnapshotId=snapshot, BlockIndex=4, BlockToken=token) == block
    assert reason(ebs.get_snapshot_block, SnapshotId=other, BlockIndex=2, BlockToken=token) == block
    ebs.get_snapshot_block(SnapshotId=snapshot, BlockIndex=2, BlockToken=token)
    lab.control("ebs", expire=True)
    assert reason(ebs.get_snapshot_block, SnapshotId=snapshot, BlockIndex=2, BlockToken=token) == block
    assert reason(ebs.list_snapshot_blocks, SnapshotId=snapshot, NextToken=first["NextToken"]) == page


def test_a_client_token_starts_one_snapshot(ebs):
    one = ebs.start_snapshot(VolumeSize=1, ClientToken="same")["SnapshotId"]
    assert ebs.start_snapshot(VolumeSize=1, ClientToken="same")["SnapshotId"] == one
    assert refused(ebs.start_snapshot, VolumeSize=2, ClientToken="same") == "ConflictException"
    volume = ("ValidationException", "INVALID_VOLUME_SIZE")
    assert reason(ebs.start_snapshot, VolumeSize=65_537) == volume


def limited(lab, prod, policy):
    name = unique("ebs")
    iam, sts = client(lab, "iam", prod.admin), client(lab, "sts", prod.admin)
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust({"AWS": f"arn:aws:iam::{prod.id}:root"}))
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy)
    made = sts.assume_role(RoleArn=role["Role"]["Arn"], RoleSessionName="case")["Credentials"]
    return client(lab, "ebs", LabCredentials(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"]))


def test_policies_name_the_snapshot(lab, prod, ebs, ec2):
    mine, other = written(ebs, ec2, {1: os.urandom(BLOCK)}), written(ebs, ec2, {1: os.urandom(BLOCK)})
    policy = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "ebs:*", "Resource": f"arn:aws:ec2:us-east-1::snapshot/{mine}"}
    ]})  # fmt: skip
    role = limited(lab, prod, policy)
    assert list(read(role, mine)) == [1]
    assert refused(role.list_snapshot_blocks, SnapshotId=other) == "AccessDeniedException"
    assert refused(role.start_snapshot, VolumeSize=1) == "AccessDeniedException"


def test_an_encrypted_snapshot_needs_its_key(lab, prod, aws, ebs, ec2):
    key = aws("kms").create_key()["KeyMetadata"]["Arn"]
    snapshot = written(ebs, ec2, {1: os.urandom(BLOCK)}, Encrypted=True, KmsKeyArn=key)
    (described,) = ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"]
    assert (described["Encrypted"], described["KmsKeyId"]) == (True, key)
    without, having = limited(lab, prod, allow("ebs:*")), limited(lab, prod, allow("ebs:*", "kms:Decrypt"))
    (block,) = without.list_snapshot_blocks(SnapshotId=snapshot)["Blocks"]
    denied = ("AccessDeniedException", "DEPENDENCY_ACCESS_DENIED")
    assert reason(without.get_snapshot_block, SnapshotId=snapshot, **block) == denied
    assert reason(without.start_snapshot, VolumeSize=1, Encrypted=True, KmsKeyArn=key) == denied
    assert list(read(having, snapshot)) == [1]


def test_no_copy_and_no_volume_leads_round_the_key(lab, vault, aws, ebs, ec2):
    kms = aws("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    snapshot = written(ebs, ec2, {1: os.urandom(BLOCK)}, Encrypted=True, KmsKeyArn=key)
    share = {"SnapshotId": snapshot, "Attribute": "createVolumePermission", "OperationType": "add"}
    ec2.modify_snapshot_attribute(**share, UserIds=[vault.id])
    theirs, copy = client(lab, "ec2", vault.admin), {"SourceRegion": "us-east-1", "SourceSnapshotId": snapshot}
    failed = theirs.copy_snapshot(**copy)["SnapshotId"]
    (described,) = theirs.describe_snapshots(SnapshotIds=[failed])["Snapshots"]
    assert (described["State"], described["StateMessage"]) == ("error", "Given key ID is not accessible")
    volume = {"AvailabilityZone": "us-east-1a", "SnapshotId": snapshot}
    assert refused(theirs.create_volume, **volume) == "UnauthorizedOperation"
    policy = json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])
    policy["Statement"].append({
        "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{vault.id}:root"}, "Action": "kms:*", "Resource": "*"
    })  # fmt: skip
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(policy))
    copied = completed(theirs, theirs.copy_snapshot(**copy)["SnapshotId"])
    assert list(read(client(lab, "ebs", vault.admin), copied)) == [1]


@pytest.fixture
def delivered(aws):
    """What a trail that wants the blocks of all snapshots delivers."""
    s3, trails, logs, name = aws("s3"), aws("cloudtrail"), unique("blocklogs"), unique("blocktrail")
    s3.create_bucket(Bucket=logs)
    s3.put_bucket_policy(Bucket=logs, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"},
         "Action": ["s3:PutObject", "s3:GetBucketAcl"], "Resource": [f"arn:aws:s3:::{logs}", f"arn:aws:s3:::{logs}/*"]},
    ]}))  # fmt: skip
    trails.create_trail(Name=name, S3BucketName=logs)
    fields = {"eventCategory": ["Data"], "resources.type": ["AWS::EC2::Snapshot"]}
    trails.put_event_selectors(TrailName=name, AdvancedEventSelectors=[
        {"Name": "blocks", "FieldSelectors": [{"Field": field, "Equals": value} for field, value in fields.items()]}
    ])  # fmt: skip
    trails.start_logging(Name=name)

    def records():
        keys = [
            each["Key"] for each in s3.list_objects_v2(Bucket=logs).get("Contents", []) if "/CloudTrail/" in each["Key"]
        ]
        files = [gzip.decompress(s3.get_object(Bucket=logs, Key=key)["Body"].read()) for key in keys]
        return [record for file in files for record in json.loads(file)["Records"]]

    yield records
    trails.delete_trail(Name=name)


def test_blocks_are_data_events_of_their_snapshot(aws, ebs, ec2, delivered):
    snapshot = written(ebs, ec2, {3: os.urandom(BLOCK)})
    read(ebs, snapshot)
    record = eventually(lambda: next((each for each in delivered() if each["eventName"] == "GetSnapshotBlock"), None))
    arn = f"arn:aws:ec2:us-east-1::snapshot/{snapshot}"
    assert (record["eventSource"], record["readOnly"], record["managementEvent"]) == ("ebs.amazonaws.com", True, False)
    assert [(each["type"], each["ARN"]) for each in record["resources"]] == [("AWS::EC2::Snapshot", arn)]
    assert (record["requestParameters"]["snapshotId"], record["requestParameters"]["blockIndex"]) == (snapshot, 3)
    assert record["responseElements"] is None
    put_record = eventually(
        lambda: next((each for each in delivered() if each["eventName"] == "PutSnapshotBlock"), None)
    )
    assert (put_record["readOnly"], "blockData" in put_record["requestParameters"]) == (False, False)
    history = aws("cloudtrail")
    assert lookup(history, EventName="GetSnapshotBlock") == []
    begun = eventually(lambda: [
        each for each in lookup(history, EventName="StartSnapshot")
        if (each["responseElements"] or {}).get("snapshotId") == snapshot
    ])  # fmt: skip
    assert begun[0]["requestParameters"]["volumeSize"] == 1


@pytest.mark.skipif(why_not() is not None, reason=f"no ext4 images: {why_not()}")
@pytest.mark.skipif(shutil.which("fls") is None, reason="fls (sleuthkit) is not installed")
def test_a_hosts_disk_taken_by_blocks_opens_in_the_sleuth_kit(ebs, ec2, host, run, tmp_path):
    run('mkdir "$HOST_ROOT/opt/app"; echo "beacon to evil.example" > "$HOST_ROOT/opt/app/implant"')
    volume = host["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    before = completed(ec2, ec2.create_snapshot(VolumeId=volume)["SnapshotId"])
    run('rm "$HOST_ROOT/opt/app/implant"; echo kept > "$HOST_ROOT/srv/kept"')
    snapshot = completed(ec2, ec2.create_snapshot(VolumeId=volume)["SnapshotId"])
    image = tmp_path / "disk.raw"
    blocks = read(ebs, snapshot)
    with image.open("wb") as file:
        file.truncate(9 << 30)
        for index, data in blocks.items():
            file.seek(index * BLOCK)
            file.write(data)
    listed = subprocess.run(["fls", "-r", "-p", image], capture_output=True, text=True, check=True).stdout.splitlines()
    paths = {path: kind for kind, path in (line.split(":\t") for line in listed)}
    assert subprocess.run(["icat", image, paths["srv/kept"].split()[1]], capture_output=True).stdout == b"kept\n"  # noqa: PLW1510
    assert paths["opt/app/implant"].startswith("r/r * ")
    inode = paths["opt/app/implant"].split()[2].split("(")[0]
    content = subprocess.run(["icat", image, inode], capture_output=True, check=True).stdout
    assert content == b"beacon to evil.example\n"
    changed = ebs.list_changed_blocks(FirstSnapshotId=before, SecondSnapshotId=snapshot)["ChangedBlocks"]
    indexes = [each["BlockIndex"] for each in changed]
    assert set(indexes) <= set(blocks)
    assert 0 < len(indexes) <= len(blocks)
    assert all(one < two for one, two in itertools.pairwise(indexes))
