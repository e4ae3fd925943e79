"""KMS keys of other accounts, by their ARN and under their own key policy.

References:
    "Allowing users in other accounts to use a KMS key", KMS Developer Guide, 2026-11.
"""

from __future__ import annotations

from typing import Any

from amberlight.lab import hooks
from amberlight.lab.world import World

_PARTS = 6


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


def _foreign(arn: str) -> Any:
    parts = arn.split(":") if arn else []
    if len(parts) != _PARTS or parts[2] != "kms" or parts[4] == hooks.current_account():
        return None
    if parts[3] != hooks.current_region() or not parts[5].startswith("key/"):
        return None
    return hooks.service("kms")._keys.get_scoped(parts[4], parts[3], parts[5].removeprefix("key/"))
