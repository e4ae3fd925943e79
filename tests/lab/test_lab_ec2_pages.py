"""Pages of EC2's long lists."""

import pytest
from lab_tools import refused


@pytest.fixture(scope="module")
def ec2(aws):
    return aws("ec2")


@pytest.fixture(scope="module")
def volumes(ec2):
    made = [ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"] for _ in range(12)]
    yield made
    for volume in made:
        ec2.delete_volume(VolumeId=volume)


@pytest.mark.proves("ec2.DescribeVolumes")
def test_volumes_come_in_pages_and_none_is_lost_or_told_twice(ec2, volumes):
    whole = [each["VolumeId"] for each in ec2.describe_volumes()["Volumes"]]
    found, token, sizes = [], None, []
    while token or not sizes:
        page = ec2.describe_volumes(MaxResults=5, **({"NextToken": token} if token else {}))
        sizes.append(len(page["Volumes"]))
        found += [each["VolumeId"] for each in page["Volumes"]]
        token = page.get("NextToken")
    assert found == whole
    assert set(sizes[:-1]) == {5}
    assert 1 <= sizes[-1] <= 5
    only = [{"Name": "volume-id", "Values": volumes[:6]}]
    pages = list(ec2.get_paginator("describe_volumes").paginate(Filters=only, PaginationConfig={"PageSize": 5}))
    assert [len(each["Volumes"]) for each in pages] == [5, 1]


@pytest.mark.proves("ec2.DescribeSnapshots")
def test_snapshots_too(ec2, volumes):
    made = [ec2.create_snapshot(VolumeId=volume)["SnapshotId"] for volume in volumes[:6]]
    asked = {"Filters": [{"Name": "volume-id", "Values": volumes[:6]}], "MaxResults": 5}
    first = ec2.describe_snapshots(**asked)
    rest = ec2.describe_snapshots(**asked, NextToken=first["NextToken"])
    assert "NextToken" not in rest
    assert {each["SnapshotId"] for each in first["Snapshots"] + rest["Snapshots"]} == set(made)
    for each in made:
        ec2.delete_snapshot(SnapshotId=each)


@pytest.mark.proves("ec2.DescribeInstances", "ec2.DescribeNetworkInterfaces")
def test_instances_and_interfaces_too(ec2, host):
    for describe, name in (
        (ec2.describe_instances, "Reservations"),
        (ec2.describe_network_interfaces, "NetworkInterfaces"),
    ):
        page = describe(MaxResults=5)
        assert len(page[name]) == min(5, len(describe()[name]))
    (found,) = ec2.describe_instances(
        MaxResults=1000, Filters=[{"Name": "instance-id", "Values": [host["InstanceId"]]}]
    )["Reservations"]  # fmt: skip
    assert found["Instances"][0]["PrivateIpAddress"] == host["PrivateIpAddress"]


def test_limits_ids_and_tokens_are_checked(ec2, host):
    assert refused(ec2.describe_instances, MaxResults=4) == "InvalidParameterValue"
    assert refused(ec2.describe_volumes, MaxResults=1001) == "InvalidParameterValue"
    both = refused(ec2.describe_instances, MaxResults=5, InstanceIds=[host["InstanceId"]])
    assert both == "InvalidParameterCombination"
    assert refused(ec2.describe_snapshots, MaxResults=5, NextToken="no token") == "InvalidNextToken"
