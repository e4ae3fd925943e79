"""What the organisation forbids in the vault account: a policy for its principals (SCP), one for its resources (RCP).

Both bind the account's root, and neither can be changed from inside the account.

Attach them when the account is set up: from then on, changing what they name means detaching them first, in the management
account, and that is the alarm. They do not bind the management account itself, nor service-linked roles.

References:
    "Service control policies" (root is bound, the management account is not), "Resource control policies" (s3, sts, kms
    and others; not AWS-managed keys, not kms:RetireGrant), AWS Organizations User Guide, 2026-11.
    "Managing access to a bucket": the owner's root keeps Put and DeleteBucketPolicy whatever the bucket's policy says.
"""

from __future__ import annotations

from typing import Any

from amberlight.vault.statements import Document, Statement, VaultNames, deny, document, unless

POLICY_BYTES_MAX = 5120
"""Of one SCP or RCP. From: "Quotas for AWS Organizations", 2026-11."""
GLOBAL = ["iam:*", "sts:*", "organizations:*", "account:*", "support:*", "health:*", "cloudfront:*", "route53:*"]
"""Services that answer from one Region whatever Region is asked."""


def service_control_policy(names: VaultNames) -> Document:
    """For the vault's organisational unit: what no principal of the account may do."""
    policy = document(service_control_statements(names))
    for statement in policy["Statement"]:
        del statement["Principal"]  # an SCP has none: it is everybody
    return policy


def resource_control_policy(names: VaultNames) -> Document:
    """For the vault's organisational unit: what nobody from anywhere may do to its resources."""
    return document(resource_control_statements(names))


def service_control_statements(names: VaultNames) -> tuple[Statement, ...]:
    """Every statement of the service control policy, with its reason."""
    return (*_evidence(names), *_people(names), *_record(names))


def _evidence(names: VaultNames) -> tuple[Statement, ...]:
    return (
        deny(
            "BucketPolicyStays",
            "The account's root may change or remove the policy of a bucket whatever that policy says.",
            ["s3:DeleteBucketPolicy", "s3:PutBucketPolicy"],
            ["*"],
            unless(names, "deployer"),
        ),
        deny(
            "KeysStay",
            "Evidence under a key that is gone is gone; a key of the account may have a policy that forbids nothing.",
            ["kms:ScheduleKeyDeletion", "kms:DisableKey", "kms:DeleteImportedKeyMaterial", "kms:PutKeyPolicy"],
            ["*"],
        ),
        deny(
            "SnapshotsStay",
            "Copies of disks are evidence too, and no bucket's policy holds for them.",
            [
                "ec2:DeleteSnapshot",
                "ec2:UnlockSnapshot",
                "ec2:ModifySnapshotTier",
                "ec2:ResetSnapshotAttribute",
                "backup:DeleteRecoveryPoint",
                "backup:DeleteBackupVault",
                "backup:DeleteBackupVaultLockConfiguration",
                "backup:UpdateRecoveryPointLifecycle",
                "backup:PutBackupVaultAccessPolicy",
                "backup:DeleteBackupVaultAccessPolicy",
            ],
            ["*"],
        ),
        deny(
            "SnapshotsAreNotShared",
            "A share hands the original out; receivers are given copies.",
            "ec2:ModifySnapshotAttribute",
            ["*"],
        ),
    )


def _people(names: VaultNames) -> tuple[Statement, ...]:
    return (
        deny(
            "RolesStay",
            "Whoever changes what a role may do, or who may take it on, becomes that role.",
            [
                "iam:AttachRolePolicy",
                "iam:DetachRolePolicy",
                "iam:PutRolePolicy",
                "iam:DeleteRolePolicy",
                "iam:UpdateAssumeRolePolicy",
                "iam:DeleteRole",
                "iam:PutRolePermissionsBoundary",
                "iam:DeleteRolePermissionsBoundary",
            ],
            [f"arn:aws:iam::{names.account}:role/*"],
        ),
        deny(
            "NoNewWaysIn",
            "The account has no people and no programs of its own; a key that lasts is a way in that lasts.",
            [
                "iam:CreateUser",
                "iam:CreateAccessKey",
                "iam:CreateLoginProfile",
                "iam:CreateSAMLProvider",
                "iam:CreateOpenIDConnectProvider",
            ],
            ["*"],
        ),
    )


def _record(names: VaultNames) -> tuple[Statement, ...]:
    return (
        deny(
            "TrailStays",
            "What is done in the vault account must be recorded, what is done against it most of all.",
            [
                "cloudtrail:StopLogging",
                "cloudtrail:DeleteTrail",
                "cloudtrail:UpdateTrail",
                "cloudtrail:PutEventSelectors",
            ],
            ["*"],
        ),
        deny(
            "AccountStays",
            "Closing the account or leaving the organisation takes locked objects and these policies along.",
            ["account:CloseAccount", "organizations:LeaveOrganization", "s3:PutAccountPublicAccessBlock"],
            ["*"],
        ),
        Statement(
            sid="OneRegion",
            why="What is started where nobody looks is not seen, and evidence must stay in its jurisdiction.",
            body={
                "Effect": "Deny",
                "Principal": "*",
                "NotAction": GLOBAL,
                "Resource": "*",
                "Condition": {"StringNotEquals": {"aws:RequestedRegion": names.region}},
            },
        ),
    )


def resource_control_statements(names: VaultNames) -> tuple[Statement, ...]:
    """Every statement of the resource control policy, with its reason. They hold when the bucket's own policy is gone."""
    return (
        deny(
            "OnlyVaultAndHub",
            "A policy that names somebody else by mistake must have no effect.",
            ["s3:*", "kms:*", "sts:AssumeRole"],
            ["*"],
            _elsewhere(names),
        ),
        deny(
            "ObjectsStay",
            "Whoever takes the bucket's policy away, the deployer or root, has still not deleted anything.",
            ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:BypassGovernanceRetention", "s3:DeleteBucket"],
            ["*"],
        ),
        deny(
            "NoForeignKey",
            "The same, for encryption with a key that only the caller has.",
            "s3:PutObject",
            ["*"],
            {"Null": {"s3:x-amz-server-side-encryption-customer-algorithm": "false"}},
        ),
        deny(
            "OnlyOverTls",
            "The same, for plain HTTP.",
            ["s3:*", "kms:*", "sts:AssumeRole"],
            ["*"],
            {"BoolIfExists": {"aws:SecureTransport": "false"}},
        ),
    )


def _elsewhere(names: VaultNames) -> dict[str, Any]:
    hub_account = names.hub.split(":")[4]
    return {
        "StringNotEqualsIfExists": {"aws:PrincipalAccount": [names.account, hub_account]},
        "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
    }
