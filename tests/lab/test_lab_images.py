"""Images stand on real snapshots; what an account says once for all its disks holds."""

import pytest
from lab_tools import client, eventually, refused, unique

pytestmark = pytest.mark.lab


@pytest.fixture
def ec2(aws):
    return aws("ec2")


@pytest.fixture
def elsewhere(lab, vault):
    """An account and Region of which no other test asks anything."""
    return client(lab, "ec2", vault.admin, region="eu-west-1")


def completed(ec2, snapshot):
    eventually(lambda: ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]["State"] == "completed")
    return snapshot


def new_snapshot(ec2, zone="us-east-1a", **volume):
    made = ec2.create_volume(AvailabilityZone=zone, Size=1, **volume)["VolumeId"]
    return completed(ec2, ec2.create_snapshot(VolumeId=made)["SnapshotId"])


@pytest.mark.proves("ec2.CreateImage")
def test_an_image_of_a_host_has_all_its_disks(aws, ec2, host, run):
    run('echo "in the image" > "$HOST_ROOT/srv/imaged"')
    ident, name = host["InstanceId"], unique("image of host")
    made = ec2.create_image(
        InstanceId=ident, Name=name, NoReboot=True, BlockDeviceMappings=[{"DeviceName": "/dev/sdf", "NoDevice": ""}],
        TagSpecifications=[{"ResourceType": "image", "Tags": [{"Key": "case", "Value": "9"}]}],
    )["ImageId"]  # fmt: skip
    assert refused(ec2.create_image, InstanceId=ident, Name=name) == "InvalidAMIName.Duplicate"
    (image,) = ec2.describe_images(ImageIds=[made])["Images"]
    assert image["State"] == "pending"
    eventually(lambda: ec2.describe_images(ImageIds=[made])["Images"][0]["State"] == "available")
    assert image["Tags"] == [{"Key": "case", "Value": "9"}]
    assert image["CreationDate"]
    disks = {each["DeviceName"]: each["Ebs"] for each in image["BlockDeviceMappings"]}
    assert {name: (disk["VolumeSize"], disk["Encrypted"]) for name, disk in disks.items()} == {
        "/dev/xvda": (9, False), "/dev/sdg": (4, True),
    }  # fmt: skip
    root = disks["/dev/xvda"]["SnapshotId"]
    (snapshot,) = ec2.describe_snapshots(SnapshotIds=[root])["Snapshots"]
    assert snapshot["Description"] == f"Created by CreateImage({ident}) for {made}"
    ebs = aws("ebs")
    blocks = ebs.list_snapshot_blocks(SnapshotId=root)["Blocks"]
    found = [ebs.get_snapshot_block(SnapshotId=root, **each)["BlockData"].read() for each in blocks]
    assert any(b"in the image" in data for data in found)
    assert refused(ec2.delete_snapshot, SnapshotId=root) == "InvalidSnapshot.InUse"
    assert refused(ec2.run_instances, ImageId=made, MinCount=1, MaxCount=1) == "UnsupportedOperation"
    ec2.deregister_image(ImageId=made)
    assert refused(ec2.describe_images, ImageIds=[made]) == "InvalidAMIID.NotFound"
    ec2.delete_snapshot(SnapshotId=root)


def test_the_host_is_off_while_its_image_is_taken_unless_the_caller_says_otherwise(aws, ec2, host, run):
    ident = host["InstanceId"]
    assert run("sleep 4711 >/dev/null 2>&1 & echo begun")["StandardOutputContent"] == "begun\n"
    counting = 'cat /proc/[0-9]*/cmdline | tr "\\0" " " | grep -c "sleep 471[1]"'
    assert run(counting)["StandardOutputContent"] == "1\n"
    ec2.create_image(InstanceId=ident, Name=unique("without reboot"), NoReboot=True)
    assert run(counting)["StandardOutputContent"] == "1\n"
    ec2.create_image(InstanceId=ident, Name=unique("with reboot"))
    eventually(lambda: ident in {
        each["InstanceId"] for each in aws("ssm").describe_instance_information()["InstanceInformationList"]
    })  # fmt: skip
    assert run(counting)["StandardOutputContent"] == "0\n"


