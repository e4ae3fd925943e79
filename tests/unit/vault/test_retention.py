"""Holds and locks: only ever up, entered also where they break off, lifted by two people over the case as it stands."""

import hashlib
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from fakes import NOW, StillClock

from amberlight.model.errors import ApprovalMissing, ConfigError, Denied, NotPossible
from amberlight.vault import FolderStore, Ledger, LocalSigner, retention
from amberlight.vault.people import Person, Signature

CASE = "cases/c/evidence/"
WALL = {"Sid": "HoldsAreNotLifted", "Effect": "Deny"}
OTHER = {"Sid": "CreateOnly", "Effect": "Deny"}


class Bucket:
    """Holds, locks and policy of a bucket; what is asked of it is kept, and what stands in `fails` is refused."""

    def __init__(self):
        self.holds, self.locks, self.calls, self.fails = {}, {}, [], set()
        self.policy = json.dumps({"Version": "2012-10-17", "Statement": [OTHER, WALL, {"Effect": "Deny"}]})
        self.absent = "NoSuchObjectLockConfiguration"

    def call(self, operation, *, Bucket, Key="", VersionId="", **more):  # noqa: N803 - AWS writes it so
        assert Bucket == "evidence"
        self.calls.append((operation, Key))
        if (operation, Key) in self.fails:
            raise Denied("no", aws_code="AccessDenied")
        return getattr(self, operation.partition(".")[2])((Key, VersionId), **more)

    def GetObjectLegalHold(self, thing):  # noqa: N802
        if thing not in self.holds:
            raise NotPossible("none", aws_code=self.absent)
        return {"LegalHold": {"Status": self.holds[thing]}}

    def PutObjectLegalHold(self, thing, LegalHold):  # noqa: N802, N803
        assert LegalHold["Status"] in ("ON", "OFF")
        if LegalHold["Status"] == "OFF" and WALL in json.loads(self.policy)["Statement"]:
            raise Denied("the wall stands", aws_code="AccessDenied")
        self.holds[thing] = LegalHold["Status"]

    def GetObjectRetention(self, thing):  # noqa: N802
        if thing not in self.locks:
            raise NotPossible("none", aws_code=self.absent)
        return {"Retention": self.locks[thing]}

    def PutObjectRetention(self, thing, Retention):  # noqa: N802, N803
        assert Retention["Mode"] in ("COMPLIANCE", "GOVERNANCE")
        self.locks[thing] = Retention

    def GetBucketPolicy(self, _):  # noqa: N802
        return {"Policy": self.policy}

    def PutBucketPolicy(self, _, Policy):  # noqa: N802, N803
        self.policy = Policy


@pytest.fixture
def bucket():
    return Bucket()


@pytest.fixture
def keep(bucket, tmp_path):
    clock = StillClock()
    store = FolderStore(tmp_path / "vault", clock)
    signer = LocalSigner.create(tmp_path / "key.pem")
    ledger = Ledger(store, signer, case_id="c", kind="incident", clock=clock, actor="a", authority="b", tool="t")
    ledger.append("opened", {})
    for name in ("one", "two"):
        store.put(f"{CASE}{name}", [name.encode()])
    return retention.Keeper(
        custodian=bucket, store=store, ledger=ledger, bucket="evidence", kind="incident", clock=clock
    )


def things(keep):
    return [(each.key, each.version) for each in keep.store.listing("cases/c/")]


def evidence(keep):
    return [each for each in things(keep) if each[0].startswith(CASE)]


def acts(keep):
    return [each.act for each in keep.ledger.entries()]


def test_an_incidents_bucket_locks_in_compliance_and_a_drills_for_a_day():
    lock = retention.default_lock("incident")
    assert (lock["ObjectLockEnabled"], lock["Rule"]["DefaultRetention"]["Mode"]) == ("Enabled", "COMPLIANCE")
    assert lock["Rule"]["DefaultRetention"]["Days"] == 30
    assert retention.default_lock("drill")["Rule"]["DefaultRetention"] == {"Mode": "GOVERNANCE", "Days": 1}


def test_declaring_holds_and_extends_everything_and_says_so(keep, bucket):
    before = things(keep)
    assert retention.declare(keep, 400) == 3  # two items and the entry
    assert bucket.holds == dict.fromkeys(before, "ON")
    assert {each["Mode"] for each in bucket.locks.values()} == {"COMPLIANCE"}
    (until,) = {each["RetainUntilDate"] for each in bucket.locks.values()}
    assert NOW + timedelta(days=400) <= until <= NOW + timedelta(days=400, seconds=1)
    assert until.microsecond == 0
    assert acts(keep) == ["opened", "hold-placed", "extended"]
    placed, longer = (each.what for each in keep.ledger.entries()[1:])
    assert placed["objects"] == [{"key": key, "version": version} for key, version in before]
    assert longer["objects"] == placed["objects"]
    assert longer["until"] == until.isoformat()


