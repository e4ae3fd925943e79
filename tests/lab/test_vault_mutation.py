"""Each protective statement is needed: with it everything is refused, without it something gets through and is reported."""

import contextlib
import dataclasses
import itertools
import json

import pytest

from amberlight._aws import SystemClock
from amberlight.model.codec import to_builtins
from amberlight.practice import proving, stage
from amberlight.vault import S3Store, policies, prove
from amberlight.vault.needed import NEEDED

pytestmark = pytest.mark.lab
LAB = {where: fact for where, fact in NEEDED.items() if fact.how != "offline"}
numbers = itertools.count()


@pytest.fixture(scope="module")
def hold(tmp_path_factory):
    from amberlight.lab import LabOptions, start

    folder = tmp_path_factory.mktemp("prove")
    with start(LabOptions(workdir=folder / "lab", seed=7, hosts="processes")) as lab:
        yield proving.build(lab, folder, SystemClock(), "first")


@pytest.fixture(scope="module")
def whole(hold):
    """The control: with every statement in place, nobody gets anything through."""
    signed = proving.attack(hold, SystemClock(), "whole")
    assert [to_builtins(each) for each in signed.proof.unsettled] == []
    assert [f"{each.role}: {each.action}" for each in signed.proof.attempts if not each.refused] == []
    return signed


def fresh(hold):
    """A canary that no earlier attack has touched."""
    writer, examiner = hold.doors["vault writer"], hold.doors["vault examiner"]
    store = S3Store(writer, examiner, hold.names.bucket, SystemClock())
    return dataclasses.replace(hold.target, stored=prove.plant(store, f"m{next(numbers)}"))


def without(policy, sid):
    left = [each for each in policy["Statement"] if each["Sid"] != sid]
    assert len(left) == len(policy["Statement"]) - 1, f"there is no {sid}"
    return {**policy, "Statement": left}


@contextlib.contextmanager
def bucket(hold, policy):
    def put(document):
        hold.doors["vault deployer"].call("s3.PutBucketPolicy", Bucket=hold.names.bucket, Policy=json.dumps(document))

    put(policy)
    try:
        yield fresh(hold)
    finally:
        put(policies.bucket_policy(hold.names))


@contextlib.contextmanager
def guardrail(hold, policy):
    def put(document):
        hold.ground.security.call("organizations.UpdatePolicy", PolicyId=hold.guardrail, Content=json.dumps(document))

    put(policy)
    try:
        yield fresh(hold)
    finally:
        put(policies.service_control_policy(hold.names))


@contextlib.contextmanager
def key(hold, policy):
    made = hold.ground.vault.call(
        "kms.CreateKey", KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY", Policy=json.dumps(policy)
    )
    yield dataclasses.replace(fresh(hold), signing_key=made["KeyMetadata"]["Arn"])


@contextlib.contextmanager
def trust(hold, role, policy):
    def put(document):
        name = hold.names.role_arn(role).rpartition("/")[2]
        with guardrail(hold, without(policies.service_control_policy(hold.names), "RolesStay")):
            hold.ground.vault.call("iam.UpdateAssumeRolePolicy", RoleName=name, PolicyDocument=json.dumps(document))

    put(policy)
    try:
        yield fresh(hold)
    finally:
        put(policies.trust_policy(role, hold.names))


def mutated(hold, where, how):
    """The vault with one statement taken away, or one trust opened to everybody."""
    policy, sid = where
    names = hold.names
    if policy == "bucket":
        left = without(policies.bucket_policy(names), sid)
        if how == "mistake":
            left["Statement"].append(mistake(hold))
        return bucket(hold, left)
    if policy == "scp":
        return guardrail(hold, without(policies.service_control_policy(names), sid))
    if policy == "signing-key":
        return key(hold, without(policies.key_policy(names), sid))
    role = policy.removeprefix("trust-")
    anybody = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    return trust(hold, role, {"Version": "2012-10-17", "Statement": [anybody]})


def mistake(hold):
    """An allowance that names the subject account; one for everybody is refused as public before it stands."""
    resources = [hold.names.bucket_arn, hold.names.objects_arn]
    subject = {"AWS": f"arn:aws:iam::{hold.ground.prod.account}:root"}
    return {"Sid": "Mistake", "Effect": "Allow", "Principal": subject, "Action": "s3:*", "Resource": resources}


@pytest.mark.parametrize("where", LAB, ids="-".join)
def test_without_it_something_gets_through_and_the_report_says_so(hold, whole, where):
    fact = LAB[where]
    assert (fact.who, fact.action) in {(each.role, each.action) for each in whole.proof.attempts}
    standing = prove.standing_of(hold.doors["vault examiner"], hold.names.bucket)
    with mutated(hold, where, fact.how) as target:
        came = prove.assault({fact.who: hold.doors[fact.who]}, target, standing)
    through = [each.action for each in came.attempts if not each.refused]
    assert fact.action in through, through


def test_a_mistaken_allowance_alone_lets_nothing_through(hold, whole):
    policy = policies.bucket_policy(hold.names)
    with bucket(hold, {**policy, "Statement": [*policy["Statement"], mistake(hold)]}) as target:
        came = prove.assault(hold.doors, target)
    assert [f"{each.role}: {each.action}" for each in came.attempts if not each.refused] == []


def test_what_was_mutated_was_put_back(hold, whole):
    examiner = hold.doors["vault examiner"]
    assert json.loads(prove.standing_of(examiner, hold.names.bucket).policy) == policies.bucket_policy(hold.names)


def test_every_statement_that_forbids_has_its_fact():
    from amberlight._derive.policies import vault_policies

    there = {
        (name.removeprefix("vault-").removesuffix(".json"), each.sid)
        for name, (_, _, statements) in vault_policies().items()
        for each in statements
        if each.body["Effect"] == "Deny" or name.startswith("vault-trust")
    }
    assert there == set(NEEDED)


def test_the_stage_is_the_lab_of_a_drill(hold):
    assert stage.HUB in hold.names.hub
