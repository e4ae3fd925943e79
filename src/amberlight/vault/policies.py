"""Who may do what in the vault account: policies as data, each statement with its reason beside it.

Two kinds of walls. A role's own policy says the little that it may do. The bucket's policy says what nobody may do,
whatever else is granted in the account, so that an administrator there is no way around it. What the policy of a bucket
cannot stop: the account's root removing that policy (an SCP stops that), the organisation's management account, and
closing the account.

References:
    "Actions, resources, and condition keys for Amazon S3", Service Authorization Reference, 2026-11.
    "Enforce conditional writes on Amazon S3 buckets" (s3:if-none-match with s3:ObjectCreationOperation), S3 User Guide.
    "Object Lock considerations" (s3:object-lock-remaining-retention-days), S3 User Guide.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Role = Literal["writer", "examiner", "signer", "custodian", "deployer"]
ROLES: tuple[Role, ...] = ("writer", "examiner", "signer", "custodian", "deployer")
Document = dict[str, Any]
DRILL_RETENTION = {"Mode": "GOVERNANCE", "Days": 1}
REAL_RETENTION = {"Mode": "COMPLIANCE", "Days": 30}


@dataclass(frozen=True, kw_only=True)
class VaultNames:
    """The names that the policies are made of.

    Args:
        bucket: The evidence bucket.
        account: The vault account, twelve digits.
        region: Its Region.
        hub: ARN of the principal of the security account that may take on the vault's working roles.
        key_arn: ARN of the KMS key that signs checkpoints.
        data_key_arn: ARN of the KMS key of the objects; empty for SSE-S3.
        deployer: ARN of who may take on the deployer role: people of the vault account, not the hub.
        min_days, max_days: Bounds of the retention that the custodian may set.
        tls: Whether the endpoint speaks TLS; false only where it is this machine.
    """

    bucket: str
    account: str
    region: str
    hub: str
    key_arn: str
    data_key_arn: str = ""
    deployer: str = ""
    writer_role: str = "AmberlightWriter"
    examiner_role: str = "AmberlightExaminer"
    signer_role: str = "AmberlightSigner"
    custodian_role: str = "AmberlightCustodian"
    deployer_role: str = "AmberlightDeployer"
    min_days: int = 1
    max_days: int = 3650
    tls: bool = True

    @property
    def bucket_arn(self) -> str:
        """The bucket itself."""
        return f"arn:aws:s3:::{self.bucket}"

    @property
    def objects_arn(self) -> str:
        """Every object in it."""
        return f"{self.bucket_arn}/*"

    def role_arn(self, role: Role) -> str:
        """The ARN of one of the five roles."""
        return f"arn:aws:iam::{self.account}:role/{getattr(self, f'{role}_role')}"


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement and why it is there; `body` lacks only the Sid."""

    sid: str
    why: str
    body: Document


def document(statements: tuple[Statement, ...]) -> Document:
    """The policy document of some statements."""
    return {"Version": "2012-10-17", "Statement": [{"Sid": each.sid, **each.body} for each in statements]}


def bucket_policy(names: VaultNames) -> Document:
    """The bucket's policy: denials only, since what is allowed stands with the roles."""
    return document(bucket_statements(names))


def role_policy(role: Role, names: VaultNames) -> Document:
    """What a role may do."""
    return document(role_statements(role, names))


def trust_policy(role: Role, names: VaultNames) -> Document:
    """Who may take on a role; nobody of the subject account may."""
    return document((trust_statement(role, names),))


def key_policy(names: VaultNames) -> Document:
    """The policy of the key that signs checkpoints."""
    return document(key_statements(names))


def bucket_statements(names: VaultNames) -> tuple[Statement, ...]:
    """Every denial of the bucket, with its reason."""
    transport = (
        _deny(
            "OnlyOverTls",
            "Evidence and keys must not be readable on the way.",
            "s3:*",
            [names.bucket_arn, names.objects_arn],
            {"Bool": {"aws:SecureTransport": "false"}},
        ),
    )
    return (transport if names.tls else ()) + _who(names) + _what(names) + _settings(names)


def _who(names: VaultNames) -> tuple[Statement, ...]:
    both = [names.bucket_arn, names.objects_arn]
    return (
        _deny(
            "NobodyFromElsewhere",
            "The subject account's administrators and root hold every permission there; none counts here.",
            "s3:*",
            both,
            {
                "StringNotEquals": {"aws:PrincipalAccount": names.account},
                "Bool": {"aws:PrincipalIsAWSService": "false"},
            },
        ),
        _deny(
            "OnlyTheWriterPuts",
            "Whoever could add an object could plant evidence.",
            "s3:PutObject",
            [names.objects_arn],
            _unless(names, "writer"),
        ),
        _deny(
            "OnlyTheExaminerReads",
            "Evidence holds secrets and personal data; a stolen collector must not be able to read back.",
            ["s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectAttributes", "s3:GetObjectVersionAttributes"],
            [names.objects_arn],
            _unless(names, "examiner"),
        ),
    )


