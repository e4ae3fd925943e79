"""The generated policies against iamprover (Apache-2.0): a solver shows that no request of a principal gets through, or gives one.

The cases of `test_policy_proof.py` are single requests; an invariant here is about every action and resource of a form.
iamprover reads a condition that it does not know as one that never denies. So what it proves holds; what it does not
prove is looked at. Each invariant names the statement that carries it: without that one, the solver must find a way.
"""

import json
import subprocess
from dataclasses import dataclass

import pytest
from environment import python_of

from amberlight.capture import catalogue, policy
from amberlight.vault import policies
from amberlight.vault.policies import ROLES, VaultNames

VAULT, HUB, PROD, REGION = "222233334444", "333344445555", "111122223333", "eu-central-1"
NAMES = VaultNames(
    bucket="evidence", account=VAULT, region=REGION, hub=f"arn:aws:iam::{HUB}:role/Hub",
    key_arn=f"arn:aws:kms:{REGION}:{VAULT}:key/00000000-0000-0000-0000-000000000001",
    data_key_arn=f"arn:aws:kms:{REGION}:{VAULT}:key/00000000-0000-0000-0000-000000000002",
)  # fmt: skip
OBJECTS, BUCKET = "arn:aws:s3:::evidence/*", "arn:aws:s3:::evidence"
ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
PROGRAM = """
import json, sys
from iamprover.engine.solver import check_all
from iamprover.invariants import parse_invariants
from iamprover.parsers.iam import load_account
found = []
for number, (account, invariants) in enumerate(json.load(sys.stdin)):
    path = f"{sys.argv[1]}/{number}.json"
    with open(path, "w") as file:
        json.dump(account, file)
    for result in check_all(load_account(path), parse_invariants({"invariants": invariants})):
        found += [[result.invariant.id, each.principal, each.action] for each in result.counterexamples]
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Invariant:
    """Nobody but `only` may do any of these actions on that; `wall` is the policy, `by` the statement that sees to it."""

    name: str
    actions: tuple[str, ...]
    on: str
    wall: str
    by: str
    only: str = ""


INVARIANTS = (
    Invariant("nobody deletes what is sealed", ("s3:DeleteObject", "s3:DeleteObjectVersion", "s3:ReplicateDelete"),
              OBJECTS, "bucket", "NobodyDeletes"),
    Invariant("nobody bypasses a lock", ("s3:BypassGovernanceRetention",), OBJECTS, "bucket", "NobodyDeletes"),
    Invariant("nobody removes the bucket", ("s3:DeleteBucket",), BUCKET, "bucket", "NobodyRemovesTheBucket"),
    Invariant("only the writer writes", ("s3:PutObject",), OBJECTS, "bucket", "OnlyTheWriterPuts", "writer"),
    Invariant("only the examiner reads back", ("s3:GetObject", "s3:GetObjectVersion"), OBJECTS, "bucket",
              "OnlyTheExaminerReads", "examiner"),
    Invariant("only the custodian holds and locks", ("s3:PutObjectRetention", "s3:PutObjectLegalHold"), OBJECTS, "bucket",
              "OnlyTheCustodianHolds", "custodian"),
    Invariant("only the deployer changes the wall itself",
              ("s3:PutBucketPolicy", "s3:DeleteBucketPolicy", "s3:PutBucketVersioning", "s3:PutLifecycleConfiguration",
               "s3:PutReplicationConfiguration", "s3:PutBucketObjectLockConfiguration", "s3:PutEncryptionConfiguration"),
              BUCKET, "bucket", "OnlyTheDeployerConfigures", "deployer"),
    Invariant("only the signer signs", ("kms:Sign",), NAMES.key_arn, "signing-key", "OnlyTheSignerSigns", "signer"),
    Invariant("only the deployer ends the signing key", ("kms:ScheduleKeyDeletion", "kms:DisableKey", "kms:PutKeyPolicy"),
              NAMES.key_arn, "signing-key", "OnlyTheDeployerChangesTheKey", "deployer"),
    Invariant("only the deployer ends the data key", ("kms:ScheduleKeyDeletion", "kms:DisableKey", "kms:PutKeyPolicy"),
              NAMES.data_key_arn, "data-key", "OnlyTheDeployerChangesTheKey", "deployer"),
    Invariant("above the account, no key ends", ("kms:ScheduleKeyDeletion", "kms:DisableKey", "kms:PutKeyPolicy"),
              "*", "scp", "KeysStay"),
    Invariant("above the account, no snapshot goes", ("ec2:DeleteSnapshot", "ec2:UnlockSnapshot"), "*", "scp",
              "SnapshotsStay"),
    Invariant("above the account, no role changes", ("iam:UpdateAssumeRolePolicy", "iam:PutRolePolicy", "iam:DeleteRole"),
              f"arn:aws:iam::{VAULT}:role/*", "scp", "RolesStay"),
    Invariant("above the account, no new way in", ("iam:CreateUser", "iam:CreateAccessKey"), "*", "scp", "NoNewWaysIn"),
    Invariant("above the account, the trail stays", ("cloudtrail:StopLogging", "cloudtrail:DeleteTrail"), "*", "scp",
              "TrailStays"),
)  # fmt: skip


def documents():
    """Every wall by name."""
    return {
        "bucket": policies.bucket_policy(NAMES), "signing-key": policies.key_policy(NAMES),
        "data-key": policies.data_key_policy(NAMES), "scp": policies.service_control_policy(NAMES),
    }  # fmt: skip


def principals():
    """Everybody by ARN, with what their own policy says: the roles, and who may do everything in either account."""
    found = catalogue.load()
    return {
        **{NAMES.role_arn(role): policies.role_policy(role, NAMES) for role in ROLES},
        f"arn:aws:iam::{VAULT}:role/Receiver": policy.vault_policy(found, VAULT),
        f"arn:aws:iam::{VAULT}:role/Admin": ALL,
        f"arn:aws:iam::{VAULT}:root": ALL,
        f"arn:aws:iam::{PROD}:role/Capture": policy.subject_policy(found, PROD),
        f"arn:aws:iam::{PROD}:user/admin": ALL,
    }


def question(arn, own, invariant, wall):
    """One principal before one wall, and the invariant in the solver's form."""
    account = arn.split(":")[4]
    layer = {"name": "p", "document": wall}
    whole = {"Version": "2012-10-17", "Statement": [*ALL["Statement"], *wall["Statement"]]}
    stands = {"scps": [{"name": "p", "document": whole}]} if invariant.wall == "scp" else {"resource_policies": [layer]}
    asked = {
        "id": invariant.name,
        "forbid": {"actions": list(invariant.actions), "resource": invariant.on},
        "where": {"aws:PrincipalArn": arn, "aws:PrincipalAccount": account, "aws:PrincipalIsAWSService": "false",
                  "aws:SecureTransport": "true", "aws:RequestedRegion": REGION},
    }  # fmt: skip
    return {"principals": [{"arn": arn, "policies": [{"name": "own", "document": own}]}], **stands}, [asked]


