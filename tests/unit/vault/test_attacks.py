"""The attacks themselves: requests that AWS would understand, each the harm that its name says, each undone as it was."""

import functools
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import botocore.session
import pytest
from botocore.validate import validate_parameters

from amberlight.model.custody import Stored
from amberlight.vault.attack import Standing, Target
from amberlight.vault.attack_settings import MALFORMED
from amberlight.vault.prove import assault, attacks, lawful

UNTIL = datetime(2026, 12, 1, tzinfo=UTC)
CANARY = Stored(key="cases/c/canary/x", version="v1", size_bytes=1, sha256="", sha512="", retain_until=UNTIL)
ACCOUNT = "222233334444"
KEYS = [f"arn:aws:kms:us-east-1:{ACCOUNT}:key/{name}" for name in ("signing", "data")]
ROLES = tuple(f"arn:aws:iam::{ACCOUNT}:role/Amberlight{name}" for name in ("Writer", "Signer"))
DEPLOYER = f"arn:aws:iam::{ACCOUNT}:role/AmberlightDeployer"
TRAIL = f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/vault"
WHOLE = Target(bucket="evidence", stored=CANARY, account=ACCOUNT, signing_key=KEYS[0], data_key=KEYS[1], trail=TRAIL,
               roles=ROLES, deployer=DEPLOYER, expendable=True)  # fmt: skip
