"""Whether AWS Config may write to a bucket or publish to a topic: by the recorder's role, or by the resource's own policy.

References:
    "Permissions for the Amazon S3 Bucket for the AWS Config Delivery Channel", and the same for topics, AWS Config Developer
    Guide, 2026-11.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

from amberlight.lab import hooks
from amberlight.lab.awsconfig.kind import Place
from amberlight.lab.awsconfig.recorders import Setting, why_not

SERVICE = "config.amazonaws.com"


async def permitted(setting: Setting, action: str, arn: str, owner: str, policy: str | None) -> bool:
    """Whether AWS Config may do *action* to the resource of that ARN, owner and policy."""
    decision = _by_policy(setting, action, arn, policy)
    if decision in ("Allow", "Deny"):
        return decision == "Allow"
    return owner == setting.account and await _by_role(setting, action, arn)


def _by_policy(setting: Setting, action: str, arn: str, text: str | None) -> str:
    evaluator = hooks.emulator("core.iam_evaluator")
    context = evaluator.EvalContext(
        principal_arn=SERVICE, principal_type="Service", principal_account="", action=action, resource_arn=arn,
        region=setting.region, service_context={"s3:x-amz-acl": "bucket-owner-full-control"},
    )  # fmt: skip
    policy = _met(json.loads(text or "{}"), setting)
    return str(evaluator.evaluate_resource_policy(policy, context, service=SERVICE).decision)


def _met(policy: Mapping[str, Any], setting: Setting) -> dict[str, Any]:
    """The policy without the conditions on the source that AWS Config meets; those that it does not meet stay, and fail."""
    found = copy.deepcopy(dict(policy))
    statements = found.get("Statement", [])
    for statement in statements if isinstance(statements, list) else []:
        for block in (statement.get("Condition") or {}).values():
            for name in list(block):
                wanted = block[name] if isinstance(block[name], list) else [block[name]]
                account = name.lower() == "aws:sourceaccount" and setting.account in wanted
                if account or (
                    name.lower() == "aws:sourcearn" and any(f":{setting.account}:" in each for each in wanted)
                ):
                    del block[name]
    return found


async def _by_role(setting: Setting, action: str, arn: str) -> bool:
    if setting.recorder is None or why_not(setting) is not None:
        return False
    answer = await Place(setting.account, setting.region).ask(
        "iam",
        "SimulatePrincipalPolicy",
        PolicySourceArn=setting.recorder.role,
        ActionNames=[action],
        ResourceArns=[arn],
    )
    return all(each["EvalDecision"] == "allowed" for each in answer["EvaluationResults"])
