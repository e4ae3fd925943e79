"""Events that AWS's own services put on an account's default event bus, and the roles that they take in an account.

References:
    "Events from AWS services", EventBridge User Guide, 2026-11: `source` begins with `aws.`, which PutEvents refuses to callers.
    "Service-linked roles", IAM User Guide, 2026-11.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from amberlight.lab import hooks


def tell(
    place: tuple[str, str], source: str, detail_type: str, detail: Mapping[str, Any], resources: Sequence[str] = ()
) -> None:
    """Put an event on the default bus of *place*, an account and a Region."""
    entry = {"Source": source, "DetailType": detail_type, "Detail": json.dumps(detail), "Resources": list(resources)}
    with hooks.acting_for(*place):
        hooks.service("eventbridge")._put_events({"Entries": [entry]}, allow_aws_source=True)


def service_role(account: str, region: str, service: str, name: str) -> str:
    """The ARN of the role of *service* in an account, which is made when it is not there yet."""
    iam = hooks.service("iam")
    with hooks.acting_for(account, region):
        if name not in iam._roles:
            before = set(iam._roles)
            iam._create_service_linked_role({"AWSServiceName": [service]})
            (made,) = set(iam._roles) - before
            role = iam._roles.pop(made)
            arn = f"arn:aws:iam::{account}:role{role['Path']}{name}"
            iam._roles[name] = {**role, "RoleName": name, "Arn": arn}
        return str(iam._roles[name]["Arn"])


def publish(topic: str, message: str, subject: str, service: str) -> bool:
    """Publish to a topic as an AWS service does; whether the topic is there and its policy lets that service publish."""
    region, account = topic.split(":")[3:5]
    sns = hooks.service("sns")
    found = sns._topics.get_scoped(account, region, topic)
    if found is None or not _lets(found["attributes"].get("Policy") or "{}", topic, service):
        return False
    with hooks.acting_for(account, region):
        sns.publish_internal(topic, message, subject)
    return True


def _lets(text: str, topic: str, service: str) -> bool:
    evaluator = hooks.emulator("core.iam_evaluator")
    region, account = topic.split(":")[3:5]
    policy = json.loads(text)
    statements = policy.get("Statement", [])
    kept = [_met(each, account) for each in ([statements] if isinstance(statements, dict) else statements)]
    context = evaluator.EvalContext(
        principal_arn=service, principal_type="Service", principal_account="", action="sns:Publish", resource_arn=topic,
        region=region,
    )  # fmt: skip
    decided = evaluator.evaluate_resource_policy({**policy, "Statement": kept}, context, service=service)
    return bool(decided.decision == "Allow")


def _met(statement: Mapping[str, Any], account: str) -> dict[str, Any]:
    """The statement without the condition that AWS itself meets: that it acts for the topic's account."""
    conditions = {
        operator: {key: value for key, value in block.items() if (key.lower(), value) != ("aws:sourceaccount", account)}
        for operator, block in (statement.get("Condition") or {}).items()
    }
    left = {operator: block for operator, block in conditions.items() if block}
    return {
        **{name: value for name, value in statement.items() if name != "Condition"},
        **({"Condition": left} if left else {}),
    }
