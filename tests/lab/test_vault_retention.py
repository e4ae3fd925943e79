"""Retention on the lab: up by one role within a cap, down by nobody, and a hold lifted by two people and two roles."""

import datetime as dt
import json
import shutil
import subprocess

import pytest

from amberlight._aws import SystemClock
from amberlight.model.errors import ApprovalMissing, ConfigError, Denied, NotPossible
from amberlight.practice import proving
from amberlight.vault import KmsSigner, Ledger, S3Store, retention
from amberlight.vault.people import NAMESPACE, Signature
from amberlight.vault.prove import standing_of
from amberlight.vault.store import Listed

pytestmark = pytest.mark.lab
CLOCK = SystemClock()


@pytest.fixture(scope="module")
def hold(tmp_path_factory):
    from amberlight.lab import LabOptions, start

    folder = tmp_path_factory.mktemp("retention")
    with start(LabOptions(workdir=folder / "lab", seed=7, hosts="processes")) as lab:
        made = proving.build(lab, folder, CLOCK, "first")
        # What a real case's bucket has; the stage builds a drill's.
        lock = retention.default_lock("incident")
        made.doors["vault deployer"].call(
            "s3.PutObjectLockConfiguration", Bucket=made.names.bucket, ObjectLockConfiguration=lock
        )
        yield made


def keeper(hold, case, kind="incident"):
    doors = hold.doors
    store = S3Store(doors["vault writer"], doors["vault examiner"], hold.names.bucket, CLOCK)
    signer = KmsSigner(doors["vault signer"], hold.target.signing_key)
    ledger = Ledger(store, signer, case_id=case, kind=kind, clock=CLOCK, actor="a", authority="b", tool="c")
    ledger.append("opened", {})
    for name in ("one", "two"):
        store.put(f"cases/{case}/evidence/{name}", [name.encode()])
    return retention.Keeper(
        custodian=doors["vault custodian"], store=store, ledger=ledger, bucket=hold.names.bucket, kind=kind, clock=CLOCK
    )


def things(keep):
    return list(keep.store.listing(f"cases/{keep.ledger.case_id}/evidence/"))


def locked_until(keep, thing):
    answer = keep.custodian.call(
        "s3.GetObjectRetention", Bucket=keep.bucket, Key=thing.key, VersionId=thing.version
    )["Retention"]  # fmt: skip
    return answer["Mode"], answer["RetainUntilDate"]


def days(number):
    return CLOCK.now() + dt.timedelta(days=number)


def test_a_bucket_locks_at_once_in_compliance(hold):
    keep = keeper(hold, "default")
    for thing in things(keep):
        mode, until = locked_until(keep, thing)
        assert mode == "COMPLIANCE"
        assert days(29) < until < days(31)
        assert not retention.held(keep, thing)


def test_unfinished_uploads_end_and_no_object_expires(hold):
    (rule,) = standing_of(hold.doors["vault examiner"], hold.names.bucket).lifecycle
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    assert (rule["Status"], rule["Filter"]["Prefix"]) == ("Enabled", "")
    assert not [name for name in rule if "Expiration" in name or "Transition" in name]


def test_declaring_holds_and_extends_everything_and_says_so(hold):
    keep = keeper(hold, "declared")
    assert retention.declare(keep, 400) == 3  # two items and the entry
    for thing in things(keep):
        assert retention.held(keep, thing)
        assert locked_until(keep, thing)[1] > days(399)
    acts = {each.act: each.what for each in keep.ledger.entries()}
    assert {row["key"] for row in acts["hold-placed"]["objects"]} == {row["key"] for row in acts["extended"]["objects"]}
    assert {thing.key for thing in things(keep)} < {row["key"] for row in acts["extended"]["objects"]}
    # Asked again nothing changes, and a shorter horizon shortens nothing.
    before, entered = [locked_until(keep, thing) for thing in things(keep)], len(keep.ledger.entries())
    keep.ledger.checkpoint()
    assert (retention.declare(keep, 400), retention.declare(keep, 40)) == (0, 0)
    assert [locked_until(keep, thing) for thing in things(keep)] == before
    assert len(keep.ledger.entries()) == entered
    # What comes later is held, and by then the entries of the hold before, with the head over them.
    keep.store.put("cases/declared/evidence/three", [b"three"])
    keep.ledger.append("acquired", {})
    assert retention.declare(keep, 400) == 5
    assert all(retention.held(keep, thing) for thing in things(keep))


def test_a_drill_is_not_held(hold):
    keep = keeper(hold, "practice", "drill")
    assert retention.declare(keep, 400) == 0
    assert not any(retention.held(keep, thing) for thing in things(keep))
    assert [each.act for each in keep.ledger.entries()] == ["opened"]
    assert retention.default_lock("drill")["Rule"]["DefaultRetention"] == {"Mode": "GOVERNANCE", "Days": 1}


@pytest.mark.parametrize("number", [0, -1, 3651])
def test_a_horizon_beyond_the_cap_is_refused_before_anything_is_done(hold, number):
    keep = keeper(hold, f"cap{number}")
    with pytest.raises(ConfigError):
        retention.declare(keep, number)
    assert not any(retention.held(keep, thing) for thing in things(keep))


