"""The generated policies, proved without AWS: each case is judged by an evaluator of ours and, where it is there, by iam-simulate.

`iam-simulate` (npm, AGPL) is run as a program: `AMBERLIGHT_IAM_SIMULATE` names the folder whose `node_modules` has it.
Service and resource control policies are proved here; the lab enforces the former, too, and nothing enforces the latter.
"""

import copy
import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from policy_evaluator import Request, allowed

from amberlight._derive.policies import vault_policies
from amberlight.vault import policies
from amberlight.vault.needed import NEEDED
from amberlight.vault.policies import ROLES, VaultNames

VAULT, HUB, PROD = "222233334444", "333344445555", "111122223333"
REGION = "eu-central-1"
NAMES = VaultNames(
    bucket="evidence", account=VAULT, region=REGION, hub=f"arn:aws:iam::{HUB}:role/Hub",
    key_arn=f"arn:aws:kms:{REGION}:{VAULT}:key/00000000-0000-0000-0000-000000000001",
    data_key_arn=f"arn:aws:kms:{REGION}:{VAULT}:key/00000000-0000-0000-0000-000000000002",
)  # fmt: skip
OBJECT, BUCKET = "arn:aws:s3:::evidence/cases/c/evidence/x", "arn:aws:s3:::evidence"
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
CREATES = {"s3:ObjectCreationOperation": "true"}
ONCE = {**CREATES, "s3:if-none-match": "*"}
VIA_S3 = {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}
SNAPSHOT = f"arn:aws:ec2:{REGION}::snapshot/snap-1"


def documents():
    """Every policy by its short name."""
    made = {
        "bucket": policies.bucket_policy(NAMES), "signing-key": policies.key_policy(NAMES),
        "data-key": policies.data_key_policy(NAMES), "scp": policies.service_control_policy(NAMES),
        "rcp": policies.resource_control_policy(NAMES),
    }  # fmt: skip
    return made | {role: policies.role_policy(role, NAMES) for role in ROLES}


@dataclass(frozen=True)
class Case:
    """Who does what; which of the walls stand; and whether it must go through."""

    who: str
    action: str
    resource: str
    context: dict = field(default_factory=dict)
    wall: str = "bucket"
    goes: bool = False
    stops: str = ""
    """The one statement that stops it, of all in that wall."""

    @property
    def name(self):
        return f"{self.wall}-{self.stops or self.who}-{self.action.replace(':', '.')}"


def no(who, action, resource, stops, *, wall="bucket", context=None):
    return Case(who, action, resource, context or {}, wall=wall, stops=stops)


def yes(who, action, resource, *, wall="bucket", context=None):
    return Case(who, action, resource, context or {}, wall=wall, goes=True)


