"""Who may do what: the emulator's own checks, made as strict as AWS's.

Four leniences end here: keys of twelve digits and `test` count as root without a signature; root of any account may do
everything everywhere; across accounts only the account id of a caller counts in a bucket policy; every Region answers.

References:
    "Policy evaluation logic" and "How permissions and policies provide access management", IAM User Guide, 2026-11.
    "Managing access to a bucket with bucket policies" (the owner's root keeps Get/Put/DeleteBucketPolicy), S3 User Guide.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from amberlight.lab import hooks
from amberlight.lab.accounts import LabAccount
from amberlight.lab.options import REGIONS
from amberlight.lab.recorder.requests import Request
from amberlight.lab.world import World

BUCKET_POLICY_ACTIONS = frozenset({"s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"})
"""What the root user of a bucket's owner may do whatever the bucket's policy says."""

_granted: ContextVar[set[str] | None] = ContextVar("lab_granted", default=None)
_foreign: ContextVar[bool] = ContextVar("lab_foreign", default=False)
_skip_bucket_policy: ContextVar[bool] = ContextVar("lab_skip_bucket_policy", default=False)


def _begin_request(_: Request) -> None:
    """Forget what the previous request on this connection was granted."""
    _granted.set(set())


def install(world: World) -> None:
    """Put the strict checks in place."""
    accounts = world.accounts
    world.recorder.begins.append(_begin_request)
    _install_root_keys({account.root.access_key_id: account for account in accounts.values()})
    _install_root_policies()
    _install_bucket_policies()
    _install_enforce({account.root.access_key_id for account in accounts.values()})
    _install_condition_keys()
    _install_denials()


def _install_root_keys(roots: Mapping[str, LabAccount]) -> None:
    # An empty key is an anonymous S3 request; the emulator asks the bucket's public grants itself.
    hooks.replace("core.iam_evaluator", "is_root_access_key", lambda key: not key)

    def find_account(access_key_id: str) -> str | None:
        if access_key_id in roots:
            return roots[access_key_id].id
        found: str | None = old_find(access_key_id)
        return found

    old_find = hooks.replace("core.iam_evaluator", "find_iam_access_key_account", find_account)
    evaluator = hooks.emulator("core.iam_evaluator")
    unchecked = evaluator._SESSION_TOKEN_NOT_CHECKED

    def resolve(access_key_id: str, account_id: str | None = None, session_token: Any = unchecked) -> Any:
        root = roots.get(access_key_id)
        if root is None:
            return old_resolve(access_key_id, account_id, session_token)
        if (account_id or root.id) != root.id or (session_token is not unchecked and session_token):
            return evaluator._unknown_access_key()
        return evaluator.ResolvedCredential(
            access_key_id=access_key_id, secret_access_key=root.root.secret_access_key, account_id=root.id,
            principal_arn=f"arn:aws:iam::{root.id}:root", principal_id=root.id, principal_type="Root",
            source_access_key_id=access_key_id,
        )  # fmt: skip

    old_resolve = hooks.replace("core.iam_evaluator", "resolve_credential", resolve)


def _install_root_policies() -> None:
    """Root is a principal with every permission in its own account, not one beyond all checks."""
    evaluator = hooks.emulator("core.iam_evaluator")
    everything = evaluator.parse_policy_document({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})

    def resolve(access_key_id: str, account_id: str, credential: Any = None) -> Any:
        principal = old(access_key_id, account_id, credential)
        # Without a key it is an anonymous S3 request, which the bucket's own grants decide.
        if access_key_id and getattr(principal, "policies", ...) is None:
            principal.policies = [everything]
        return principal

    old = hooks.replace("core.iam_evaluator", "resolve_principal", resolve)


def _install_bucket_policies() -> None:
    """A bucket's policy is consulted for callers of every account, by their own ARN."""
    s3 = hooks.service("s3")

    def policy_for(resource_arn: str) -> tuple[str, str] | None:
        bucket = resource_arn.removeprefix("arn:aws:s3:::").split("/", 1)[0]
        owner = s3._bucket_owner_account(bucket) if resource_arn.startswith("arn:aws:s3:::") else None
        if owner is None:
            found: tuple[str, str] | None = old_policy(resource_arn)
            return found
        if _skip_bucket_policy.get():
            return "", owner
        return s3._bucket_policies.get_scoped(owner, None, bucket) or "", owner

    old_policy = hooks.replace("services.s3", "bucket_policy_for_arn", policy_for)

    def allows(owner: str, bucket: str, key: str, method: str, *args: Any) -> bool:
        caller = args[1]
        if caller:
            return bucket in (_granted.get() or ())
        return bool(old_allows(owner, bucket, key, method, *args))

    old_allows = hooks.replace("services.s3", "_foreign_bucket_allows", allows)


