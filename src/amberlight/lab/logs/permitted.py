"""Whether a service may take a role and write to a log group with it."""

from __future__ import annotations

import json
from typing import Any

from amberlight.lab import hooks


def may_write(role_arn: str, service: str, group_arn: str, stream: str) -> bool:
    """Whether *service* may take the role, and the role may make the stream and write to it."""
    evaluator = hooks.emulator("core.iam_evaluator")
    region, account = group_arn.split(":")[3:5]
    name = role_arn.rsplit("/", 1)[-1]
    role = hooks.service("iam")._roles.get_scoped(account, None, name)
    if role is None or role["Arn"] != role_arn:
        return False
    if not _trusts(role["AssumeRolePolicyDocument"], service, role_arn):
        return False
    policies = evaluator._gather_role_policies(name, account)
    resource = f"{group_arn.removesuffix(':*')}:log-stream:{stream}"
    contexts = [
        evaluator.EvalContext(
            principal_arn=role_arn, principal_type="AssumedRole", principal_account=account, action=action,
            resource_arn=resource, region=region,
        )
        for action in ("logs:CreateLogStream", "logs:PutLogEvents")
    ]  # fmt: skip
    return all(evaluator.evaluate(context, policies).decision == "Allow" for context in contexts)


def _trusts(text: Any, service: str, role_arn: str) -> bool:
    """Whether the role's trust policy lets the service take it."""
    evaluator = hooks.emulator("core.iam_evaluator")
    context = evaluator.EvalContext(
        principal_arn=service, principal_type="Service", principal_account="", action="sts:AssumeRole", resource_arn=role_arn, region="",
    )  # fmt: skip
    policy = json.loads(text) if isinstance(text, str) else text
    statements = [{**each, "Resource": "*"} for each in _list(policy.get("Statement"))]
    return bool(
        evaluator.evaluate_resource_policy({**policy, "Statement": statements}, context, service=service).decision
        == "Allow"
    )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if value else []


def group_name(group_arn: str) -> str:
    """The name in the ARN of a log group."""
    return group_arn.split(":log-group:", 1)[-1].removesuffix(":*")


def exists(group_arn: str) -> bool:
    """Whether there is such a log group."""
    region, account = (group_arn.split(":") + [""] * 5)[3:5]
    return hooks.service("cloudwatch_logs")._log_groups.get_scoped(account, region, group_name(group_arn)) is not None
