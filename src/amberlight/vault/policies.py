"""Who may do what in the vault account: policies as data, each statement with its reason beside it.

Three kinds of walls. A role's own policy says the little that it may do. The bucket's policy and the keys' say what nobody
may do, whatever else is granted in the account, so that an administrator there is no way around it. What the policy of a
bucket cannot stop, the account's root removing that policy and closing the account, the organisation's policies stop
(`guardrails`); what those cannot stop is the organisation's management account.
"""

from __future__ import annotations

from amberlight.vault.guardrails import (
    resource_control_policy,
    resource_control_statements,
    service_control_policy,
    service_control_statements,
)
from amberlight.vault.keys import data_key_statements, key_statements
from amberlight.vault.statements import (
    ROLES,
    Document,
    Role,
    Statement,
    VaultNames,
    allow,
    document,
    via_s3,
)
from amberlight.vault.walls import bucket_statements

__all__ = [
    "DRILL_RETENTION",
    "LIFECYCLE",
    "REAL_RETENTION",
    "ROLES",
    "UNFINISHED_DAYS",
    "Document",
    "Role",
    "Statement",
    "VaultNames",
    "bucket_policy",
    "bucket_statements",
    "data_key_policy",
    "data_key_statements",
    "document",
    "key_policy",
    "key_statements",
    "resource_control_policy",
    "resource_control_statements",
    "role_policy",
    "role_statements",
    "service_control_policy",
    "service_control_statements",
    "trust_policy",
    "trust_statement",
]
DRILL_RETENTION = {"Mode": "GOVERNANCE", "Days": 1}
REAL_RETENTION = {"Mode": "COMPLIANCE", "Days": 30}
UNFINISHED_DAYS = 7
"""How long an upload that was cut off may wait to be gone on with; its parts are no object, cost money, and end then."""
LIFECYCLE: Document = {
    "Rules": [
        {
            "ID": "EndUnfinishedUploads",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": UNFINISHED_DAYS},
        }
    ]
}
"""The bucket's lifecycle rules: this one, and none by which an object would ever expire.

References:
    "Configuring a bucket lifecycle configuration to delete incomplete multipart uploads", S3 User Guide, 2026-11.
"""


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


def data_key_policy(names: VaultNames) -> Document:
    """The policy of the key that objects are encrypted with, where there is one."""
    return document(data_key_statements(names))


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
    create = allow(
        "Create",
        "Creates objects of a case, and clears away its own unfinished uploads; cannot read, list, lock or delete.",
        ["s3:PutObject", "s3:AbortMultipartUpload"],
        [f"{names.bucket_arn}/cases/*"],
    )
    seal = allow(
        "Encrypt",
        "S3 needs a data key to store, and to join parts.",
        ["kms:GenerateDataKey", "kms:Decrypt"],
        [names.data_key_arn],
        via_s3(names),
    )
    return (create, seal) if names.data_key_arn else (create,)


def _examiner(names: VaultNames) -> tuple[Statement, ...]:
    read = allow(
        "Read",
        "Reads objects by version, with their checksum, lock and hold.",
        ["s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectRetention", "s3:GetObjectLegalHold"],
        [names.objects_arn],
    )
    look = allow(
        "List",
        "Lists versions, so that a delete marker is seen, and reads the settings that the vault stands on.",
        [
            "s3:ListBucket",
            "s3:ListBucketVersions",
            "s3:GetBucketVersioning",
            "s3:GetBucketObjectLockConfiguration",
            "s3:GetBucketPolicy",
            "s3:GetBucketPublicAccessBlock",
            "s3:GetLifecycleConfiguration",
        ],
        [names.bucket_arn],
    )
    decrypt = allow("Decrypt", "Reads what S3 encrypted.", ["kms:Decrypt"], [names.data_key_arn], via_s3(names))
    return (read, look, decrypt) if names.data_key_arn else (read, look)


def _signer(names: VaultNames) -> tuple[Statement, ...]:
    return (
        allow(
            "Sign",
            "Signs checkpoints and does nothing else: a stolen writer cannot forge custody.",
            ["kms:Sign", "kms:GetPublicKey"],
            [names.key_arn],
        ),
    )


def _custodian(names: VaultNames) -> tuple[Statement, ...]:
    return (
        allow(
            "Hold",
            "Extends locks and sets legal holds; reads neither content nor names.",
            ["s3:PutObjectRetention", "s3:PutObjectLegalHold", "s3:GetObjectRetention", "s3:GetObjectLegalHold"],
            [f"{names.bucket_arn}/cases/*"],
        ),
    )


def _deployer(names: VaultNames) -> tuple[Statement, ...]:
    return (
        allow(
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