def test_the_bucket_refuses_what_our_code_would_not_do(hold):
    keep = keeper(hold, "refused")
    thing = things(keep)[0]
    where = {"Bucket": keep.bucket, "Key": thing.key, "VersionId": thing.version}
    retention.declare(keep, 100)
    for mode, number in (("COMPLIANCE", 3700), ("COMPLIANCE", 10), ("GOVERNANCE", 200)):  # too long, shorter, weaker
        with pytest.raises(Denied):
            keep.custodian.call(
                "s3.PutObjectRetention", **where, Retention={"Mode": mode, "RetainUntilDate": days(number)}
            )
    with pytest.raises(Denied):
        keep.custodian.call("s3.PutObjectLegalHold", **where, LegalHold={"Status": "OFF"})


def test_what_was_held_before_a_failure_is_entered(hold):
    keep = keeper(hold, "broken")
    missing = Listed(f"cases/{keep.ledger.case_id}/evidence/zzz", things(keep)[0].version, 1)

    class Store:
        def listing(self, prefix):
            yield from keep.store.listing(prefix)
            yield missing

    halfway = retention.Keeper(**{**vars(keep), "store": Store()})
    with pytest.raises((NotPossible, Denied)):
        retention.declare(halfway, 100)
    entered = keep.ledger.entries()[-1]
    assert entered.act == "hold-placed"
    assert {thing.key for thing in things(keep)} < {row["key"] for row in entered.what["objects"]}


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    if not shutil.which("ssh-keygen"):
        pytest.skip("ssh-keygen is not installed")
    folder = tmp_path_factory.mktemp("keys")
    for name in ("ada", "leo"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True, timeout=20)
    return folder


def signed(keys, name, statement):
    argv = ["ssh-keygen", "-Y", "sign", "-q", "-n", NAMESPACE, "-f", str(keys / name)]
    done = subprocess.run(argv, input=statement, capture_output=True, check=True, timeout=20)
    return Signature(name=name, armored=done.stdout)


def allowed(keys):
    return "".join(f"{name} {(keys / f'{name}.pub').read_text()}" for name in ("ada", "leo")).encode()


def policy_of(hold):
    return json.loads(hold.doors["vault deployer"].call("s3.GetBucketPolicy", Bucket=hold.names.bucket)["Policy"])


def test_a_hold_is_lifted_by_two_people_and_stays_otherwise(hold, keys):
    keep = keeper(hold, "released")
    retention.declare(keep, 100)
    statement, deployer, before = (
        retention.release_statement(keep, "case closed"),
        hold.doors["vault deployer"],
        policy_of(hold),
    )
    for given in ([], [signed(keys, "ada", statement)], [signed(keys, "ada", statement)] * 2):
        with pytest.raises(ApprovalMissing):
            retention.release(keep, deployer, statement, given, allowed(keys))
    assert all(retention.held(keep, thing) for thing in things(keep))

    both = [signed(keys, name, statement) for name in ("ada", "leo")]
    assert retention.release(keep, deployer, statement, both, allowed(keys)) == 2
    assert not any(retention.held(keep, thing) for thing in things(keep))
    assert all(locked_until(keep, thing)[1] > days(99) for thing in things(keep))
    assert policy_of(hold) == before
    entry = keep.ledger.entries()[-1]
    assert (entry.act, [each["name"] for each in entry.what["people"]]) == ("hold-released", ["ada", "leo"])
    assert entry.what["statement"]["reason"] == "case closed"

    # The same two signatures do not lift a hold that is placed later.
    retention.declare(keep, 100)
    with pytest.raises(ApprovalMissing, match="as it stands"):
        retention.release(keep, deployer, statement, both, allowed(keys))


def test_a_statement_about_something_else_lifts_nothing(hold, keys):
    keep = keeper(hold, "other")
    retention.declare(keep, 100)
    said = json.loads(retention.release_statement(keep, "r"))
    for change in ({"case": "released"}, {"count": 1}, {"objects": "0" * 64}, {"expires": "2020-01-01T00:00:00+00:00"}):
        statement = json.dumps({**said, **change}).encode()
        both = [signed(keys, name, statement) for name in ("ada", "leo")]
        with pytest.raises(ApprovalMissing):
            retention.release(keep, hold.doors["vault deployer"], statement, both, allowed(keys))
    for nonsense in (b"", b"[]", b"{}", b'{"reason": 1, "expires": 2}'):
        with pytest.raises(ApprovalMissing):
            retention.release(keep, hold.doors["vault deployer"], nonsense, [], allowed(keys))


def test_neither_role_alone_lifts_a_hold(hold):
    keep = keeper(hold, "alone")
    retention.declare(keep, 100)
    thing = things(keep)[0]
    where = {"Bucket": keep.bucket, "Key": thing.key, "VersionId": thing.version}
    with retention.wall_down(hold.doors["vault deployer"], keep.bucket), pytest.raises(Denied):
        hold.doors["vault deployer"].call("s3.PutObjectLegalHold", **where, LegalHold={"Status": "OFF"})
    with pytest.raises(Denied):
        keep.custodian.call("s3.PutObjectLegalHold", **where, LegalHold={"Status": "OFF"})
