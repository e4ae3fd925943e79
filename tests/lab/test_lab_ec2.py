"""Volumes, snapshots, sharing, locks and attributes, as incident response needs them."""

import pytest
from lab_tools import client, eventually, refused

pytestmark = pytest.mark.lab


@pytest.fixture
def ec2(aws):
    return aws("ec2")


@pytest.fixture
def theirs(lab, vault):
    return client(lab, "ec2", vault.admin)


def completed(ec2, snapshot):
    return eventually(lambda: ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]["State"] == "completed")


def new_snapshot(ec2, **volume):
    made = ec2.create_volume(AvailabilityZone="us-east-1a", Size=1, **volume)["VolumeId"]
    return ec2.create_snapshot(VolumeId=made)["SnapshotId"]


@pytest.mark.proves("ec2.DescribeVolumes")
def test_an_instance_has_the_volumes_that_were_asked_for(ec2, host):
    wanted = [{"Name": "attachment.instance-id", "Values": [host["InstanceId"]]}]
    volumes = ec2.describe_volumes(Filters=wanted)["Volumes"]
    seen = {v["Attachments"][0]["Device"]: (v["Size"], v["Encrypted"], v["Attachments"][0]["DeleteOnTermination"])
            for v in volumes}  # fmt: skip
    assert seen == {"/dev/xvda": (9, False, True), "/dev/sdf": (3, False, False), "/dev/sdg": (4, True, True)}
    described = ec2.describe_instances(InstanceIds=[host["InstanceId"]])["Reservations"][0]["Instances"][0]
    assert {m["DeviceName"] for m in described["BlockDeviceMappings"]} == set(seen)


@pytest.mark.proves("ec2.DescribeInstanceAttribute", "ec2.DescribeNetworkInterfaces")
def test_user_data_and_interface_can_be_read(ec2, host):
    ident = host["InstanceId"]
    data = ec2.describe_instance_attribute(InstanceId=ident, Attribute="userData")["UserData"]["Value"]
    assert data.startswith("IyEvYmluL3No")
    wanted = [{"Name": "attachment.instance-id", "Values": [ident]}]
    found = ec2.describe_network_interfaces(Filters=wanted)["NetworkInterfaces"]
    assert [each["PrivateIpAddress"] for each in found] == [host["PrivateIpAddress"]]
    nothing = [{"Name": "group-id", "Values": ["sg-00000000000000000"]}]
    assert ec2.describe_network_interfaces(Filters=nothing)["NetworkInterfaces"] == []


