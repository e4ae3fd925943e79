"""Volumes have bytes: a host's root volume holds its files, and a snapshot keeps what it was made of."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from lab_tools import client, eventually, refused

from amberlight.lab.disks.ext4 import why_not

pytestmark = pytest.mark.lab
NO_EXT4 = why_not()
needs_ext4 = pytest.mark.skipif(NO_EXT4 is not None, reason=f"no ext4 images: {NO_EXT4}")
needs_debugfs = pytest.mark.skipif(
    shutil.which("debugfs", path=os.defpath + ":/usr/sbin:/sbin") is None, reason="debugfs (e2fsprogs) is not installed"
)


@pytest.fixture
def ec2(aws):
    return aws("ec2")


@pytest.fixture
def root_volume(host):
    return host["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]


def images(lab, kind):
    return {path.name: path for path in (Path(lab.describe()["workdir"]) / "disks" / kind).glob("*.raw")}


def snapshot_of(lab, ec2, volume):
    """A new snapshot and the file that has its bytes."""
    before = set(images(lab, "snapshots"))
    made = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    (new,) = set(images(lab, "snapshots")) - before
    eventually(lambda: ec2.describe_snapshots(SnapshotIds=[made])["Snapshots"][0]["State"] == "completed")
    return made, images(lab, "snapshots")[new]


def debugfs(image, request):
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    done = subprocess.run(
        ["debugfs", "-R", request, str(image)], capture_output=True, check=True, env={"PATH": path}
    )  # fmt: skip
    return done.stdout


@needs_ext4
@needs_debugfs
@pytest.mark.proves("ec2.CreateSnapshot")
def test_a_snapshot_has_the_hosts_files_of_its_moment(lab, ec2, run, root_volume):
    assert run('echo before > "$HOST_ROOT/root/note"; ln -s note "$HOST_ROOT/root/link"')["Status"] == "Success"
    _, image = snapshot_of(lab, ec2, root_volume)
    assert run('echo after > "$HOST_ROOT/root/note"; echo new > "$HOST_ROOT/root/new"')["Status"] == "Success"
    _, later = snapshot_of(lab, ec2, root_volume)
    assert image.stat().st_size == 9 << 30
    assert image.stat().st_blocks * 512 < 64 << 20
    assert debugfs(image, "cat /root/note") == b"before\n"
    assert debugfs(image, "cat /root/new") == b""
    assert debugfs(later, "cat /root/note") == b"after\n"
    assert debugfs(later, "cat /root/new") == b"new\n"
    assert b'Fast link dest: "note"' in debugfs(image, "stat /root/link")
    assert b"ec2-user" in debugfs(image, "cat /etc/passwd")
    assert b"python" not in debugfs(image, "ls /usr/bin")


@needs_ext4
@pytest.mark.skipif(shutil.which("fls") is None, reason="fls (sleuthkit) is not installed")
def test_a_file_that_was_deleted_before_the_snapshot_is_recovered(lab, ec2, run, root_volume):
    run('echo "c2 = evil.example" > "$HOST_ROOT/etc/implant.conf"')
    run('rm "$HOST_ROOT/etc/implant.conf"')
    run('echo other > "$HOST_ROOT/etc/written-later"')
    _, image = snapshot_of(lab, ec2, root_volume)
    deleted = subprocess.run(["fls", "-r", "-d", "-p", str(image)], capture_output=True, text=True, check=True).stdout
    # The name may be gone: another one took its place in the directory, as on a real disk. The inode stays.
    inodes = [line.split("*")[1].split(":")[0].split("(")[0].strip() for line in deleted.splitlines()]
    contents = [subprocess.run(["icat", str(image), each], capture_output=True, check=True).stdout for each in inodes]
    assert b"c2 = evil.example\n" in contents


@pytest.mark.proves("ec2.CreateVolume", "ec2.ModifyVolume", "ec2.DeleteVolume")
def test_a_volume_has_an_image_from_the_first_to_the_last(lab, ec2):
    made = ec2.create_volume(AvailabilityZone="us-east-1a", Size=2)["VolumeId"]
    image = images(lab, "volumes")[f"{made}.raw"]
    assert (image.stat().st_size, image.stat().st_blocks) == (2 << 30, 0)
    ec2.modify_volume(VolumeId=made, Size=3)
    assert image.stat().st_size == 3 << 30
    assert refused(ec2.modify_volume, VolumeId=made, Size=1) == "InvalidParameterValue"
    ec2.delete_volume(VolumeId=made)
    assert not image.exists()


@pytest.mark.proves("ec2.DeleteSnapshot")
def test_copies_share_bytes_until_the_last_is_deleted(lab, ec2, vault):
    source = ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
    planted = images(lab, "volumes")[f"{source}.raw"]
    with planted.open("r+b") as file:
        file.seek(600_000)
        file.write(b"planted")
    snapshot, frozen = snapshot_of(lab, ec2, source)
    with planted.open("r+b") as file:
        file.seek(600_000)
        file.write(b"changed")
    ec2.modify_snapshot_attribute(
        SnapshotId=snapshot, Attribute="createVolumePermission", OperationType="add", UserIds=[vault.id]
    )
    theirs = client(lab, "ec2", vault.admin, region="eu-west-1")
    before = set(images(lab, "snapshots"))
    copy = theirs.copy_snapshot(SourceRegion="us-east-1", SourceSnapshotId=snapshot)["SnapshotId"]
    assert set(images(lab, "snapshots")) == before
    ec2.delete_snapshot(SnapshotId=snapshot)
    assert frozen.exists()
    eventually(lambda: theirs.describe_snapshots(SnapshotIds=[copy])["Snapshots"][0]["State"] == "completed")
    assert (
        refused(theirs.create_volume, AvailabilityZone="eu-west-1a", SnapshotId=snapshot) == "InvalidSnapshot.NotFound"
    )
    volume = theirs.create_volume(AvailabilityZone="eu-west-1a", SnapshotId=copy)
    assert volume["Size"] == 1
    with images(lab, "volumes")[f"{volume['VolumeId']}.raw"].open("rb") as file:
        file.seek(600_000)
        assert file.read(7) == b"planted"
    theirs.delete_snapshot(SnapshotId=copy)
    assert not frozen.exists()


@pytest.mark.proves("ec2.AttachVolume", "ec2.DetachVolume")
def test_volumes_are_attached_and_detached_where_the_instance_says_so(ec2, host):
    ident = host["InstanceId"]
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]

    def devices():
        (instance,) = ec2.describe_instances(InstanceIds=[ident])["Reservations"][0]["Instances"]
        return {each["DeviceName"]: each["Ebs"]["VolumeId"] for each in instance["BlockDeviceMappings"]}

    refusal = refused(ec2.attach_volume, VolumeId=volume, InstanceId=ident, Device="/dev/sdf")
    assert refusal == "InvalidParameterValue"
    ec2.attach_volume(VolumeId=volume, InstanceId=ident, Device="/dev/sdq")
    assert devices()["/dev/sdq"] == volume
    assert refused(ec2.attach_volume, VolumeId=volume, InstanceId=ident, Device="/dev/sdr") == "VolumeInUse"
    ec2.detach_volume(VolumeId=volume)
    assert "/dev/sdq" not in devices()
    assert refused(ec2.detach_volume, VolumeId=volume) == "IncorrectState"
    assert refused(ec2.detach_volume, VolumeId=devices()["/dev/xvda"]) == "OperationNotPermitted"


@pytest.mark.usefixtures("host")  # it has the first address: a terminated instance that had it would be found beside it
def test_a_launch_brings_volumes_made_of_snapshots(lab, ec2, aws):
    key = aws("kms").create_key()["KeyMetadata"]["Arn"]
    source = ec2.create_volume(AvailabilityZone="us-east-1a", Size=2, Encrypted=True, KmsKeyId=key)["VolumeId"]
    with images(lab, "volumes")[f"{source}.raw"].open("r+b") as file:
        file.seek(1_000_000)
        file.write(b"brought along")
    snapshot, _ = snapshot_of(lab, ec2, source)
    launch = {"ImageId": "ami-00000001", "MinCount": 1, "MaxCount": 1}

    def mapping(device, **ebs):
        return [{"DeviceName": device, "Ebs": {"SnapshotId": snapshot, **ebs}}]

    root = mapping("/dev/xvda")
    assert refused(ec2.run_instances, **launch, BlockDeviceMappings=root) == "UnsupportedOperation"
    small = mapping("/dev/sdh", VolumeSize=1)
    assert refused(ec2.run_instances, **launch, BlockDeviceMappings=small) == "InvalidBlockDeviceMapping"
    made = ec2.run_instances(**launch, BlockDeviceMappings=mapping("/dev/sdh", DeleteOnTermination=True))["Instances"][
        0
    ]
    wanted = [{"Name": "attachment.instance-id", "Values": [made["InstanceId"]]}]
    (volume,) = [
        each
        for each in ec2.describe_volumes(Filters=wanted)["Volumes"]
        if each["Attachments"][0]["Device"] == "/dev/sdh"
    ]
    assert (volume["Size"], volume["Encrypted"], volume["KmsKeyId"]) == (2, True, key)
    image = images(lab, "volumes")[f"{volume['VolumeId']}.raw"]
    with image.open("rb") as file:
        file.seek(1_000_000)
        assert file.read(13) == b"brought along"
    ec2.terminate_instances(InstanceIds=[made["InstanceId"]])
    assert not image.exists()
