"""Snapshots on an EC2 that breaks off: a second attempt goes on where the first one was."""

import pytest
from source_fakes import ACCOUNT, VAULT, Context, raising

from amberlight.capture.sources.disk.ebs_snapshot import capture
from amberlight.model.errors import Denied, NotPossible, Unreachable
from amberlight.model.evidence import Held, Missing
from amberlight.model.signals import Target

HOST = Target(type="instance", account=ACCOUNT, region="us-east-1", name="i-1")


class Account:
    """Snapshots of one account; a new one is pending until it was described twice."""

    def __init__(self, names):
        self.names, self.snapshots, self.shares, self.locks = iter(names), {}, [], []

    def add(self, description, volume):
        name = next(self.names)
        self.snapshots[name] = {
            "SnapshotId": name, "Description": description, "VolumeId": volume, "State": "pending", "Encrypted": False,
        }  # fmt: skip
        return self.snapshots[name]

    def create_all(self, *, Description, InstanceSpecification):  # noqa: N803 - AWS's names
        assert InstanceSpecification == {"InstanceId": "i-1", "ExcludeBootVolume": False}
        return {"Snapshots": [dict(self.add(Description, volume)) for volume in ("vol-a", "vol-b")]}

    def describe(self, *, OwnerIds=(), Filters=(), SnapshotIds=()):  # noqa: N803
        if SnapshotIds:
            found = [dict(self.snapshots[name]) for name in SnapshotIds]
            for name in SnapshotIds:
                self.snapshots[name]["State"] = "completed"
            return {"Snapshots": found}
        wanted = {value for one in Filters for value in one["Values"]}
        return {"Snapshots": [dict(one) for one in self.snapshots.values() if one["Description"] in wanted]}

    def share(self, *, SnapshotId, Attribute, OperationType, UserIds):  # noqa: N803
        assert (Attribute, UserIds) == ("createVolumePermission", [VAULT])
        self.shares.append((OperationType, SnapshotId))
        return {}

    def copy(self, *, SourceRegion, SourceSnapshotId, Description, Encrypted):  # noqa: N803
        assert Encrypted is True
        return {"SnapshotId": self.add(Description, "vol-ffffffff")["SnapshotId"]}

    def lock(self, *, SnapshotId, **how):  # noqa: N803
        assert self.snapshots[SnapshotId]["State"] == "pending"
        self.locks.append((SnapshotId, how))
        return {"LockState": how["LockMode"]}


@pytest.fixture
def both():
    return Account(["snap-1", "snap-2"]), Account(["snap-11", "snap-12"])


def context(both):
    subject, vault = both
    return Context(
        {
            "ec2.CreateSnapshots": subject.create_all,
            "ec2.DescribeSnapshots": subject.describe,
            "ec2.ModifySnapshotAttribute": subject.share,
        },
        vault={"ec2.DescribeSnapshots": vault.describe, "ec2.CopySnapshot": vault.copy, "ec2.LockSnapshot": vault.lock},
        target=HOST,
    )


def test_every_volume_is_copied_locked_for_an_incident_and_no_share_stays(both):
    found = list(capture(context(both)))
    assert [(type(one), one.facts["volume"]) for one in found] == [(Held, "vol-a"), (Held, "vol-b")]
    assert both[1].locks == [
        ("snap-11", {"LockMode": "compliance", "LockDuration": 30}),
        ("snap-12", {"LockMode": "compliance", "LockDuration": 30}),
    ]
    assert sorted(both[0].shares) == [("add", "snap-1"), ("add", "snap-2"), ("remove", "snap-1"), ("remove", "snap-2")]


def test_a_second_attempt_takes_no_second_set_of_snapshots(both):
    first = context(both)
    answers = first.vault_aws.answers["ec2.CopySnapshot"]
    copies = []

    def broken(**parameters):
        copies.append(answers(**parameters))
        if len(copies) == 2:
            raise KeyboardInterrupt
        return copies[-1]

    first.vault_aws.answers["ec2.CopySnapshot"] = broken
    with pytest.raises(KeyboardInterrupt):
        list(capture(first))
    second = context(both)
    found = [one for one in capture(second) if isinstance(one, Held)]
    assert {one.facts["volume"] for one in found} == {"vol-a", "vol-b"}
    assert second.aws.made("ec2.CreateSnapshots") == []
    assert second.vault_aws.made("ec2.CopySnapshot") == []
    assert len(both[0].snapshots) == len(both[1].snapshots) == 2
    assert {name for how, name in both[0].shares if how == "add"} == {
        name for how, name in both[0].shares if how == "remove"
    }