CASES = (
    no("examiner", "s3:GetObject", OBJECT, "OnlyOverTls", context={"aws:SecureTransport": "false"}),
    no("prod", "s3:GetBucketPolicy", BUCKET, "NobodyFromElsewhere"),
    no("admin", "s3:PutObject", OBJECT, "OnlyTheWriterPuts", context=ONCE),
    no("root", "s3:AbortMultipartUpload", OBJECT, "OnlyTheWriterPuts"),
    no("admin", "s3:GetObject", OBJECT, "OnlyTheExaminerReads"),
    no("admin", "s3:ListBucketVersions", BUCKET, "OnlyTheExaminerReads"),
    no("writer", "s3:PutObject", OBJECT, "CreateOnly", context=CREATES),
    no("writer", "s3:PutObject", OBJECT, "NoForeignKey", context={**ONCE, "s3:x-amz-server-side-encryption-customer-algorithm": "AES256"}),
    no("writer", "s3:PutObject", OBJECT, "OnlyOurKmsKey", context={**ONCE, "s3:x-amz-server-side-encryption-aws-kms-key-id": f"arn:aws:kms:{REGION}:{PROD}:key/x"}),
    no("writer", "s3:PutObject", OBJECT, "OnlyTheDefaultLocks", context={**ONCE, "s3:object-lock-mode": "GOVERNANCE"}),
    *(no(who, action, OBJECT, "NobodyDeletes") for who in ("admin", "root") for action in (
        "s3:DeleteObject", "s3:DeleteObjectVersion", "s3:BypassGovernanceRetention", "s3:PutObjectAcl",
        "s3:PutObjectTagging", "s3:DeleteObjectTagging", "s3:ReplicateDelete")),
    *(no("root", action, OBJECT, "OnlyTheCustodianHolds") for action in (
        "s3:PutObjectRetention", "s3:PutObjectLegalHold")),
    no("custodian", "s3:PutObjectLegalHold", OBJECT, "HoldsAreNotLifted", context={"s3:object-lock-legal-hold": "OFF"}),
    no("custodian", "s3:PutObjectRetention", OBJECT, "NoEndlessLock", context={"s3:object-lock-remaining-retention-days": "3651"}),
    *(no("admin", action, BUCKET, "OnlyTheDeployerConfigures") for action in (
        "s3:PutBucketPolicy", "s3:DeleteBucketPolicy", "s3:PutBucketVersioning", "s3:PutLifecycleConfiguration",
        "s3:PutBucketObjectLockConfiguration", "s3:PutReplicationConfiguration", "s3:PutBucketPublicAccessBlock",
        "s3:PutEncryptionConfiguration", "s3:PutBucketLogging", "s3:PutIntelligentTieringConfiguration")),
    no("admin", "s3:DeleteBucket", BUCKET, "NobodyRemovesTheBucket"),
    no("admin", "kms:Sign", NAMES.key_arn, "OnlyTheSignerSigns", wall="signing-key"),
    *(no("root", action, NAMES.key_arn, "OnlyTheDeployerChangesTheKey", wall="signing-key") for action in (
        "kms:ScheduleKeyDeletion", "kms:DisableKey", "kms:PutKeyPolicy", "kms:CreateGrant")),
    no("admin", "kms:Decrypt", NAMES.data_key_arn, "OnlyThroughTheStores", wall="data-key"),
    no("admin", "kms:CreateGrant", NAMES.data_key_arn, "GrantsOnlyForAwsItself", wall="data-key"),
    *(no("admin", action, NAMES.data_key_arn, "OnlyTheDeployerChangesTheKey", wall="data-key") for action in (
        "kms:TagResource", "kms:DisableKey", "kms:DeleteImportedKeyMaterial")),
    *(no("root", action, BUCKET, "BucketPolicyStays", wall="scp") for action in (
        "s3:DeleteBucketPolicy", "s3:PutBucketPolicy")),
    *(no("root", action, NAMES.data_key_arn, "KeysStay", wall="scp") for action in (
        "kms:ScheduleKeyDeletion", "kms:DisableKey", "kms:PutKeyPolicy", "kms:DeleteImportedKeyMaterial")),
    *(no("root", action, SNAPSHOT, "SnapshotsStay", wall="scp") for action in (
        "ec2:DeleteSnapshot", "ec2:UnlockSnapshot", "ec2:ResetSnapshotAttribute")),
    no("root", "backup:DeleteRecoveryPoint", "arn:aws:backup:eu-central-1:222233334444:recovery-point:1",
       "SnapshotsStay", wall="scp"),
    no("root", "ec2:ModifySnapshotAttribute", SNAPSHOT, "SnapshotsAreNotShared", wall="scp"),
    *(no("root", action, NAMES.role_arn("writer"), "RolesStay", wall="scp") for action in (
        "iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy", "iam:AttachRolePolicy", "iam:DeleteRole")),
    no("root", "iam:CreateUser", f"arn:aws:iam::{VAULT}:user/new", "NoNewWaysIn", wall="scp"),
    *(no("root", action, f"arn:aws:cloudtrail:{REGION}:{VAULT}:trail/t", "TrailStays", wall="scp") for action in (
        "cloudtrail:StopLogging", "cloudtrail:DeleteTrail", "cloudtrail:UpdateTrail", "cloudtrail:PutEventSelectors")),
    no("root", "account:CloseAccount", f"arn:aws:account::{VAULT}:account", "AccountStays", wall="scp"),
    no("root", "organizations:LeaveOrganization", "*", "AccountStays", wall="scp"),
    no("root", "ec2:RunInstances", f"arn:aws:ec2:us-east-1:{VAULT}:instance/*", "OneRegion", wall="scp",
       context={"aws:RequestedRegion": "us-east-1"}),
    no("prod", "s3:GetBucketPolicy", BUCKET, "OnlyVaultAndHub", wall="rcp"),
    *(no("root", action, OBJECT, "ObjectsStay", wall="rcp") for action in (
        "s3:DeleteObject", "s3:DeleteObjectVersion", "s3:BypassGovernanceRetention")),
    no("writer", "s3:PutObject", OBJECT, "NoForeignKey", wall="rcp", context={**ONCE, "s3:x-amz-server-side-encryption-customer-algorithm": "AES256"}),
    no("examiner", "s3:GetObject", OBJECT, "OnlyOverTls", wall="rcp", context={"aws:SecureTransport": "false"}),
    # What the roles are there for goes through with every wall standing.
    yes("writer", "s3:PutObject", OBJECT, wall="all", context=ONCE),
    yes("writer", "s3:PutObject", OBJECT, wall="all", context={"s3:ObjectCreationOperation": "false"}),
    yes("examiner", "s3:GetObjectVersion", OBJECT, wall="all"),
    yes("examiner", "s3:ListBucketVersions", BUCKET, wall="all"),
    yes("custodian", "s3:PutObjectRetention", OBJECT, wall="all",
        context={"s3:object-lock-remaining-retention-days": "400"}),
    yes("custodian", "s3:PutObjectLegalHold", OBJECT, wall="all", context={"s3:object-lock-legal-hold": "ON"}),
    yes("signer", "kms:Sign", NAMES.key_arn, wall="all"),
    yes("writer", "kms:GenerateDataKey", NAMES.data_key_arn, wall="all", context=VIA_S3),
    yes("examiner", "kms:Decrypt", NAMES.data_key_arn, wall="all", context=VIA_S3),
    yes("deployer", "s3:PutBucketPolicy", BUCKET, wall="all"),
)  # fmt: skip