def _install_enforce(roots: set[str]) -> None:
    auth_error = hooks.emulator("core.iam_evaluator").AuthError

    def enforce(access_key_id: str, iam_action: str, service: str, region: str, *args: Any, **kwargs: Any) -> Any:
        if region not in REGIONS:
            return auth_error("InvalidClientTokenId", "The security token included in the request is invalid.")
        exempt = access_key_id in roots and iam_action in BUCKET_POLICY_ACTIONS
        token = _skip_bucket_policy.set(exempt)
        try:
            denied = old(access_key_id, iam_action, service, region, *args, **kwargs)
        finally:
            _skip_bucket_policy.reset(token)
        resource = kwargs.get("resource_arn") or (args[0] if args else "*")
        _foreign.set(denied is not None and _owner_of(resource) not in (None, hooks.current_account()))
        granted = _granted.get()
        if denied is None and granted is not None and resource.startswith("arn:aws:s3:::"):
            granted.add(resource.removeprefix("arn:aws:s3:::").split("/", 1)[0])
        return denied

    old = hooks.replace("core.iam_evaluator", "enforce", enforce)


def _owner_of(resource_arn: str) -> str | None:
    """The account that a bucket, object or key belongs to."""
    if resource_arn.startswith("arn:aws:s3:::"):
        bucket = resource_arn.removeprefix("arn:aws:s3:::").split("/", 1)[0]
        return str(hooks.service("s3")._bucket_owner_account(bucket) or "") or None
    parts = resource_arn.split(":")
    return parts[4] if len(parts) > 5 and parts[2] == "kms" else None  # noqa: PLR2004


def _install_denials() -> None:
    """Say in a refusal that it was the resource's own policy that did not allow it."""

    def denied(service: str, action: str, principal: str, request_id: str, **kwargs: Any) -> Any:
        silent = not (kwargs.get("error_code") or kwargs.get("message") or kwargs.get("explicit_deny"))
        if silent and _foreign.get():
            kwargs["message"] = (
                f"User: {principal} is not authorized to perform: {action} "
                f"because no resource-based policy allows the {action} action"
            )
        return old(service, action, principal, request_id, **kwargs)

    old = hooks.replace("core.iam_actions", "access_denied_response", denied)


def _install_condition_keys() -> None:
    """`aws:PrincipalArn` of a role session is the role; the lab's callers are never AWS services."""

    def resolve(key: str, ctx: Any) -> Any:
        lowered = key.lower()
        if lowered == "aws:principalarn":
            return role_of(ctx.principal_arn, ctx.principal_account)
        if lowered in ("aws:principalisawsservice", "aws:viaawsservice"):
            return "false"
        if lowered in ("aws:resourceaccount", "s3:resourceaccount") and ctx.resource_arn.startswith("arn:aws:s3:::"):
            bucket = ctx.resource_arn.removeprefix("arn:aws:s3:::").split("/", 1)[0]
            return hooks.service("s3")._bucket_owner_account(bucket) or ctx.principal_account
        return old(key, ctx)

    old = hooks.replace("core.iam_evaluator", "_resolve_condition_key", resolve)

    def matches(principal: Any, caller_arn: str) -> bool:
        # The emulator lets root through where a trust policy names a service; no caller of the lab is one.
        if isinstance(principal, dict):
            principal = {"AWS": principal.get("AWS", [])}
        return bool(old_matches(principal, caller_arn))

    old_matches = hooks.replace("core.iam_evaluator", "_principal_matches", matches)


def role_of(arn: str, account: str) -> str:
    """The role's ARN for an assumed-role session's; any other ARN as it is."""
    if ":assumed-role/" not in arn:
        return arn
    name = arn.split(":assumed-role/", 1)[1].split("/", 1)[0]
    role = hooks.service("iam")._roles.get_scoped(account, None, name) or {}
    return str(role.get("Arn") or f"arn:aws:iam::{account}:role/{name}")
