"""Attacks on what the vault stands on: the bucket's settings, the keys, the roles, and the account's own trail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from amberlight.vault import attack_undo
from amberlight.vault.attack import Attack, Target, Undo, denial

CONFIGURES = frozenset({"deployer"})
SESSION = "vault-proof"
NOBODY = "vault-proof-nobody"
NO_POLICY = "{}"
MALFORMED = frozenset({"MalformedPolicyDocument", "MalformedPolicyDocumentException"})
"""What IAM and KMS say of it to whoever may write one."""


def _setting(
    action: str, operation: str, target: Target, undo: Undo | None, *, lawful: frozenset[str] = frozenset(), **more: Any
) -> Attack:
    parameters = {"Bucket": target.bucket, **more}
    return Attack(action=action, operation=f"s3.{operation}", parameters=parameters, undo=undo, lawful=lawful)


def on_settings(target: Target) -> Iterator[Attack]:
    """The bucket as a whole. What the deployer may do in an emergency is his lawful work."""
    yield from _walls(target)
    yield from _openings(target)
    yield from _ways_out(target)


def _walls(target: Target) -> Iterator[Attack]:
    expire = {"ID": "expire", "Status": "Enabled", "Filter": {"Prefix": target.stored.key}, "Expiration": {"Days": 1}}
    off = {"Status": "Suspended"}
    yield _setting("suspend versioning", "PutBucketVersioning", target, None, VersioningConfiguration=off)
    yield _setting(
        "turn the default lock off",
        "PutObjectLockConfiguration",
        target,
        attack_undo.lock,
        lawful=CONFIGURES,
        ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"},
    )
    yield _setting(
        "let it expire by lifecycle",
        "PutBucketLifecycleConfiguration",
        target,
        attack_undo.lifecycle,
        lawful=CONFIGURES,
        LifecycleConfiguration={"Rules": [expire]},
    )
    # Valid, and harmless by itself: what it takes away is everything else that stands there.
    weak = denial(target)
    yield _setting(
        "weaken the bucket's policy", "PutBucketPolicy", target, attack_undo.policy, lawful=CONFIGURES, Policy=weak
    )
    yield _setting("remove the bucket's policy", "DeleteBucketPolicy", target, attack_undo.policy)
    yield _setting("delete the bucket", "DeleteBucket", target, None)


def _openings(target: Target) -> Iterator[Attack]:
    blocked = attack_undo.public_access
    owner = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    yield _setting("no longer block public access", "DeletePublicAccessBlock", target, blocked, lawful=CONFIGURES)
    yield _setting(
        "open the bucket by an access list", "PutBucketAcl", target, attack_undo.bucket("PutBucketAcl", ACL="private"),
        ACL="public-read",
    )  # fmt: skip
    yield _setting(
        "let access lists count again",
        "PutBucketOwnershipControls",
        target,
        attack_undo.bucket(
            "PutBucketOwnershipControls", OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
        ),
        lawful=CONFIGURES,
        OwnershipControls=owner,
    )
    site = {"IndexDocument": {"Suffix": "index"}}
    yield _setting(
        "serve it as a web site", "PutBucketWebsite", target, attack_undo.bucket("DeleteBucketWebsite"),
        WebsiteConfiguration=site,
    )  # fmt: skip
    payer = {"Payer": "Requester"}
    yield _setting(
        "make readers pay",
        "PutBucketRequestPayment",
        target,
        attack_undo.bucket("PutBucketRequestPayment", RequestPaymentConfiguration={"Payer": "BucketOwner"}),
        RequestPaymentConfiguration=payer,
    )


def _ways_out(target: Target) -> Iterator[Attack]:
    elsewhere = "arn:aws:s3:::vault-proof-elsewhere"
    rule = {
        "Status": "Enabled",
        "Priority": 1,
        "Filter": {"Prefix": target.prefix},
        "DeleteMarkerReplication": {"Status": "Disabled"},
        "Destination": {"Bucket": elsewhere},
    }
    replication = {"Role": f"arn:aws:iam::{target.account or '000000000000'}:role/{NOBODY}", "Rules": [rule]}
    aes = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
    yield _setting(
        "replicate it out", "PutBucketReplication", target, attack_undo.bucket("DeleteBucketReplication"),
        ReplicationConfiguration=replication,
    )  # fmt: skip
    yield _setting(
        "change the default encryption", "PutBucketEncryption", target, None, lawful=CONFIGURES,
        ServerSideEncryptionConfiguration=aes,
    )  # fmt: skip
    yield _setting(
        "change who is told of events", "PutBucketNotificationConfiguration", target, None, NotificationConfiguration={}
    )
    yield _setting("change where access is logged", "PutBucketLogging", target, None, BucketLoggingStatus={})


def on_keys(target: Target) -> Iterator[Attack]:
    """The key that signs, and the key of the objects."""
    for name, key in (("signing", target.signing_key), ("evidence", target.data_key)):
        if key:
            yield from _on_key(f"the {name} key", key)
    if target.signing_key:
        yield Attack(
            action="sign with the signing key",
            operation="kms.Sign",
            parameters={
                "KeyId": target.signing_key,
                "Message": bytes(32),
                "MessageType": "DIGEST",
                "SigningAlgorithm": "ECDSA_SHA_256",
            },
            lawful=frozenset({"signer"}),
        )
        yield Attack(
            action="lend the signing key by a grant",
            operation="kms.CreateGrant",
            parameters={
                "KeyId": target.signing_key,
                "GranteePrincipal": f"arn:aws:iam::{target.account}:root",
                "Operations": ["Sign"],
            },
            undo=attack_undo.grant,
        )


def _on_key(name: str, key: str) -> Iterator[Attack]:
    enable = ("kms.EnableKey", {"KeyId": key})
    yield Attack(
        action=f"disable {name}", operation="kms.DisableKey", parameters={"KeyId": key}, undo=attack_undo.calls(enable)
    )
    yield Attack(
        action=f"schedule {name} for deletion",
        operation="kms.ScheduleKeyDeletion",
        parameters={"KeyId": key, "PendingWindowInDays": 30},
        undo=attack_undo.calls(("kms.CancelKeyDeletion", {"KeyId": key}), enable),
    )
    yield Attack(
        action=f"change the policy of {name}",
        operation="kms.PutKeyPolicy",
        parameters={"KeyId": key, "PolicyName": "default", "Policy": NO_POLICY},
        through=MALFORMED,
    )


def on_account(target: Target) -> Iterator[Attack]:
    """The roles, and the trail of the vault account."""
    for arn in (*target.roles, *filter(None, [target.deployer])):
        yield Attack(
            action=f"take on {arn.rpartition('/')[2]}",
            operation="sts.AssumeRole",
            parameters={"RoleArn": arn, "RoleSessionName": SESSION},
            lawful=frozenset({"hub"}) if arn in target.roles else frozenset(),
        )
    if target.roles:
        yield from _on_role(target.roles[0].rpartition("/")[2], denial(target))
    if target.trail:
        yield from _on_trail(target)


def _on_role(name: str, harmless: str) -> Iterator[Attack]:
    put = {"RoleName": name, "PolicyName": SESSION}
    document = harmless.replace('"Principal": "*", ', "")
    yield Attack(
        action="give a role more to do",
        operation="iam.PutRolePolicy",
        parameters={**put, "PolicyDocument": document},
        undo=attack_undo.calls(("iam.DeleteRolePolicy", put)),
        inside=True,
    )
    yield Attack(
        action="change who may take on a role",
        operation="iam.UpdateAssumeRolePolicy",
        parameters={"RoleName": name, "PolicyDocument": NO_POLICY},
        through=MALFORMED,
        inside=True,
    )
    yield Attack(
        action="make a user that stays",
        operation="iam.CreateUser",
        parameters={"UserName": NOBODY},
        undo=attack_undo.calls(("iam.DeleteUser", {"UserName": NOBODY})),
        inside=True,
    )


def _on_trail(target: Target) -> Iterator[Attack]:
    name = {"Name": target.trail}
    start = attack_undo.calls(("cloudtrail.StartLogging", name))
    yield Attack(
        action="stop the vault's own trail",
        operation="cloudtrail.StopLogging",
        parameters=name,
        undo=start,
        inside=True,
    )
    yield Attack(
        action="no longer sign the trail",
        operation="cloudtrail.UpdateTrail",
        parameters={**name, "EnableLogFileValidation": False},
        undo=attack_undo.calls(("cloudtrail.UpdateTrail", {**name, "EnableLogFileValidation": True})),
        inside=True,
    )
    if target.expendable:
        yield Attack(
            action="delete the vault's own trail", operation="cloudtrail.DeleteTrail", parameters=name, inside=True
        )
