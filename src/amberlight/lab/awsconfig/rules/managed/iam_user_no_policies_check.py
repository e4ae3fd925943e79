"""IAM_USER_NO_POLICIES_CHECK: users have their rights by groups and roles alone."""

from __future__ import annotations

from amberlight.lab.awsconfig.item import Item
from amberlight.lab.awsconfig.rules.verdict import Managed, Parameters


def _judge(item: Item, parameters: Parameters) -> tuple[bool, str | None]:
    del parameters
    user = item.reading.configuration
    return not user["userPolicyList"] and not user["attachedManagedPolicies"], "The user has policies of its own."


RULE = Managed(identifier="IAM_USER_NO_POLICIES_CHECK", types=("AWS::IAM::User",), judge=_judge)
