"""KMS: a ciphertext finds its key in whatever account that is; the key's policy decides who may use it.

References:
    Decrypt ("if you do not name a key, AWS KMS gets it from metadata in the ciphertext"), AWS KMS API Reference, 2026-11.
"""

from __future__ import annotations

from typing import Any

from amberlight.lab import hooks
from amberlight.lab.world import World

AFTER = ("kms",)
"""Which finds a key of another account by its ARN."""


def install(_: World) -> None:
    """Name the key of a ciphertext by its ARN: to the policy, and to the operation."""

    def named(ciphertext: str) -> str:
        key = str(old_named(ciphertext))
        return _arn(key) if key else key

    old_named = hooks.replace("core.iam_actions", "_kms_key_id_from_ciphertext", named)

    def decrypt(asked: dict[str, Any]) -> Any:
        key = "" if asked.get("KeyId") else named(str(asked.get("CiphertextBlob") or ""))
        return old_decrypt({**asked, "KeyId": key} if key.startswith("arn:") else asked)

    old_decrypt = hooks.replace("services.kms", "_decrypt", decrypt)


def _arn(key: str) -> str:
    """The ARN of the key with that id, in the caller's Region; the id itself where no account has it."""
    region = hooks.current_region()
    found = [str(record["Arn"]) for _, record in hooks.service("kms")._keys.all_items() if record.get("KeyId") == key]
    return next((arn for arn in found if arn.split(":")[3] == region), key)
