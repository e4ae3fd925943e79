"""What the caller of a request may do on the way, beside what was asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amberlight.lab import hooks


def allowed(action: str, service: str, resource: str) -> bool:
    """Whether policies let the caller of this request do something else."""
    evaluator = hooks.emulator("core.iam_evaluator")
    key, region = evaluator._verified_key.get(), hooks.current_region()
    return evaluator.enforce(key, action, service, region, resource_arn=resource) is None


def may_decrypt(snapshot: Mapping[str, Any], region: str) -> bool:
    """Whether the caller may use the key of a snapshot in that Region; the AWS managed key lets everybody in its account."""
    key = str(snapshot.get("KmsKeyId") or "")
    if ":key/" not in key:
        return True
    with hooks.acting_for(hooks.current_account(), region):
        return allowed("kms:Decrypt", "kms", key)
