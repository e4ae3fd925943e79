"""KMS keys of other accounts, by their ARN and under their own key policy; grants that count.

References:
    "Allowing users in other accounts to use a KMS key", KMS Developer Guide, 2026-11.
    "Grants in AWS KMS": a grant allows its operations to its grantee, beside what policies allow, and a denial still wins. The
    lab heeds it at once (AWS: within five minutes, or at once with the grant's token), and has no grant constraints.
"""

from __future__ import annotations

from typing import Any

from amberlight.lab import hooks
from amberlight.lab.world import World

_PARTS = 6
AFTER = ("auth", "organizations")
"""A grant is asked about what policies did not allow."""


def install(_: World) -> None:
    """Find a key by its full ARN, whoever asks; its policy decides."""
    kms = hooks.service("kms")

    def resolve(key: str) -> Any:
        foreign = _foreign(key)
        return old(key) if foreign is None else foreign

    old = hooks.replace("services.kms", "_resolve_key", resolve)

    def policy(resource_arn: str) -> tuple[str, str] | None:
        found = kms._resolve_key(resource_arn)
        return (found.get("Policy") or "", found["Arn"].split(":")[4]) if found else None

    hooks.replace("services.kms", "key_policy_for_arn", policy)
    _install_grants()


def _install_grants() -> None:
    def enforce(access_key_id: str, iam_action: str, service: str, region: str, *args: Any, **kwargs: Any) -> Any:
        denied = old(access_key_id, iam_action, service, region, *args, **kwargs)
        resource = str(kwargs.get("resource_arn") or (args[0] if args else "*"))
        # Neither a wrong signature nor a statement that denies is made good by a grant.
        if service != "kms" or getattr(denied, "decision", "") == "Deny" or not hasattr(denied, "principal_arn"):
            return denied
        return None if _granted(denied.principal_arn, iam_action.removeprefix("kms:"), resource) else denied

    old = hooks.replace("core.iam_evaluator", "enforce", enforce)


def _granted(principal: str, operation: str, key: str) -> bool:
    kms = hooks.service("kms")
    found = kms._resolve_key(key)
    grantees = {principal, _role_of(principal)}
    return found is not None and any(
        grant["KeyId"] == found["Arn"] and operation in grant["Operations"] and grant["GranteePrincipal"] in grantees
        and not grant["Constraints"]
        for _, grant in kms._grants.all_items()
    )  # fmt: skip


def _role_of(arn: str) -> str:
    """The role of a session; another ARN as it is."""
    head, _, tail = arn.partition(":assumed-role/")
    return f"{head.replace(':sts:', ':iam:')}:role/{tail.partition('/')[0]}" if tail else arn


def _foreign(arn: str) -> Any:
    parts = arn.split(":") if arn else []
    if len(parts) != _PARTS or parts[2] != "kms" or parts[4] == hooks.current_account():
        return None
    if parts[3] != hooks.current_region() or not parts[5].startswith("key/"):
        return None
    return hooks.service("kms")._keys.get_scoped(parts[4], parts[3], parts[5].removeprefix("key/"))
