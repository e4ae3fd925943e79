"""The bucket's walls: what nobody may do there, whatever else is granted in the account; denials only.

References:
    "Actions, resources, and condition keys for Amazon S3", Service Authorization Reference, 2026-11.
    "Enforce conditional writes on Amazon S3 buckets" (s3:if-none-match with s3:ObjectCreationOperation), S3 User Guide.
    "Object Lock considerations" (s3:object-lock-remaining-retention-days), S3 User Guide.
"""

from __future__ import annotations

from amberlight.vault.statements import Document, Statement, VaultNames, deny, unless


def bucket_statements(names: VaultNames) -> tuple[Statement, ...]:
    """Every denial of the bucket, with its reason."""
    transport = (
        deny(
            "OnlyOverTls",
            "Evidence and keys must not be readable on the way.",
            "s3:*",
            [names.bucket_arn, names.objects_arn],
            {"Bool": {"aws:SecureTransport": "false"}},
        ),
    )
    return (transport if names.tls else ()) + _who(names) + _created(names) + _kept(names) + _settings(names)


def _who(names: VaultNames) -> tuple[Statement, ...]:
    both = [names.bucket_arn, names.objects_arn]
    return (
        deny(
            "NobodyFromElsewhere",
            "The subject account's administrators and root hold every permission there; none counts here.",
            "s3:*",
            both,
            {
                "StringNotEquals": {"aws:PrincipalAccount": names.account},
                "Bool": {"aws:PrincipalIsAWSService": "false"},
            },
        ),
        deny(
            "OnlyTheWriterPuts",
            "Whoever could add an object could plant evidence, and whoever could break uploads off could stop a capture.",
            ["s3:PutObject", "s3:AbortMultipartUpload"],
            [names.objects_arn],
            unless(names, "writer"),
        ),
        deny(
            "OnlyTheExaminerReads",
            "Evidence holds secrets and personal data; a stolen collector must not be able to read back.",
            [
                "s3:GetObject",
                "s3:GetObjectVersion",
                "s3:GetObjectAttributes",
                "s3:GetObjectVersionAttributes",
                "s3:ListBucket",
                "s3:ListBucketVersions",
            ],
            both,
            unless(names, "examiner"),
        ),
    )


def _created(names: VaultNames) -> tuple[Statement, ...]:
    objects = [names.objects_arn]
    return (
        deny(
            "CreateOnly",
            "A new version would hide the first one. Parts of an upload carry no condition and create nothing.",
            "s3:PutObject",
            objects,
            {"Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}},
        ),
        deny(
            "NoForeignKey",
            "An object under a key that somebody else holds can be taken away with that key.",
            "s3:PutObject",
            objects,
            {"Null": {"s3:x-amz-server-side-encryption-customer-algorithm": "false"}},
        ),
        deny(
            "OnlyOurKmsKey",
            "The same, for a KMS key of another account.",
            "s3:PutObject",
            objects,
            _not_our_key(names),
        ),
    )


def _kept(names: VaultNames) -> tuple[Statement, ...]:
    objects = [names.objects_arn]
    return (
        deny(
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
        deny(
            "OnlyTheCustodianHolds",
            "The bucket's default lock applies by itself; holds and longer locks are a custodian's act.",
            ["s3:PutObjectRetention", "s3:PutObjectLegalHold"],
            objects,
            unless(names, "custodian"),
        ),
        deny(
            "HoldsAreNotLifted",
            "Lifting a hold takes two people: the deployer takes this statement away, the custodian lifts.",
            "s3:PutObjectLegalHold",
            objects,
            {"StringEquals": {"s3:object-lock-legal-hold": "OFF"}},
        ),
        deny(
            "OnlyTheDefaultLocks",
            "A lock of a minute, given with the object, would take the place of the bucket's default.",
            "s3:PutObject",
            objects,
            {"Null": {"s3:object-lock-mode": "false"}},
        ),
        deny(
            "NoEndlessLock",
            "A stolen custodian could lock junk for a hundred years, at our cost.",
            "s3:PutObjectRetention",
            objects,
            {"NumericGreaterThan": {"s3:object-lock-remaining-retention-days": str(names.max_days)}},
        ),
    )


def _settings(names: VaultNames) -> tuple[Statement, ...]:
    return (
        deny(
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
                "s3:PutBucketLogging",
                "s3:PutBucketTagging",
                "s3:PutBucketRequestPayment",
                "s3:PutAccelerateConfiguration",
                "s3:PutAnalyticsConfiguration",
                "s3:PutIntelligentTieringConfiguration",
                "s3:PutMetricsConfiguration",
            ],
            [names.bucket_arn],
            unless(names, "deployer"),
        ),
        deny("NobodyRemovesTheBucket", "Not even the deployer.", "s3:DeleteBucket", [names.bucket_arn]),
    )


def _not_our_key(names: VaultNames) -> Document:
    given = {"Null": {"s3:x-amz-server-side-encryption-aws-kms-key-id": "false"}}
    if not names.data_key_arn:
        return given
    return given | {"StringNotEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": names.data_key_arn}}