def test_asked_again_nothing_changes_until_something_comes(keep, bucket):
    retention.declare(keep, 400)
    keep.ledger.checkpoint()
    locks = dict(bucket.locks)
    assert (retention.declare(keep, 400), retention.declare(keep, 40), retention.declare(keep, 401)) == (0, 0, 0)
    assert (bucket.locks, acts(keep)) == (locks, ["opened", "hold-placed", "extended"])
    keep.store.put(f"{CASE}three", [b"three"])
    keep.ledger.append("acquired", {})
    # The item, its entry, the two entries of the hold before, and the head over them.
    assert retention.declare(keep, 400) == 5
    assert retention.declare(keep, 400) == 0
    # A longer horizon locks all of it anew, and holds nothing twice.
    assert retention.declare(keep, 402) == 8
    assert acts(keep)[-1] == "extended"


def test_a_lock_keeps_its_mode_and_is_never_shortened(keep, bucket):
    one, two = evidence(keep)
    bucket.locks[one] = {"Mode": "GOVERNANCE", "RetainUntilDate": NOW + timedelta(days=5)}
    bucket.locks[two] = {"Mode": "COMPLIANCE", "RetainUntilDate": NOW + timedelta(days=500)}
    retention.declare(keep, 100)
    assert bucket.locks[one]["Mode"] == "GOVERNANCE"
    assert bucket.locks[one]["RetainUntilDate"] >= NOW + timedelta(days=100)
    assert bucket.locks[two]["RetainUntilDate"] == NOW + timedelta(days=500)


def test_a_drill_is_not_held(keep, bucket):
    assert retention.declare(replace(keep, kind="drill"), 400) == 0
    assert (bucket.calls, acts(keep)) == ([], ["opened"])


@pytest.mark.parametrize("days", [0, -1, 3651])
def test_a_horizon_beyond_the_cap_is_refused_before_anything_is_done(keep, bucket, days):
    with pytest.raises(ConfigError):
        retention.declare(keep, days)
    with pytest.raises(ConfigError):
        retention.declare(replace(keep, kind="drill"), days)
    assert bucket.calls == []
    assert retention.horizon(keep.clock, 3650) > retention.horizon(keep.clock, 1) > NOW


def test_what_was_held_before_a_failure_is_entered(keep, bucket):
    one, two = evidence(keep)
    bucket.fails = {("s3.PutObjectLegalHold", two[0])}
    with pytest.raises(Denied):
        retention.declare(keep, 100)
    entry = keep.ledger.entries()[-1]
    assert (entry.act, entry.what["objects"]) == ("hold-placed", [{"key": one[0], "version": one[1]}])
    bucket.fails = {("s3.GetObjectLegalHold", one[0])}  # the first of all: nothing was done, nothing is entered
    with pytest.raises(Denied):
        retention.declare(keep, 100)
    assert keep.ledger.entries()[-1] == entry


@pytest.mark.parametrize("code", ["NoSuchObjectLockConfiguration", "ObjectLockConfigurationNotFoundError"])
def test_an_object_without_lock_or_hold_is_one_to_be_held(keep, bucket, code):
    bucket.absent = code
    assert retention.declare(keep, 9) == 3
    bucket.absent, bucket.holds, bucket.locks = "NoSuchVersion", {}, {}
    with pytest.raises(NotPossible):
        retention.declare(keep, 9)


def agreeing(monkeypatch, names=("ada", "leo")):
    """Two people whose signatures are good over exactly those bytes; ssh-keygen itself is tried in test_people."""

    def judged(statement, signatures, allowed):
        assert allowed == b"list"
        if [each.armored for each in signatures] != [hashlib.sha256(statement).digest()] * 2:
            raise ApprovalMissing("not signed", "sign")
        return tuple(Person(name=name, key=f"SHA256:{name}") for name in names)

    monkeypatch.setattr(retention, "agreed", judged)


def signed(statement):
    return [Signature(name=name, armored=hashlib.sha256(statement).digest()) for name in ("ada", "leo")]


def test_a_statement_says_what_it_is_about(keep):
    said = json.loads(retention.release_statement(keep, "closed"))
    assert (said["schema"], said["case"], said["bucket"]) == ("amberlight.hold-release/1", "c", "evidence")
    assert (said["count"], said["reason"]) == (2, "closed")
    week = (NOW + timedelta(days=7)).isoformat()[:19]
    assert said["expires"].startswith(week)
    assert set(said) == {"schema", "case", "bucket", "objects", "count", "reason", "after", "expires"}
    keep.store.put(f"{CASE}three", [b"3"])
    more = json.loads(retention.release_statement(keep, "closed"))
    assert (more["count"], more["after"]) == (3, said["after"])
    assert more["objects"] != said["objects"]
    keep.ledger.append("acquired", {})
    assert json.loads(retention.release_statement(keep, "closed"))["after"] != said["after"]