def test_a_snapshot_that_failed_does_not_spoil_the_other(both):
    given = context(both)
    given.aws.answers["ec2.DescribeSnapshots"] = lambda **asked: {
        "Snapshots": [
            dict(one, State="error", StateMessage="out of luck") if one["SnapshotId"] == "snap-1" else one
            for one in both[0].describe(**asked)["Snapshots"]
        ]
    }
    found = list(capture(given))
    assert [one.reason for one in found if isinstance(one, Missing)] == ["EC2: out of luck."]
    assert [one.facts["volume"] for one in found if isinstance(one, Held)] == ["vol-b"]


def test_a_copy_that_is_refused_leaves_no_share(both):
    given = context(both)
    given.vault_aws.answers["ec2.CopySnapshot"] = raising(
        Denied("ec2.CopySnapshot was denied", aws_code="AccessDenied")
    )
    found = list(capture(given))
    assert {one.state for one in found} == {"denied"}
    assert all("stays in the subject account" in one.what for one in found)
    assert {name for how, name in both[0].shares if how == "remove"} == {"snap-1", "snap-2"}


def test_a_lock_that_is_refused_is_a_gap_and_the_copy_is_held_all_the_same(both):
    given = context(both)
    given.vault_aws.answers["ec2.LockSnapshot"] = raising(
        Denied("ec2.LockSnapshot was denied", aws_code="AccessDenied")
    )
    found = list(capture(given))
    assert [one.what for one in found if isinstance(one, Missing)] == ["lock of snap-11", "lock of snap-12"]
    assert [one.facts["lock"] for one in found if isinstance(one, Held)] == ["none", "none"]


def test_a_new_snapshot_that_ec2_does_not_know_yet_is_waited_for(both):
    given, subject = context(both), both[0]
    unknown = NotPossible("gone", aws_code="InvalidSnapshot.NotFound")
    refusals = iter([unknown, unknown])

    def describe(**asked):
        if asked.get("SnapshotIds") and (problem := next(refusals, None)):
            raise problem
        return subject.describe(**asked)

    given.aws.answers["ec2.DescribeSnapshots"] = describe
    assert all(isinstance(one, Held) for one in capture(given))


def test_an_end_of_answers_names_every_snapshot_and_where_it_is(both):
    given = context(both)
    given.aws.answers["ec2.DescribeSnapshots"] = raising({"Snapshots": []}, Unreachable("nobody answers"))
    found = list(capture(given))
    assert [(one.what, one.state) for one in found] == [
        ("snap-1, which stays in the subject account", "unreachable"),
        ("snap-2, which stays in the subject account", "unreachable"),
    ]


def test_a_copy_that_fails_or_a_share_that_cannot_be_ended_is_named(both):
    given, vault = context(both), both[1]
    given.vault_aws.answers["ec2.DescribeSnapshots"] = lambda **asked: {
        "Snapshots": [
            dict(one, State="error") if asked.get("SnapshotIds") and one["SnapshotId"] == "snap-11" else one
            for one in vault.describe(**asked)["Snapshots"]
        ]
    }
    share = given.aws.answers["ec2.ModifySnapshotAttribute"]

    def refuse_the_end(**asked):
        if asked["OperationType"] == "remove" and asked["SnapshotId"] == "snap-2":
            raise Denied("ec2.ModifySnapshotAttribute was denied", aws_code="AccessDenied")
        return share(**asked)

    given.aws.answers["ec2.ModifySnapshotAttribute"] = refuse_the_end
    found = list(capture(given))
    gaps = [(one.what, one.state) for one in found if isinstance(one, Missing)]
    assert gaps == [("snap-11", "failed"), ("end of the share of snap-2 with the vault account", "denied")]
    assert [one.facts["volume"] for one in found if isinstance(one, Held)] == ["vol-b"]


def test_copies_that_never_end_are_named_as_locked(both):
    given, vault = context(both), both[1]
    given.vault_aws.answers["ec2.DescribeSnapshots"] = lambda **asked: {
        "Snapshots": [dict(one, State="pending") for one in vault.describe(**asked)["Snapshots"]]
    }
    found = list(capture(given))
    assert [one.what for one in found] == [
        f"{name}, a locked copy in the vault account" for name in ("snap-11", "snap-12")
    ]
    assert {one.state for one in found} == {"unreachable"}