STANDING = Standing(
    policy='{"Version": "2012-10-17"}',
    lock={"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 30}}},
    lifecycle=({"ID": "mine", "Status": "Enabled", "Filter": {"Prefix": ""}},),
    public_access={"BlockPublicAcls": True},
)
SERVICES = botocore.session.get_session()


@functools.cache
def known():
    """Every attack on everything, by name."""
    return {each.action: each for each in attacks(WHOLE)}


def shape_of(operation):
    service, _, name = operation.partition(".")
    return SERVICES.get_service_model(service).operation_model(name).input_shape


def foreign_words(shape, value):
    """Values that are none of those that AWS names for their place."""
    if shape.type_name == "structure":
        return [word for name, each in value.items() for word in foreign_words(shape.members[name], each)]
    if shape.type_name == "list":
        return [word for each in value for word in foreign_words(shape.member, each)]
    enum = getattr(shape, "enum", None)
    return [value] if enum and value not in enum else []


def understood(operation, parameters):
    """Whether AWS would understand the request: its parameters, their types, and words of a fixed list."""
    shape, parameters = shape_of(operation), dict(parameters)
    # boto3 writes these two as S3 reads them.
    if source := parameters.get("CopySource"):
        assert source == {"Bucket": "evidence", "Key": CANARY.key, "VersionId": "v1"}
        parameters["CopySource"] = "text"
    if "SSECustomerKey" in parameters:
        parameters["SSECustomerKey"] = "text"
    validate_parameters(parameters, shape)
    assert foreign_words(shape, parameters) == [], operation


class Recording:
    """A door into the vault's account that lets everything through, and keeps what was asked."""

    account = ACCOUNT

    def __init__(self):
        self.calls = []

    def call(self, operation, **parameters):
        self.calls.append((operation, parameters))
        return {"GrantId": "g-1", "VersionId": "m-1"}


def undone(action, standing=STANDING):
    """The calls that put back what an attack did."""
    door = Recording()
    known()[action].undo(door, WHOLE, standing, {"GrantId": "g-1", "VersionId": "m-1"})
    return door.calls


def test_every_attack_is_a_request_that_aws_understands():
    for each in attacks(WHOLE):
        understood(each.operation, each.parameters)


@pytest.mark.parametrize("standing", [STANDING, Standing(policy="{}", lock={})], ids=["all set", "least"])
def test_every_way_back_is_a_request_that_aws_understands(standing):
    for name in [each.action for each in attacks(WHOLE) if each.undo]:
        assert undone(name, standing)
        for operation, parameters in undone(name, standing):
            understood(operation, parameters)


def test_everything_that_is_named_lies_beside_the_canary():
    for each in attacks(WHOLE):
        if each.operation.startswith("s3."):
            assert each.parameters["Bucket"] == "evidence"
            assert each.parameters.get("Key", CANARY.key).startswith("cases/c/canary/")
    assert WHOLE.prefix == "cases/c/canary"
    new = [each.parameters["Key"] for each in known().values() if each.parameters.get("Body") == b"planted"]
    assert len(set(new)) == len(new) == 4
    assert CANARY.key not in new


@pytest.mark.parametrize("action, role", [
    ("plant an object", "writer"), ("read it", "examiner"), ("list what is there", "examiner"),
    ("place a hold", "custodian"), ("sign with the signing key", "signer"),
    ("take on AmberlightWriter", "hub"), ("take on AmberlightSigner", "hub"),
    *((action, "deployer") for action in (
        "turn the default lock off", "let it expire by lifecycle", "weaken the bucket's policy",
        "no longer block public access", "let access lists count again", "change the default encryption")),
])  # fmt: skip
def test_work_of_one_role_is_an_attack_by_all_others(action, role):
    others = {"writer", "examiner", "signer", "custodian", "deployer", "hub"} - {role}
    assert lawful(f"vault {role}", known()[action], inside=True)
    assert not [each for each in others if lawful(each, known()[action], inside=True)]


def test_nothing_else_is_anybodys_work():
    assert len([each for each in known().values() if each.lawful]) == 14
    assert known()["take on AmberlightDeployer"].lawful == frozenset()
    policy = known()["read the bucket's policy"]
    assert lawful("anybody", policy, inside=True)
    assert not lawful("anybody", policy, inside=False)


def test_a_shorter_lock_is_shorter_and_a_century_is_longer():
    def asked(action):
        return known()[action].parameters["Retention"]["RetainUntilDate"]

    assert asked("shorten its lock") == asked("shorten its lock by governance bypass") == UNTIL - timedelta(hours=1)
    assert known()["shorten its lock by governance bypass"].parameters["BypassGovernanceRetention"] is True
    assert asked("lock it for a century") > UNTIL + timedelta(days=36000)
    soon = known()["store with a shorter lock than the bucket's"].parameters
    assert soon["ObjectLockRetainUntilDate"] == UNTIL - timedelta(hours=1)
    assert len(list(attacks(replace(WHOLE, stored=replace_lock(None))))) == len(known()) - 4


def replace_lock(until):
    return Stored(key=CANARY.key, version="v1", size_bytes=1, sha256="", sha512="", retain_until=until)


def test_deletions_name_the_version_and_hiding_does_not():
    version = {"Key": CANARY.key, "VersionId": "v1"}
    assert known()["delete the version"].parameters == {"Bucket": "evidence", **version}
    assert known()["hide it under a delete marker"].parameters == {"Bucket": "evidence", "Key": CANARY.key}
    assert known()["delete it in a batch"].parameters["Delete"] == {"Objects": [version]}
    bypass = known()["delete it by governance bypass"].parameters
    assert bypass == {"Bucket": "evidence", **version, "BypassGovernanceRetention": True}
    assert undone("hide it under a delete marker") == [
        ("s3.DeleteObject", {"Bucket": "evidence", "Key": CANARY.key, "VersionId": "m-1"})
    ]
    named = [
        each.operation for each in attacks(WHOLE) if each.operation.startswith("s3.") and "Object" in each.operation
    ]
    assert named.index("s3.GetObject") < named.index("s3.DeleteObject")  # what is gone can be attacked no more
    assert known()["lift its legal hold"].parameters["LegalHold"] == {"Status": "OFF"}
    assert known()["place a hold"].parameters["LegalHold"] == {"Status": "ON"}


def test_foreign_keys_are_of_nobody_here():
    callers = [each.parameters for each in known().values() if "SSECustomerKey" in each.parameters]
    assert [each["SSECustomerAlgorithm"] for each in callers] == ["AES256"] * 2
    assert {len(each["SSECustomerKey"]) for each in callers} == {32}
    foreign = known()["store under a KMS key of another account"].parameters
    assert foreign["ServerSideEncryption"] == "aws:kms"
    assert foreign["SSEKMSKeyId"].split(":")[4] not in ("", ACCOUNT)


def test_settings_are_changed_for_the_worse():
    def asked(action):
        given = dict(known()[action].parameters)
        assert given.pop("Bucket") == "evidence"
        return given

    assert asked("suspend versioning") == {"VersioningConfiguration": {"Status": "Suspended"}}
    lock = asked("turn the default lock off")["ObjectLockConfiguration"]
    assert lock == {"ObjectLockEnabled": "Enabled"}  # enabled, and without a rule: nothing is locked by default
    (rule,) = asked("let it expire by lifecycle")["LifecycleConfiguration"]["Rules"]
    assert (rule["Status"], rule["Filter"], rule["Expiration"]) == ("Enabled", {"Prefix": CANARY.key}, {"Days": 1})
    assert asked("open the bucket by an access list") == {"ACL": "public-read"}
    assert asked("open it by an access list")["ACL"] == "public-read"
    (rule,) = asked("let access lists count again")["OwnershipControls"]["Rules"]
    assert rule["ObjectOwnership"] == "ObjectWriter"
    (rule,) = asked("replicate it out")["ReplicationConfiguration"]["Rules"]
    assert (rule["Status"], rule["Filter"]) == ("Enabled", {"Prefix": "cases/c/canary"})
    assert rule["Destination"]["Bucket"].startswith("arn:aws:s3:::")
    assert asked("replicate it out")["ReplicationConfiguration"]["Role"].startswith(f"arn:aws:iam::{ACCOUNT}:role/")
    assert asked("make readers pay")["RequestPaymentConfiguration"] == {"Payer": "Requester"}


def test_the_bucket_is_closed_again_as_it_was():
    def back(action, standing=STANDING):
        ((operation, given),) = undone(action, standing)
        assert given.pop("Bucket") == "evidence"
        return operation, given

    public = "no longer block public access"
    assert back(public) == ("s3.PutPublicAccessBlock", {"PublicAccessBlockConfiguration": {"BlockPublicAcls": True}})
    strictest = back(public, replace(STANDING, public_access={}))[1]["PublicAccessBlockConfiguration"]
    assert len(strictest) == 4
    assert set(strictest.values()) == {True}
    policy = ("s3.PutBucketPolicy", {"Policy": STANDING.policy})
    assert back("weaken the bucket's policy") == back("remove the bucket's policy") == policy
    lock = ("s3.PutObjectLockConfiguration", {"ObjectLockConfiguration": STANDING.lock})
    assert back("turn the default lock off") == lock
    expiry = "let it expire by lifecycle"
    assert back(expiry)[1]["LifecycleConfiguration"] == {"Rules": [STANDING.lifecycle[0]]}
    assert back(expiry, replace(STANDING, lifecycle=())) == ("s3.DeleteBucketLifecycle", {})
    assert back("open the bucket by an access list") == ("s3.PutBucketAcl", {"ACL": "private"})
    rule = back("let access lists count again")[1]["OwnershipControls"]["Rules"]
    assert rule == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert back("serve it as a web site") == ("s3.DeleteBucketWebsite", {})
    assert back("make readers pay")[1] == {"RequestPaymentConfiguration": {"Payer": "BucketOwner"}}
    assert back("replicate it out") == ("s3.DeleteBucketReplication", {})


def test_keys_roles_and_the_trail_are_put_back():
    for name, key in zip(("signing", "evidence"), KEYS, strict=True):
        assert undone(f"disable the {name} key") == [("kms.EnableKey", {"KeyId": key})]
        assert undone(f"schedule the {name} key for deletion") == [
            ("kms.CancelKeyDeletion", {"KeyId": key}), ("kms.EnableKey", {"KeyId": key}),
        ]  # fmt: skip
        # The longest that KMS knows, so that there is time to cancel.
        assert known()[f"schedule the {name} key for deletion"].parameters["PendingWindowInDays"] == 30
    assert undone("lend the signing key by a grant") == [("kms.RevokeGrant", {"KeyId": KEYS[0], "GrantId": "g-1"})]
    lent = known()["lend the signing key by a grant"].parameters
    assert (lent["KeyId"], lent["Operations"]) == (KEYS[0], ["Sign"])
    assert lent["GranteePrincipal"] == f"arn:aws:iam::{ACCOUNT}:root"
    more = known()["give a role more to do"].parameters
    assert more["RoleName"] == "AmberlightWriter"
    wanted = {name: more[name] for name in ("RoleName", "PolicyName")}
    assert undone("give a role more to do") == [("iam.DeleteRolePolicy", wanted)]
    user = known()["make a user that stays"].parameters
    assert undone("make a user that stays") == [("iam.DeleteUser", user)]
    assert undone("stop the vault's own trail") == [("cloudtrail.StartLogging", {"Name": TRAIL})]
    assert known()["no longer sign the trail"].parameters == {"Name": TRAIL, "EnableLogFileValidation": False}
    signed = [("cloudtrail.UpdateTrail", {"Name": TRAIL, "EnableLogFileValidation": True})]
    assert undone("no longer sign the trail") == signed


def test_policies_of_the_attack_give_nothing_to_anybody():
    for action in ("weaken the bucket's policy", "give a role more to do"):
        given = known()[action].parameters
        text = json.loads(given.get("Policy") or given["PolicyDocument"])
        assert text["Version"] == "2012-10-17"
        assert [each["Effect"] for each in text["Statement"]] == ["Deny"]
        assert [each["Resource"] for each in text["Statement"]] == ["arn:aws:s3:::evidence"]
    (of_bucket,) = json.loads(known()["weaken the bucket's policy"].parameters["Policy"])["Statement"]
    (of_role,) = json.loads(known()["give a role more to do"].parameters["PolicyDocument"])["Statement"]
    assert of_bucket["Principal"] == "*"
    assert "Principal" not in of_role  # a policy of a role that has one is malformed
    assert of_bucket["Action"] == of_role["Action"] == "s3:DeleteBucket"


def test_what_no_service_takes_is_let_through_by_its_complaint_alone():
    through = {each.action for each in known().values() if each.through}
    assert through == {"change the policy of the signing key", "change the policy of the evidence key",
                       "change who may take on a role"}  # fmt: skip
    assert {"MalformedPolicyDocument", "MalformedPolicyDocumentException"} == MALFORMED
    for action in through:
        given = known()[action].parameters
        assert json.loads(given.get("Policy") or given["PolicyDocument"]) == {}


def test_only_insiders_are_asked_for_what_they_alone_can_name():
    inside = {each.action for each in known().values() if each.inside}
    assert {each.partition(".")[0] for each in (known()[action].operation for action in inside)} == {
        "iam",
        "cloudtrail",
    }
    assert inside == {each.action for each in known().values() if each.operation[:4] in ("iam.", "clou")}


def test_what_there_is_not_is_not_attacked():
    def services(target):
        return {each.operation.partition(".")[0] for each in attacks(target)}

    assert services(Target(bucket="b", stored=CANARY)) == {"s3"}
    assert services(Target(bucket="b", stored=CANARY, data_key=KEYS[1])) == {"s3", "kms"}
    assert services(Target(bucket="b", stored=CANARY, trail=TRAIL)) == {"s3", "cloudtrail"}
    assert services(Target(bucket="b", stored=CANARY, deployer=DEPLOYER)) == {"s3", "sts"}
    assert services(Target(bucket="b", stored=CANARY, roles=ROLES)) == {"s3", "sts", "iam"}
    without = {each.action for each in attacks(replace(WHOLE, signing_key=""))}
    assert not [each for each in without if "signing key" in each]
    replicated = next(each for each in attacks(Target(bucket="b", stored=CANARY)) if each.action == "replicate it out")
    assert replicated.parameters["ReplicationConfiguration"]["Role"].split(":")[4] == "0" * 12


def test_a_trail_is_not_deleted_unless_it_is_expendable():
    assert "delete the vault's own trail" in known()
    assert not [each for each in attacks(replace(WHOLE, expendable=False)) if "DeleteTrail" in each.operation]
    assert Target(bucket="b", stored=CANARY).expendable is False


def test_a_role_is_taken_on_under_a_name_that_says_what_it_is():
    for arn in (*ROLES, DEPLOYER):
        given = known()[f"take on {arn.rpartition('/')[2]}"].parameters
        assert given["RoleArn"] == arn
        assert "proof" in given["RoleSessionName"]


def test_nothing_is_put_back_where_it_is_not_known_how_it_stood():
    door = Recording()
    assault({"vault root": door}, WHOLE)
    assert not {"kms.EnableKey", "s3.PutPublicAccessBlock", "iam.DeleteUser"} & {name for name, _ in door.calls}