def principal(who):
    if who in ROLES:
        return NAMES.role_arn(who)
    return {"admin": f"arn:aws:iam::{VAULT}:role/Admin", "root": f"arn:aws:iam::{VAULT}:root",
            "prod": f"arn:aws:iam::{PROD}:user/admin"}[who]  # fmt: skip


def request(case):
    return Request(principal(case.who), case.action, case.resource, {"aws:RequestedRegion": REGION, **case.context})


def walls(case, made):
    """The policies that stand in a case: one wall alone, so that no other can hide a hole in it, or all of them."""
    on_key = {NAMES.key_arn: "signing-key", NAMES.data_key_arn: "data-key"}.get(case.resource)
    resource = made[case.wall] if case.wall in ("bucket", "signing-key", "data-key") else None
    if case.wall == "all":
        resource = made[on_key] if on_key else made["bucket"]
    elif on_key and resource is None:
        resource = {"Version": "2012-10-17", "Statement": made[on_key]["Statement"][:1]}  # the account's own say
    if case.who == "prod":
        mistaken = {"Effect": "Allow", "Principal": {"AWS": principal("prod")}, "Action": "s3:*", "Resource": BUCKET}
        resource = {"Version": "2012-10-17", "Statement": [*(resource or {"Statement": []})["Statement"], mistaken]}
    return {
        "identity": made.get(case.who, EVERYTHING), "resource": resource,
        "scp": made["scp"] if case.wall in ("scp", "all") else None,
        "rcp": made["rcp"] if case.wall in ("rcp", "all") else None,
    }  # fmt: skip


def failures(made):
    """Cases that do not come out as they must."""
    return [case for case in CASES if allowed(request(case), VAULT, **walls(case, made)) != case.goes]


def test_every_case_comes_out_as_it_must():
    assert [case.name for case in failures(documents())] == []


def statements():
    """Every denial: (policy, statement)."""
    made = documents()
    for name in ("bucket", "signing-key", "data-key", "scp", "rcp"):
        for each in made[name]["Statement"]:
            if each["Effect"] == "Deny":
                yield name, each["Sid"]


@pytest.mark.parametrize("wall,sid", list(statements()), ids="-".join)
def test_a_policy_without_one_statement_fails(wall, sid):
    made = documents()
    made[wall]["Statement"] = [each for each in made[wall]["Statement"] if each["Sid"] != sid]
    assert {case.stops for case in failures(made)} == {sid}


@pytest.mark.parametrize("wall,sid", list(statements()), ids="-".join)
def test_a_policy_with_one_denial_turned_into_an_allowance_fails(wall, sid):
    made = documents()
    next(each for each in made[wall]["Statement"] if each["Sid"] == sid)["Effect"] = "Allow"
    assert sid in {case.stops for case in failures(made)}


@pytest.mark.parametrize("wall,sid", [(w, s) for w, s in statements() if s.startswith(("Only", "NobodyFrom"))])
def test_a_policy_with_a_condition_that_never_holds_fails(wall, sid):
    made = documents()
    statement = next(each for each in made[wall]["Statement"] if each["Sid"] == sid)
    statement["Condition"] = {"StringEquals": {"aws:PrincipalArn": "arn:aws:iam::000000000000:role/Nobody"}}
    assert sid in {case.stops for case in failures(made)}


