"""The owner of a shared snapshot is told who uses it, in the spelling of real events of AWS."""

import pytest
from lab_tools import client, eventually, lookup
from real_records import paths

pytestmark = pytest.mark.lab
REAL = {
    "awsRegion", "eventCategory", "eventID", "eventName", "eventSource", "eventTime", "eventType",
    "eventVersion", "managementEvent", "readOnly", "recipientAccountId", "requestParameters",
    "responseElements", "serviceEventDetails", "serviceEventDetails.snapshotId", "sharedEventID",
    "sourceIPAddress", "userAgent", "userIdentity", "userIdentity.accountId", "userIdentity.invokedBy",
}  # fmt: skip
"""Key paths of a real record of SharedSnapshotVolumeCreated (a test file of plaso, Apache-2.0)."""


def test_the_owner_of_a_shared_snapshot_sees_its_use(lab, aws, prod, vault):
    ec2, theirs = aws("ec2"), client(lab, "ec2", vault.admin)
    snapshot = ec2.create_snapshot(
        VolumeId=ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
    )["SnapshotId"]  # fmt: skip
    eventually(lambda: ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]["State"] == "completed")
    ec2.modify_snapshot_attribute(
        SnapshotId=snapshot, Attribute="createVolumePermission", UserIds=[vault.id], OperationType="add"
    )
    ec2.copy_snapshot(SourceRegion="us-east-1", SourceSnapshotId=snapshot)
    theirs.copy_snapshot(SourceRegion="us-east-1", SourceSnapshotId=snapshot)
    theirs.create_volume(AvailabilityZone="us-east-1a", SnapshotId=snapshot)

    def told(name, account):
        found = lookup(client(lab, "cloudtrail", account.admin), EventName=name)
        return [event for event in found if event["serviceEventDetails"]["snapshotId"] == snapshot]

    for name in ("SharedSnapshotCopyInitiated", "SharedSnapshotVolumeCreated"):
        (event,) = eventually(lambda name=name: told(name, prod))
        assert (event["eventType"], event["userIdentity"]["invokedBy"]) == ("AwsServiceEvent", "ec2.amazonaws.com")
        assert event["recipientAccountId"] == prod.id
        assert told(name, vault) == []
        assert paths(event) == REAL
