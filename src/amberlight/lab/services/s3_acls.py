"""S3: access control lists let callers of other accounts in, where a bucket's ownership setting leaves them on.

As on AWS two have to allow it: the caller's own policies, and the bucket; there its policy or its list. A list never overcomes a policy
that denies. Objects belong to the bucket's owner whoever wrote them: the lab has no foreign owners of objects.

References:
    "Access control list (ACL) overview" (permissions and the actions that they stand for, predefined groups), "Controlling ownership
    of objects", S3 User Guide, 2026-11.
"""

from __future__ import annotations

from typing import Any

from amberlight.lab import hooks
from amberlight.lab.world import World

AFTER = ("auth",)
"""Which asks policies alone."""

_BUCKET = {
    "s3:ListBucket": "READ", "s3:ListBucketVersions": "READ", "s3:ListBucketMultipartUploads": "READ",
    "s3:PutObject": "WRITE", "s3:GetBucketAcl": "READ_ACP", "s3:PutBucketAcl": "WRITE_ACP",
}  # fmt: skip
_OBJECT = {
    "s3:GetObject": "READ", "s3:GetObjectVersion": "READ", "s3:GetObjectAcl": "READ_ACP",
    "s3:GetObjectVersionAcl": "READ_ACP", "s3:PutObjectAcl": "WRITE_ACP", "s3:PutObjectVersionAcl": "WRITE_ACP",
}  # fmt: skip
_PREFIX = "arn:aws:s3:::"


def install(_: World) -> None:
    """Ask the lists when the bucket's policy says nothing."""

    def combine(identity: Any, ctx: Any, policy: Any, owner: str | None, *rest: Any, **more: Any) -> Any:
        result = old(identity, ctx, policy, owner, *rest, **more)
        foreign = owner is not None and owner != ctx.principal_account
        # A policy that denies says so as Deny; silence is what a list may fill.
        silent = identity.decision == "Allow" and result.decision == "ImplicitDeny"
        if foreign and silent and ctx.resource_arn.startswith(_PREFIX) and _granted(str(owner), ctx):
            return identity
        return result

    old = hooks.replace("core.iam_evaluator", "combine_resource_policy", combine)


def _granted(owner: str, ctx: Any) -> bool:
    s3 = hooks.service("s3")
    name, _, key = ctx.resource_arn.removeprefix(_PREFIX).partition("/")
    bucket = s3._buckets.get_scoped(owner, None, name)
    if bucket is None or s3._bucket_owner_enforced(bucket):
        return False
    if ctx.action in _BUCKET:
        return _allows(s3._bucket_acl.get_scoped(owner, None, name), _BUCKET[ctx.action], owner, name, ctx)
    if ctx.action not in _OBJECT or not key:
        return False
    version = ctx.service_context.get("s3:versionid") or (bucket["objects"].get(key) or {}).get("version_id")
    stored = s3._object_acl.get_scoped(owner, None, (name, key, version))
    return _allows(stored, _OBJECT[ctx.action], owner, name, ctx)


def _allows(stored: str | None, permission: str, owner: str, bucket: str, ctx: Any) -> bool:
    s3 = hooks.service("s3")
    wanted = (permission, "FULL_CONTROL")
    caller = s3._canonical_owner_id(ctx.principal_account)
    if any(grantee == caller and given in wanted for grantee, given in s3._acl_grants(stored, "ID")):
        return True
    groups = (s3._ACL_GROUP_ALL_USERS, s3._ACL_GROUP_AUTHENTICATED)
    public = any(group in groups and given in wanted for group, given in s3._acl_grants(stored))
    return public and not s3._public_access_blocked(owner, bucket, "IgnorePublicAcls")