@pytest.mark.proves("ec2.RegisterImage", "ec2.DeregisterImage", "ec2.DescribeImages")
def test_an_image_is_registered_on_snapshots_and_takes_them_along(ec2):
    root, data = new_snapshot(ec2), new_snapshot(ec2)
    mapping = [{"DeviceName": "/dev/sda1", "Ebs": {"SnapshotId": root}},
               {"DeviceName": "/dev/sdf", "Ebs": {"SnapshotId": data, "VolumeSize": 3}}]  # fmt: skip
    registered = ec2.register_image(
        Name=unique("registered"), RootDeviceName="/dev/sda1", BlockDeviceMappings=mapping, Architecture="x86_64"
    )["ImageId"]
    (image,) = ec2.describe_images(ImageIds=[registered])["Images"]
    assert [each["Ebs"]["VolumeSize"] for each in image["BlockDeviceMappings"]] == [1, 3]
    unknown = [{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": "snap-00000000000000000"}}]
    assert refused(ec2.register_image, Name="no disk") == "InvalidBlockDeviceMapping"
    assert refused(ec2.register_image, Name="none", BlockDeviceMappings=unknown) == "InvalidSnapshot.NotFound"
    ec2.lock_snapshot(SnapshotId=data, LockMode="governance", LockDuration=1)
    gone = ec2.deregister_image(ImageId=registered, DeleteAssociatedSnapshots=True)["DeleteSnapshotResults"]
    assert {each["SnapshotId"]: each["ReturnCode"] for each in gone} == {root: "success", data: "client-error"}
    assert refused(ec2.describe_snapshots, SnapshotIds=[root]) == "InvalidSnapshot.NotFound"


def test_an_image_on_the_default_key_cannot_be_shared(ec2, vault):
    snapshot = new_snapshot(ec2, Encrypted=True)
    mapping = [{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot}}]
    image = ec2.register_image(Name=unique("encrypted"), BlockDeviceMappings=mapping)["ImageId"]
    share = {"ImageId": image, "LaunchPermission": {"Add": [{"UserId": vault.id}]}}
    assert refused(ec2.modify_image_attribute, **share) == "InvalidParameter"


@pytest.mark.proves(
    "ec2.EnableEbsEncryptionByDefault",
    "ec2.GetEbsEncryptionByDefault",
    "ec2.DisableEbsEncryptionByDefault",
    "ec2.GetEbsDefaultKmsKeyId",
)
def test_what_is_new_is_encrypted_where_the_account_says_so(lab, elsewhere):
    plain = new_snapshot(elsewhere, "eu-west-1a")
    assert elsewhere.get_ebs_encryption_by_default()["EbsEncryptionByDefault"] is False
    assert elsewhere.enable_ebs_encryption_by_default()["EbsEncryptionByDefault"] is True
    try:
        volume = elsewhere.create_volume(AvailabilityZone="eu-west-1a", Size=1)
        copy = elsewhere.copy_snapshot(SourceRegion="eu-west-1", SourceSnapshotId=plain)["SnapshotId"]
        (copied,) = elsewhere.describe_snapshots(SnapshotIds=[copy])["Snapshots"]
        assert (volume["Encrypted"], copied["Encrypted"]) == (True, True)
        assert copied["KmsKeyId"] == elsewhere.get_ebs_default_kms_key_id()["KmsKeyId"]
    finally:
        elsewhere.disable_ebs_encryption_by_default()
    assert elsewhere.create_volume(AvailabilityZone="eu-west-1a", Size=1)["Encrypted"] is False


@pytest.mark.proves(
    "ec2.EnableSnapshotBlockPublicAccess",
    "ec2.DisableSnapshotBlockPublicAccess",
    "ec2.GetSnapshotBlockPublicAccessState",
)
def test_no_snapshot_becomes_or_stays_public_where_that_is_blocked(lab, elsewhere, prod):
    theirs = client(lab, "ec2", prod.admin, region="eu-west-1")
    public, private = new_snapshot(elsewhere, "eu-west-1a"), new_snapshot(elsewhere, "eu-west-1a")

    def share(snapshot, **whom):
        return {"SnapshotId": snapshot, "Attribute": "createVolumePermission", "OperationType": "add", **whom}

    def seen():
        found = theirs.describe_snapshots(RestorableByUserIds=["all"])["Snapshots"]
        return public in {each["SnapshotId"] for each in found} or _visible(theirs, public)

    elsewhere.modify_snapshot_attribute(**share(public, GroupNames=["all"]))
    assert seen()
    assert elsewhere.get_snapshot_block_public_access_state()["State"] == "unblocked"
    assert refused(elsewhere.enable_snapshot_block_public_access, State="unblocked") == "InvalidRequest"
    try:
        elsewhere.enable_snapshot_block_public_access(State="block-new-sharing")
        assert refused(elsewhere.modify_snapshot_attribute, **share(private, GroupNames=["all"])) == (
            "OperationNotPermitted"
        )
        assert seen()
        elsewhere.enable_snapshot_block_public_access(State="block-all-sharing")
        assert not seen()
        elsewhere.modify_snapshot_attribute(**share(private, UserIds=[prod.id]))
        assert _visible(theirs, private)
    finally:
        assert elsewhere.disable_snapshot_block_public_access()["State"] == "unblocked"
    assert seen()


def _visible(ec2, snapshot):
    return bool(ec2.describe_snapshots(Filters=[{"Name": "snapshot-id", "Values": [snapshot]}])["Snapshots"])