def questions(made, invariants):
    """Every principal that an invariant is about. Another account's say about its own keys is not ours."""
    for invariant in invariants:
        for arn, own in principals().items():
            exempt = invariant.only and arn == NAMES.role_arn(invariant.only)
            elsewhere = f":{PROD}:" in arn and invariant.wall != "bucket"
            if not (exempt or elsewhere):
                yield question(arn, own, invariant, made[invariant.wall])


@pytest.fixture(scope="module")
def solver(tmp_path_factory):
    try:
        python = python_of("iamprover")
    except OSError as problem:
        pytest.skip(f"iamprover cannot be installed: {problem}")
    folder = tmp_path_factory.mktemp("iamprover")

    def ways(asked):
        command = [python, "-I", "-c", PROGRAM, str(folder)]
        text = json.dumps(list(asked))
        done = subprocess.run(command, input=text, capture_output=True, check=True, text=True, timeout=100)
        return {tuple(each) for each in json.loads(done.stdout)}

    return ways


def test_no_request_of_anybody_gets_through(solver):
    assert solver(questions(documents(), INVARIANTS)) == set()


def test_who_an_invariant_excepts_gets_through(solver):
    # Else an invariant could hold because the solver finds nothing at all, or because the wall stops everybody.
    made = documents()
    excepted = [(NAMES.role_arn(each.only), each) for each in INVARIANTS if each.only]
    found = solver(question(arn, ALL, each, made[each.wall]) for arn, each in excepted)
    assert {(name, arn) for name, arn, _ in found} == {(each.name, arn) for arn, each in excepted}


@pytest.mark.parametrize("invariant", INVARIANTS, ids=lambda each: each.name)
def test_without_its_statement_the_solver_finds_a_way(solver, invariant):
    made = documents()
    wall = made[invariant.wall]
    wall["Statement"] = [each for each in wall["Statement"] if each["Sid"] != invariant.by]
    found = solver(questions(made, [invariant]))
    assert found
    assert {action.casefold() for _, _, action in found} <= {action.casefold() for action in invariant.actions}
