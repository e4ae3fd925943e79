"""The policies of the vault's keys: one that signs checkpoints, and one that objects are encrypted with where that is wanted.

KMS refuses to take a key policy from somebody whom that policy would not let change it again: the deployer creates the keys.

References:
    "Key policies in AWS KMS", "Condition keys for AWS KMS" (kms:ViaService, kms:GrantIsForAWSResource), 2026-11.
"""

from __future__ import annotations

from amberlight.vault.statements import Statement, VaultNames, deny, unless


def key_statements(names: VaultNames) -> tuple[Statement, ...]:
    """Every statement of the signing key's policy, with its reason."""
    return (
        _account_keeps(names),
        deny(
            "OnlyTheSignerSigns",
            "An administrator of the vault account could else sign a forged ledger.",
            "kms:Sign",
            ["*"],
            unless(names, "signer"),
        ),
        _only_the_deployer_changes(names, "kms:CreateGrant"),
    )


def data_key_statements(names: VaultNames) -> tuple[Statement, ...]:
    """Every statement of the policy of the objects' key, with its reason."""
    services = [f"{service}.{names.region}.amazonaws.com" for service in ("s3", "ec2")]
    return (
        _account_keeps(names),
        deny(
            "OnlyThroughTheStores",
            "Whoever may decrypt must go through the bucket or a snapshot, where reading is refused and recorded.",
            ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
            ["*"],
            {"StringNotEquals": {"kms:ViaService": services}},
        ),
        deny(
            "GrantsOnlyForAwsItself",
            "A grant is a way in that no policy shows; EC2 needs one to copy a disk.",
            "kms:CreateGrant",
            ["*"],
            {"BoolIfExists": {"kms:GrantIsForAWSResource": "false"}},
        ),
        _only_the_deployer_changes(names),
    )


def _account_keeps(names: VaultNames) -> Statement:
    return Statement(
        sid="AccountKeepsTheKey",
        why="Without the account's own say the key could be orphaned; it lets policies of roles count.",
        body={
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{names.account}:root"},
            "Action": "kms:*",
            "Resource": "*",
        },
    )


def _only_the_deployer_changes(names: VaultNames, *more: str) -> Statement:
    return deny(
        "OnlyTheDeployerChangesTheKey",
        "A key that is deleted, disabled or opened to others proves nothing and opens nothing.",
        [
            "kms:ScheduleKeyDeletion",
            "kms:DisableKey",
            "kms:PutKeyPolicy",
            "kms:DeleteImportedKeyMaterial",
            "kms:TagResource",
            "kms:UntagResource",
            *more,
        ],
        ["*"],
        unless(names, "deployer"),
    )