@pytest.mark.proves("ec2.DescribeInstances")
def test_instances_are_found_by_what_responders_know(ec2, host):
    described = ec2.describe_instances(InstanceIds=[host["InstanceId"]])["Reservations"][0]["Instances"][0]
    group = ec2.create_security_group(GroupName="found", Description="d", VpcId=described["VpcId"])["GroupId"]
    ec2.modify_instance_attribute(InstanceId=host["InstanceId"], Groups=[group])
    assert described["NetworkInterfaces"][0]["PrivateIpAddress"] == host["PrivateIpAddress"]
    for name, value in (
        ("instance-id", host["InstanceId"]),
        ("instance.group-id", group),
        ("private-ip-address", host["PrivateIpAddress"]),
        ("block-device-mapping.volume-id", described["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]),
    ):
        # Another one, terminated by now, may have had the address before.
        wanted = [{"Name": name, "Values": [value]}, {"Name": "instance-state-name", "Values": ["running"]}]
        found = ec2.describe_instances(Filters=wanted)["Reservations"]
        assert [each["Instances"][0]["InstanceId"] for each in found] == [host["InstanceId"]], name


def test_groups_and_protection_can_be_changed(ec2, host):
    ident = host["InstanceId"]
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    group = ec2.create_security_group(GroupName="isolate", Description="d", VpcId=vpc)["GroupId"]
    ec2.modify_instance_attribute(InstanceId=ident, Groups=[group])
    described = ec2.describe_instances(InstanceIds=[ident])["Reservations"][0]["Instances"][0]
    assert [g["GroupId"] for g in described["SecurityGroups"]] == [group]
    ec2.modify_instance_attribute(InstanceId=ident, DisableApiTermination={"Value": True})
    assert refused(ec2.terminate_instances, InstanceIds=[ident]) == "OperationNotPermitted"
    ec2.modify_instance_attribute(InstanceId=ident, DisableApiTermination={"Value": False})
    assert refused(ec2.modify_instance_attribute, InstanceId=ident, Groups=["sg-1"]) == "InvalidGroup.NotFound"


@pytest.mark.proves("ec2.ModifyInstanceAttribute", "ec2.StopInstances")
def test_attributes_have_their_effect_or_are_refused(ec2):
    ident = ec2.run_instances(ImageId="ami-00000001", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    change = ec2.modify_instance_attribute
    change(InstanceId=ident, Attribute="disableApiTermination", Value="true")
    assert refused(ec2.terminate_instances, InstanceIds=[ident]) == "OperationNotPermitted"
    change(InstanceId=ident, DisableApiStop={"Value": True})
    assert refused(ec2.stop_instances, InstanceIds=[ident]) == "OperationNotPermitted"
    assert ec2.describe_instance_attribute(InstanceId=ident, Attribute="disableApiStop")["DisableApiStop"]["Value"]
    assert refused(change, InstanceId=ident, InstanceType={"Value": "m5.large"}) == "IncorrectInstanceState"
    assert refused(change, InstanceId=ident, SourceDestCheck={"Value": False}) == "UnsupportedOperation"
    assert refused(change, InstanceId=ident, Attribute="ebsOptimized", Value="true") == "UnsupportedOperation"
    change(InstanceId=ident, DisableApiStop={"Value": False}, DisableApiTermination={"Value": False})
    ec2.stop_instances(InstanceIds=[ident])
    change(InstanceId=ident, InstanceType={"Value": "m5.large"})
    described = ec2.describe_instances(InstanceIds=[ident])["Reservations"][0]["Instances"][0]
    assert described["InstanceType"] == "m5.large"
    ec2.terminate_instances(InstanceIds=[ident])


@pytest.mark.proves("ec2.CreateSnapshots", "ec2.DescribeSnapshots")
def test_all_volumes_are_taken_at_one_instant_and_are_pending_first(ec2, host):
    made = ec2.create_snapshots(
        InstanceSpecification={"InstanceId": host["InstanceId"]},
        TagSpecifications=[{"ResourceType": "snapshot", "Tags": [{"Key": "case", "Value": "7"}]}],
    )["Snapshots"]
    assert len(made) == 3
    assert len({each["StartTime"] for each in made}) == 1
    assert {each["State"] for each in made} == {"pending"}
    tagged = ec2.describe_snapshots(Filters=[{"Name": "tag:case", "Values": ["7"]}])["Snapshots"]
    assert {each["SnapshotId"] for each in tagged} == {each["SnapshotId"] for each in made}
    completed(ec2, made[0]["SnapshotId"])
    specification = {"InstanceId": host["InstanceId"], "ExcludeBootVolume": True}
    assert len(ec2.create_snapshots(InstanceSpecification=specification)["Snapshots"]) == 2


@pytest.mark.proves("ec2.CopySnapshot", "ec2.ModifySnapshotAttribute")
def test_a_snapshot_is_seen_and_copied_by_another_account_only_when_shared(ec2, theirs, vault, prod):
    snapshot = new_snapshot(ec2)
    completed(ec2, snapshot)
    copy = {"SourceRegion": "us-east-1", "SourceSnapshotId": snapshot}
    assert refused(theirs.describe_snapshots, SnapshotIds=[snapshot]) == "InvalidSnapshot.NotFound"
    assert refused(theirs.copy_snapshot, **copy) == "InvalidSnapshot.NotFound"
    share = {"SnapshotId": snapshot, "Attribute": "createVolumePermission", "UserIds": [vault.id]}
    ec2.modify_snapshot_attribute(**share, OperationType="add")
    shared = theirs.describe_snapshots(RestorableByUserIds=["self"], OwnerIds=[prod.id])["Snapshots"]
    assert snapshot in {each["SnapshotId"] for each in shared}
    attribute = ec2.describe_snapshot_attribute(SnapshotId=snapshot, Attribute="createVolumePermission")
    assert attribute["CreateVolumePermissions"] == [{"UserId": vault.id}]
    copied = theirs.copy_snapshot(**copy)["SnapshotId"]
    assert theirs.describe_snapshots(SnapshotIds=[copied])["Snapshots"][0]["OwnerId"] == vault.id
    assert refused(theirs.delete_snapshot, SnapshotId=snapshot) == "InvalidSnapshot.NotFound"
    ec2.modify_snapshot_attribute(**share, OperationType="remove")
    assert refused(theirs.copy_snapshot, **copy) == "InvalidSnapshot.NotFound"


def test_a_snapshot_under_the_default_key_cannot_be_shared(ec2, vault):
    snapshot = new_snapshot(ec2, Encrypted=True)
    share = {"SnapshotId": snapshot, "Attribute": "createVolumePermission", "OperationType": "add"}
    assert refused(ec2.modify_snapshot_attribute, **share, UserIds=[vault.id]) == "InvalidParameter"


@pytest.mark.proves("ec2.LockSnapshot")
def test_a_locked_snapshot_cannot_be_deleted_by_anybody(lab, ec2, prod):
    snapshot = new_snapshot(ec2)
    locked = ec2.lock_snapshot(SnapshotId=snapshot, LockMode="compliance", LockDuration=1)
    assert locked["LockState"] == "compliance"
    listed = ec2.describe_locked_snapshots(SnapshotIds=[snapshot])["Snapshots"]
    assert [each["LockState"] for each in listed] == ["compliance"]
    for who in (ec2, client(lab, "ec2", prod.root)):
        assert refused(who.delete_snapshot, SnapshotId=snapshot) == "OperationNotPermitted"
        assert refused(who.unlock_snapshot, SnapshotId=snapshot) == "OperationNotPermitted"
    free = new_snapshot(ec2)
    ec2.delete_snapshot(SnapshotId=free)
    assert refused(ec2.describe_snapshots, SnapshotIds=[free]) == "InvalidSnapshot.NotFound"


@pytest.mark.proves("ec2.DescribeRegions")
def test_regions_are_exactly_the_enabled_ones(ec2):
    assert {r["RegionName"] for r in ec2.describe_regions()["Regions"]} == {"us-east-1", "eu-west-1"}
    everything = ec2.describe_regions(AllRegions=True)["Regions"]
    assert {r["OptInStatus"] for r in everything} == {"opt-in-not-required", "not-opted-in"}