def test_a_case_without_a_ledger_has_nothing_to_release(keep, tmp_path):
    empty = replace(keep, ledger=Ledger(
        keep.store, LocalSigner(tmp_path / "key.pem"), case_id="other", kind="incident", clock=keep.clock, actor="a",
        authority="b", tool="t",
    ))  # fmt: skip
    with pytest.raises(NotPossible, match="no ledger"):
        retention.release_statement(empty, "x")


def test_a_hold_is_lifted_by_two_people_and_the_locks_stay(keep, bucket, monkeypatch):
    agreeing(monkeypatch)
    retention.declare(keep, 100)
    locks, policy = dict(bucket.locks), bucket.policy
    statement = retention.release_statement(keep, "case closed")
    assert retention.release(keep, bucket, statement, signed(statement), b"list") == 2
    assert [bucket.holds[each] for each in evidence(keep)] == ["OFF", "OFF"]
    assert [state for thing, state in bucket.holds.items() if thing not in evidence(keep)] == ["ON"]
    assert (bucket.locks, bucket.policy) == (locks, policy)
    entry = keep.ledger.entries()[-1]
    assert entry.act == "hold-released"
    assert entry.what["statement"] == json.loads(statement)
    assert entry.what["statement_sha256"] == hashlib.sha256(statement).hexdigest()
    assert entry.what["people"] == [{"name": name, "key": f"SHA256:{name}"} for name in ("ada", "leo")]
    assert [row["key"] for row in entry.what["objects"]] == [key for key, _ in evidence(keep)]
    assert len(entry.what["signatures"]) == 2
    # The same signatures lift nothing that is placed later, and a new statement finds nothing to lift.
    with pytest.raises(ApprovalMissing, match="as it stands"):
        retention.release(keep, bucket, statement, signed(statement), b"list")
    again = retention.release_statement(keep, "again")
    assert retention.release(keep, bucket, again, signed(again), b"list") == 0


def test_while_a_hold_is_lifted_only_its_own_wall_is_down(keep, bucket, monkeypatch):
    agreeing(monkeypatch)
    retention.declare(keep, 100)
    before, seen = bucket.policy, []
    with retention.wall_down(bucket, "evidence"):
        seen += json.loads(bucket.policy)["Statement"]
    assert seen == [OTHER, {"Effect": "Deny"}]
    one, two = evidence(keep)
    bucket.fails = {("s3.PutObjectLegalHold", two[0])}
    statement = retention.release_statement(keep, "closed")
    with pytest.raises(Denied):
        retention.release(keep, bucket, statement, signed(statement), b"list")
    assert bucket.policy == before
    assert [row["key"] for row in keep.ledger.entries()[-1].what["objects"]] == [one[0]]


def test_a_statement_ends_is_not_changed_and_is_one(keep, bucket, monkeypatch):
    agreeing(monkeypatch)
    retention.declare(keep, 100)
    statement = retention.release_statement(keep, "closed")
    said = json.loads(statement)
    past = {**said, "expires": NOW.isoformat()}
    for wrong in ({**said, "count": 1}, {**said, "bucket": "b"}, {**said, "more": 1}, past):
        data = json.dumps(wrong).encode()
        with pytest.raises(ApprovalMissing, match="as it stands"):
            retention.release(keep, bucket, data, signed(data), b"list")
    for wrong in (b"", b"[]", b"{}", b"7", json.dumps({**said, "expires": 7}).encode(), b"\xff"):
        with pytest.raises(ApprovalMissing, match="no statement"):
            retention.release(keep, bucket, wrong, signed(wrong), b"list")
    with pytest.raises(ApprovalMissing, match="not signed"):
        retention.release(keep, bucket, statement, signed(b"other"), b"list")
    assert set(bucket.holds.values()) == {"ON"}
    # Just before it ends it still counts.
    late = json.dumps({**said, "expires": (NOW + timedelta(minutes=1)).isoformat()}).encode()
    assert retention.release(keep, bucket, late, signed(late), b"list") == 2


def test_a_head_over_the_hold_alone_calls_for_no_other_hold(keep, bucket):
    for thing in things(keep):
        bucket.locks[thing] = {"Mode": "COMPLIANCE", "RetainUntilDate": NOW + timedelta(days=900)}
    assert retention.declare(keep, 100) == 3
    assert acts(keep) == ["opened", "hold-placed"]
    keep.ledger.checkpoint()
    assert retention.declare(keep, 100) == 0