def _what(names: VaultNames) -> tuple[Statement, ...]:
    objects = [names.objects_arn]
    return (
        _deny(
            "CreateOnly",
            "A new version would hide the first one. Parts of an upload carry no condition and create nothing.",
            "s3:PutObject",
            objects,
            {"Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}},
        ),
        _deny(
            "NoForeignKey",
            "An object under a key that somebody else holds can be taken away with that key.",
            "s3:PutObject",
            objects,
            {"Null": {"s3:x-amz-server-side-encryption-customer-algorithm": "false"}},
        ),
        _deny(
            "OnlyOurKmsKey",
            "The same, for a KMS key of another account.",
            "s3:PutObject",
            objects,
            _not_our_key(names),
        ),
        _deny(
            "NobodyDeletes",
            "No role of ours deletes; a delete marker would hide evidence from a plain listing; tags can steer an expiry.",
            [
                "s3:DeleteObject",
                "s3:DeleteObjectVersion",
                "s3:BypassGovernanceRetention",
                "s3:PutObjectAcl",
                "s3:PutObjectVersionAcl",
                "s3:PutObjectTagging",
                "s3:PutObjectVersionTagging",
                "s3:DeleteObjectTagging",
                "s3:DeleteObjectVersionTagging",
                "s3:ReplicateObject",
                "s3:ReplicateDelete",
                "s3:ObjectOwnerOverrideToBucketOwner",
            ],
            objects,
        ),
        _deny(
            "OnlyTheCustodianHolds",
            "The bucket's default lock applies by itself; holds and longer locks are a custodian's act.",
            ["s3:PutObjectRetention", "s3:PutObjectLegalHold"],
            objects,
            _unless(names, "custodian"),
        ),
        _deny(
            "HoldsAreNotLifted",
            "Lifting a hold takes two people: the deployer takes this statement away, the custodian lifts.",
            "s3:PutObjectLegalHold",
            objects,
            {"StringEquals": {"s3:object-lock-legal-hold": "OFF"}},
        ),
        _deny(
            "NoShorterLock",
            "A lock that ends tomorrow is no lock.",
            "s3:PutObjectRetention",
            objects,
            {"NumericLessThan": {"s3:object-lock-remaining-retention-days": str(names.min_days)}},
        ),
        _deny(
            "NoEndlessLock",
            "A stolen custodian could lock junk for a hundred years, at our cost.",
            "s3:PutObjectRetention",
            objects,
            {"NumericGreaterThan": {"s3:object-lock-remaining-retention-days": str(names.max_days)}},
        ),
    )


def _settings(names: VaultNames) -> tuple[Statement, ...]:
    return (
        _deny(
            "OnlyTheDeployerConfigures",
            "Every other denial stands on these settings.",
            [
                "s3:PutBucketPolicy",
                "s3:DeleteBucketPolicy",
                "s3:PutBucketAcl",
                "s3:PutBucketOwnershipControls",
                "s3:PutBucketPublicAccessBlock",
                "s3:PutBucketVersioning",
                "s3:PutBucketObjectLockConfiguration",
                "s3:PutEncryptionConfiguration",
                "s3:PutLifecycleConfiguration",
                "s3:PutReplicationConfiguration",
                "s3:PutBucketNotification",
                "s3:PutInventoryConfiguration",
                "s3:PutBucketWebsite",
                "s3:PutBucketCORS",
            ],
            [names.bucket_arn],
            _unless(names, "deployer"),
        ),
        _deny("NobodyRemovesTheBucket", "Not even the deployer.", "s3:DeleteBucket", [names.bucket_arn]),
    )


def role_statements(role: Role, names: VaultNames) -> tuple[Statement, ...]:
    """Every permission of a role, with its reason."""
    allowed = {
        "writer": _writer,
        "examiner": _examiner,
        "signer": _signer,
        "custodian": _custodian,
        "deployer": _deployer,
    }
    return allowed[role](names)


def _writer(names: VaultNames) -> tuple[Statement, ...]:
    create = _allow(
        "Create",
        "Creates objects of a case, and clears away its own unfinished uploads; cannot read, list, lock or delete.",
        ["s3:PutObject", "s3:AbortMultipartUpload"],
        [f"{names.bucket_arn}/cases/*"],
    )
    seal = _allow(
        "Encrypt",
        "S3 needs a data key to store, and to join parts.",
        ["kms:GenerateDataKey", "kms:Decrypt"],
        [names.data_key_arn],
        _via_s3(names),
    )
    return (create, seal) if names.data_key_arn else (create,)


def _examiner(names: VaultNames) -> tuple[Statement, ...]:
    read = _allow(
        "Read",
        "Reads objects by version, with their checksum, lock and hold.",
        ["s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectRetention", "s3:GetObjectLegalHold"],
        [names.objects_arn],
    )
    look = _allow(
        "List",
        "Lists versions, so that a delete marker is seen, and reads the settings that the vault stands on.",
        [
            "s3:ListBucket",
            "s3:ListBucketVersions",
            "s3:GetBucketVersioning",
            "s3:GetBucketObjectLockConfiguration",
            "s3:GetBucketPolicy",
            "s3:GetLifecycleConfiguration",
        ],
        [names.bucket_arn],
    )
    decrypt = _allow("Decrypt", "Reads what S3 encrypted.", ["kms:Decrypt"], [names.data_key_arn], _via_s3(names))
    return (read, look, decrypt) if names.data_key_arn else (read, look)


def _signer(names: VaultNames) -> tuple[Statement, ...]:
    return (
        _allow(
            "Sign",
            "Signs checkpoints and does nothing else: a stolen writer cannot forge custody.",
            ["kms:Sign", "kms:GetPublicKey"],
            [names.key_arn],
        ),
    )


def _custodian(names: VaultNames) -> tuple[Statement, ...]:
    return (
        _allow(
            "Hold",
            "Extends locks and sets legal holds; reads neither content nor names.",
            ["s3:PutObjectRetention", "s3:PutObjectLegalHold", "s3:GetObjectRetention", "s3:GetObjectLegalHold"],
            [f"{names.bucket_arn}/cases/*"],
        ),
    )


def _deployer(names: VaultNames) -> tuple[Statement, ...]:
    return (
        _allow(
            "Configure",
            "Sets the bucket up and mends it; touches no object.",
            [
                "s3:CreateBucket",
                "s3:GetBucket*",
                "s3:GetEncryptionConfiguration",
                "s3:GetLifecycleConfiguration",
                "s3:PutBucketPolicy",
                "s3:PutBucketOwnershipControls",
                "s3:PutBucketPublicAccessBlock",
                "s3:PutBucketVersioning",
                "s3:PutBucketObjectLockConfiguration",
                "s3:PutEncryptionConfiguration",
                "s3:PutLifecycleConfiguration",
            ],
            [names.bucket_arn],
        ),
    )


def trust_statement(role: Role, names: VaultNames) -> Statement:
    """Who may take on a role: the hub the working roles, people of the vault account the deployer."""
    if role == "deployer":
        principal = names.deployer or f"arn:aws:iam::{names.account}:root"
        condition: Document = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
        why = "A person with a second factor, for set-up and emergencies; a stolen hub cannot take the walls down."
    else:
        principal, condition = names.hub, {}
        why = "The security account's hub alone; no principal of the subject account is ever named."
    body: Document = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"}
    return Statement(sid="TakeOn", why=why, body=body | ({"Condition": condition} if condition else {}))


def key_statements(names: VaultNames) -> tuple[Statement, ...]:
    """Every statement of the signing key's policy, with its reason."""
    return (
        Statement(
            sid="AccountKeepsTheKey",
            why="Without the account's own say the key could be orphaned; it lets policies of roles count.",
            body={
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{names.account}:root"},
                "Action": "kms:*",
                "Resource": "*",
            },
        ),
        _deny(
            "OnlyTheSignerSigns",
            "An administrator of the vault account could else sign a forged ledger.",
            "kms:Sign",
            ["*"],
            _unless(names, "signer"),
        ),
        _deny(
            "OnlyTheDeployerChangesTheKey",
            "A key that is deleted or opened to others proves nothing.",
            [
                "kms:ScheduleKeyDeletion",
                "kms:DisableKey",
                "kms:PutKeyPolicy",
                "kms:CreateGrant",
                "kms:DeleteImportedKeyMaterial",
            ],
            ["*"],
            _unless(names, "deployer"),
        ),
    )


def _deny(
    sid: str, why: str, actions: str | list[str], resources: list[str], condition: Document | None = None
) -> Statement:
    body: Document = {"Effect": "Deny", "Principal": "*", "Action": actions, "Resource": resources}
    return Statement(sid=sid, why=why, body=body | ({"Condition": condition} if condition else {}))


def _allow(
    sid: str, why: str, actions: list[str], resources: list[str], condition: Document | None = None
) -> Statement:
    body: Document = {"Effect": "Allow", "Action": actions, "Resource": resources}
    return Statement(sid=sid, why=why, body=body | ({"Condition": condition} if condition else {}))


def _unless(names: VaultNames, role: Role) -> Document:
    return {"StringNotEquals": {"aws:PrincipalArn": names.role_arn(role)}}


def _via_s3(names: VaultNames) -> Document:
    return {"StringEquals": {"kms:ViaService": f"s3.{names.region}.amazonaws.com"}}


def _not_our_key(names: VaultNames) -> Document:
    given = {"Null": {"s3:x-amz-server-side-encryption-aws-kms-key-id": "false"}}
    if not names.data_key_arn:
        return given
    return given | {"StringNotEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": names.data_key_arn}}