@pytest.mark.parametrize("role,more", [("writer", "s3:GetObject"), ("examiner", "s3:PutObject")])
def test_a_role_that_may_more_is_still_held_by_the_bucket(role, more):
    made = documents()
    made[role] = copy.deepcopy(EVERYTHING)
    held = Case(role, more, OBJECT, ONCE)
    assert not allowed(request(held), VAULT, **walls(held, made))


def test_a_policy_that_denies_everything_fails_too():
    made = documents()
    made["bucket"]["Statement"].append(
        {"Sid": "All", "Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}
    )
    assert {case.who for case in failures(made)} >= {"writer", "examiner", "custodian", "deployer"}


def test_every_fact_that_is_said_to_be_proved_offline_is_a_case():
    proved = {(case.wall, case.stops, case.action) for case in CASES}
    said = {(*where, fact.action) for where, fact in NEEDED.items() if fact.how == "offline"}
    assert said <= proved


def test_the_evaluator_judges_nothing_that_it_does_not_know():
    odd = {"Statement": [{"Effect": "Deny", "Action": "*", "Condition": {"IpAddress": {"aws:SourceIp": "::/0"}}}]}
    with pytest.raises(KeyError):
        allowed(Request(principal("root"), "s3:GetObject", OBJECT, {"aws:SourceIp": "::1"}), VAULT, identity=odd)


def test_what_is_deployed_is_what_is_proved():
    folder = Path(__file__).parents[3] / "deploy" / "policies"
    for name, (_, made, _) in vault_policies().items():
        assert json.loads((folder / name).read_text(encoding="utf-8")) == made


def test_each_policy_fits_where_it_goes():
    from amberlight.vault.guardrails import POLICY_BYTES_MAX

    for name in ("scp", "rcp"):
        assert len(json.dumps(documents()[name], separators=(",", ":"))) < POLICY_BYTES_MAX


SIMULATOR = Path(os.environ.get("AMBERLIGHT_IAM_SIMULATE", "/nowhere"))
PROGRAM = """
import { createRequire } from 'node:module'
const require = createRequire(process.argv[2] + '/')
const { runSimulation } = require('@cloud-copilot/iam-simulate')
let text = ''
for await (const chunk of process.stdin) text += chunk
const out = []
for (const one of JSON.parse(text)) out.push(await runSimulation(one, {}))
console.log(JSON.stringify(out))
"""


@pytest.mark.skipif(
    not (SIMULATOR / "node_modules/@cloud-copilot/iam-simulate").is_dir() or not shutil.which("node"),
    reason="no iam-simulate: npm install @cloud-copilot/iam-simulate, and name the folder in AMBERLIGHT_IAM_SIMULATE",
)
def test_iam_simulate_judges_alike(tmp_path):
    made = documents()
    program = tmp_path / "judge.mjs"
    program.write_text(PROGRAM)
    asked = json.dumps([simulation(case, walls(case, made)) for case in CASES])
    done = subprocess.run(
        ["node", str(program), str(SIMULATOR.resolve())],
        input=asked,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    answers = json.loads(done.stdout)
    assert len(answers) == len(CASES)
    judged = [(case.name, answer.get("overallResult", answer)) for case, answer in zip(CASES, answers, strict=True)]
    assert judged == [(case.name, "Allowed" if case.goes else "ExplicitlyDenied") for case in CASES]


def simulation(case, standing):
    full = {"name": "FullAWSAccess", "policy": EVERYTHING}

    def layer(policy, *whole):
        return [{"orgIdentifier": "o", "policies": [*whole, *([{"name": "p", "policy": policy}] if policy else [])]}]

    asked = request(case)
    # Keys that AWS sends with this request only, and those that it always sends.
    context = asked.context | {
        "aws:SecureTransport": asked.context.get("aws:SecureTransport", "true"), "aws:PrincipalIsAWSService": "false",
        "aws:PrincipalArn": asked.principal, "aws:PrincipalAccount": asked.principal.split(":")[4],
    }  # fmt: skip
    return {
        "request": {"principal": asked.principal, "action": asked.action,
                    "resource": {"resource": asked.resource, "accountId": VAULT}, "contextVariables": context},
        "identityPolicies": [{"name": "identity", "policy": standing["identity"]}],
        "serviceControlPolicies": layer(standing["scp"], full),
        "resourceControlPolicies": layer(standing["rcp"]),
        **({"resourcePolicy": standing["resource"]} if standing["resource"] else {}),
    }  # fmt: skip
