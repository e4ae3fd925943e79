"""What the lab adds to the emulator's services: one file for each, found by being here; `world.py` says how they begin.

A file that makes something real says so in its own `REAL`: operation, and what is real about it. Here stands what the emulator
and the lab's core make real. The reference page of the lab is made of these.
"""

REAL = {
    "iam.AttachRolePolicy": "policies and trust are enforced from the next call on",
    "iam.AttachUserPolicy": "policies and trust are enforced from the next call on",
    "iam.CreateAccessKey": "the key signs, and no other secret does",
    "iam.DeleteRolePolicy": "policies and trust are enforced from the next call on",
    "iam.PutRolePolicy": "policies and trust are enforced from the next call on",
    "iam.PutUserPolicy": "policies and trust are enforced from the next call on",
    "iam.UpdateAssumeRolePolicy": "policies and trust are enforced from the next call on",
    "kms.CreateGrant": "the grantee may, from the next call on",
    "kms.DisableKey": "the key does nothing any more",
    "kms.GetPublicKey": "openssl verifies with it",
    "kms.PutKeyPolicy": "enforced from the next call on, also for callers of other accounts",
    "kms.RevokeGrant": "the grantee may no more, from the next call on",
    "kms.ScheduleKeyDeletion": "the key does nothing any more",
    "kms.Sign": "ECDSA and RSA signatures",
    "organizations.AttachPolicy": "enforced from the next call on, for everybody in the account",
    "s3.CompleteMultipartUpload": "bytes on disk; versions, Object Lock, checksums and conditions are enforced",
    "s3.DeleteObject": "bytes on disk; versions, Object Lock, checksums and conditions are enforced",
    "s3.GetObject": "the bytes that were stored",
    "s3.PutBucketPolicy": "enforced from the next call on, for callers of every account and root",
    "s3.PutObject": "bytes on disk; versions, Object Lock, checksums and conditions are enforced",
    "s3.PutObjectLegalHold": "the version cannot be deleted, by root neither",
    "s3.PutObjectLockConfiguration": "the retention of every new version",
    "s3.PutObjectRetention": "the version cannot be deleted, nor its retention be shortened, by root neither",
    "s3.PutPublicAccessBlock": "a public policy is refused",
    "s3.UploadPart": "bytes on disk; checksums are enforced",
    "sns.Subscribe": "messages arrive",
    "sqs.ReceiveMessage": "messages that were sent, hidden until they are deleted or time out",
    "sts.AssumeRole": "temporary keys that sign, end in time, and may what role and session policy let them",
    "sts.GetCallerIdentity": "the caller whose signature was checked",
}

ABSENT: dict[str, str] = {}
"""What the product uses and the lab lacks: operation and reason."""
