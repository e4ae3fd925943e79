"""The vault on the lab: what the policies promise is refused by the store itself, and by nothing else."""

import contextlib
import dataclasses
import datetime as dt
import json
import time
from types import SimpleNamespace

import msgspec
import pytest

from amberlight._aws import Credentials, Sessions
from amberlight.model.custody import Stored
from amberlight.model.errors import CredentialsError, Denied, NotPossible
from amberlight.vault import KmsSigner, Ledger, S3Store, prove
from amberlight.vault.policies import (
    DRILL_RETENTION,
    ROLES,
    VaultNames,
    bucket_policy,
    key_policy,
    role_policy,
    trust_policy,
)

pytestmark = pytest.mark.lab
MIB = 1 << 20


def keys(account):
    return Credentials(access_key_id=account.access_key_id, secret_access_key=account.secret_access_key)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    from amberlight.lab import LabOptions, start

    running = start(LabOptions(workdir=tmp_path_factory.mktemp("lab"), seed=7, hosts="processes"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def place(lab):
    """A vault, deployed as on AWS: key, roles, bucket, lock, policy; and everybody's doors."""

    def sessions(account):
        return Sessions(region=lab.region, endpoint=lab.endpoint, credentials=keys(account))

    accounts = lab.accounts
    vault = accounts["vault"]
    hub = sessions(accounts["security"].admin)
    admin = sessions(vault.admin).door(vault.id)
    names = VaultNames(
        bucket="evidence-of-the-vault", account=vault.id, region=lab.region, key_arn="*", tls=False,
        hub=hub.door("").call("sts.GetCallerIdentity")["Arn"],
        deployer=admin.call("sts.GetCallerIdentity")["Arn"],
    )  # fmt: skip
    policy = json.dumps(key_policy(names))
    key = admin.call("kms.CreateKey", KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY", Policy=policy)["KeyMetadata"]
    names = dataclasses.replace(names, key_arn=key["Arn"])
    for role in ROLES:
        name = names.role_arn(role).split("/")[1]
        admin.call("iam.CreateRole", RoleName=name, AssumeRolePolicyDocument=json.dumps(trust_policy(role, names)))
        admin.call(
            "iam.PutRolePolicy", RoleName=name, PolicyName="p", PolicyDocument=json.dumps(role_policy(role, names))
        )
    for bucket in (names.bucket, "bucket-without-policy"):
        admin.call("s3.CreateBucket", Bucket=bucket, ObjectLockEnabledForBucket=True)
    rule = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": DRILL_RETENTION}}
    admin.call("s3.PutObjectLockConfiguration", Bucket=names.bucket, ObjectLockConfiguration=rule)
    admin.call("s3.PutBucketPolicy", Bucket=names.bucket, Policy=json.dumps(bucket_policy(names)))
    doors = {role: hub.role_door(names.role_arn(role), name="test") for role in ROLES if role != "deployer"}
    prod = accounts["prod"]
    attackers = {
        "prod administrator": sessions(prod.admin).door(prod.id),
        "prod root": sessions(prod.root).door(prod.id),
        "vault administrator": admin,
        **doors,
    }
    return SimpleNamespace(
        names=names, doors=doors, attackers=attackers, admin=admin, prod=sessions(prod.admin), clock=hub.clock, hub=hub,
        root=sessions(vault.root).door(vault.id), store=S3Store(doors["writer"], doors["examiner"], names.bucket, hub.clock),
        signer=KmsSigner(doors["signer"], key["Arn"]),
    )  # fmt: skip


@pytest.mark.proves(
    "s3.AbortMultipartUpload", "s3.CompleteMultipartUpload", "s3.CreateMultipartUpload", "s3.UploadPart"
)
def test_small_and_large_objects_are_created_locked_and_read_again(place):
    small = place.store.put("cases/c/evidence/small", [b"bytes"])
    large = place.store.put("cases/c/evidence/large", (bytes([n]) * MIB for n in range(20)))
    for stored in (small, large):
        assert stored.retain_until > place.clock.now()
        place.store.check(stored)
        assert stored.request_id
        found = msgspec.structs.replace(stored, request_id="")  # whoever finds it did not write it
        assert place.store.find(stored.key) == found
        assert place.store.adopt(stored.key, stored.sha256, stored.size_bytes) == found
        with pytest.raises(Exception, match="already"):
            place.store.put(stored.key, (b"other" * MIB for _ in range(1 + stored.size_bytes // MIB)))


@pytest.mark.proves("s3.HeadObject")
def test_the_writer_cannot_read_nor_list(place):
    stored = place.store.put("cases/c/evidence/secret", [b"bytes"])
    blind = S3Store(place.doors["writer"], place.doors["writer"], place.names.bucket, place.clock)
    with pytest.raises(Denied):
        blind.find(stored.key)
    with pytest.raises(Denied):
        b"".join(blind.read(stored))


def test_the_ledger_is_signed_by_kms(place):
    book = Ledger(place.store, place.signer, case_id="l", kind="drill", clock=place.clock, actor="a", authority="p",
                  tool="t")  # fmt: skip
    start = time.monotonic()
    for n in range(100):
        book.append("acquired", {"n": n})
    print(f"{100 / (time.monotonic() - start):.0f} entries a second")
    assert book.checkpoint().key == place.signer.fingerprint
    again = Ledger(place.store, place.signer, case_id="l", kind="drill", clock=place.clock, actor="b", authority="p",
                   tool="t")  # fmt: skip
    assert again.entries() == book.entries()


def test_every_attempt_is_refused_by_the_store(place):
    canary = prove.plant(place.store, "p")
    before = prove.standing_of(place.doors["examiner"], place.names.bucket)
    made = prove.attempt(place.attackers, place.names.bucket, canary, standing=before)
    assert [f"{each.role}: {each.action}" for each in made if not each.refused] == []
    assert all(each.answer.split(":")[0] in prove.REFUSALS and each.request_id for each in made)
    assert len(made) > 35 * len(place.attackers)
    assert prove.standing_of(place.doors["examiner"], place.names.bucket) == before
    place.store.check(canary)


@pytest.mark.proves("s3.DeleteObject")
def test_the_same_calls_succeed_with_the_right_credential_on_an_unlocked_object(place):
    # The control: the refusals above are the policy's and the lock's, not ours and not the emulator's for everything.
    where = {"Bucket": "bucket-without-policy", "Key": "canary"}
    made = place.admin.call("s3.PutObject", **where, Body=b"x", ChecksumAlgorithm="SHA256")
    canary = Stored(key="canary", version=made["VersionId"], size_bytes=1, sha256="", sha512="")
    through, refused = [], []
    for attack in prove.attacks(prove.Target(bucket=where["Bucket"], stored=canary)):
        try:
            place.admin.call(attack.operation, **attack.parameters)
        except (Denied, NotPossible) as problem:
            refused.append((attack.action, problem.aws_code))
            continue
        through.append(attack.action)
    assert {"delete the version", "hide it under a delete marker", "delete it in a batch", "overwrite it",
            "turn the default lock off", "let it expire by lifecycle", "weaken the bucket's policy",
            "remove the bucket's policy"} <= set(through)  # fmt: skip
    assert ("suspend versioning", "InvalidBucketState") in refused


@pytest.mark.proves("s3.GetObjectLockConfiguration")
def test_the_lock_alone_refuses_when_the_policy_is_gone(place):
    # Root of the vault's own account may remove the policy: a residual risk. What is locked stays all the same.
    stored = place.store.put("cases/c/evidence/alone", [b"x"])
    before = prove.standing_of(place.doors["examiner"], place.names.bucket)
    place.root.call("s3.DeleteBucketPolicy", Bucket=place.names.bucket)
    try:
        with pytest.raises(Denied):
            place.admin.call("s3.DeleteObject", Bucket=place.names.bucket, Key=stored.key, VersionId=stored.version)
    finally:
        place.root.call("s3.PutBucketPolicy", Bucket=place.names.bucket, Policy=before.policy)
    place.store.check(stored)


def test_nobody_of_the_subject_account_takes_on_a_role(place):
    for role in ROLES:
        with pytest.raises(CredentialsError):
            place.prod.assume(place.names.role_arn(role), name="thief")
    with pytest.raises(CredentialsError):
        place.hub.assume(place.names.role_arn("deployer"), name="hub")


def test_the_custodian_extends_within_bounds_and_lifts_nothing(place):
    stored = place.store.put("cases/c/evidence/held", [b"x"])
    custodian = place.doors["custodian"]
    where = {"Bucket": place.names.bucket, "Key": stored.key, "VersionId": stored.version}

    def retention(days):
        until = place.clock.now() + dt.timedelta(days=days)
        return {"Mode": "GOVERNANCE", "RetainUntilDate": until}

    custodian.call("s3.PutObjectRetention", **where, Retention=retention(30))
    for days in (0.5, 4000, 20):
        with pytest.raises(Denied):
            custodian.call("s3.PutObjectRetention", **where, Retention=retention(days))
    custodian.call("s3.PutObjectLegalHold", **where, LegalHold={"Status": "ON"})
    with pytest.raises(Denied):
        custodian.call("s3.PutObjectLegalHold", **where, LegalHold={"Status": "OFF"})


@pytest.mark.parametrize("role", ["writer", "examiner", "custodian"])
def test_only_the_signer_signs(place, role):
    with pytest.raises(Denied):
        KmsSigner(place.doors[role], place.names.key_arn).sign(b"forged")
    with pytest.raises(Denied):
        KmsSigner(place.admin, place.names.key_arn).sign(b"forged")


PROTECTIVE = ("OnlyTheWriterPuts", "OnlyTheExaminerReads", "CreateOnly", "NobodyDeletes", "OnlyTheCustodianHolds",
              "OnlyTheDeployerConfigures")  # fmt: skip


@pytest.mark.parametrize("sid", PROTECTIVE)
def test_each_statement_is_needed(place, sid):
    """With one statement gone something is let through; so none of them is there for show."""
    bucket = f"broken-{sid.lower()}"
    names = dataclasses.replace(place.names, bucket=bucket)
    place.admin.call("s3.CreateBucket", Bucket=bucket, ObjectLockEnabledForBucket=True)
    rule = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": DRILL_RETENTION}}
    place.admin.call("s3.PutObjectLockConfiguration", Bucket=bucket, ObjectLockConfiguration=rule)
    whole = bucket_policy(names)
    assert sid in {each["Sid"] for each in whole["Statement"]}
    for role in ROLES:  # the roles' policies name their bucket
        place.admin.call("iam.PutRolePolicy", RoleName=names.role_arn(role).split("/")[1], PolicyName=f"for-{bucket}",
                         PolicyDocument=json.dumps(role_policy(role, names)))  # fmt: skip
    store = S3Store(place.doors["writer"], place.doors["examiner"], bucket, place.clock)
    canary = store.put("cases/x/canary", [b"x"])
    whole["Statement"] = [each for each in whole["Statement"] if each["Sid"] != sid]
    place.admin.call("s3.PutBucketPolicy", Bucket=bucket, Policy=json.dumps(whole))
    made = prove.attempt({"admin": place.admin, "writer": place.doors["writer"]}, bucket, canary)
    through = {each.action for each in made if not each.refused} | beyond(place.admin, bucket, canary)
    assert through, f"without {sid} nothing changed"


def beyond(admin, bucket, canary):
    """What an administrator may do beside altering: read, plant, and lock at our cost."""
    where = {"Bucket": bucket, "Key": canary.key, "VersionId": canary.version}
    planted = {"Bucket": bucket, "Key": "planted", "Body": b"x", "IfNoneMatch": "*", "ChecksumAlgorithm": "SHA256"}
    through = set()
    for operation, parameters in (
        ("s3.GetObject", where),
        ("s3.PutObject", planted),
        ("s3.PutObjectLegalHold", {**where, "LegalHold": {"Status": "ON"}}),
    ):
        with contextlib.suppress(Denied):
            admin.call(operation, **parameters)
            through.add(operation)
    return through


def test_with_every_statement_an_administrator_can_do_none_of_it(place):
    stored = place.store.put("cases/c/evidence/beyond", [b"x"])
    assert beyond(place.admin, place.names.bucket, stored) == set()
