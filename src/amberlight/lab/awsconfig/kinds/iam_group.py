"""AWS::IAM::Group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amberlight.lab import hooks
from amberlight.lab.awsconfig.item import Reading, Relation
from amberlight.lab.awsconfig.kind import Place
from amberlight.lab.awsconfig.kinds._iam import attached, customer_managed, head, inline, kind, reading


def _make(place: Place, group: Mapping[str, Any]) -> Reading:
    del place
    iam = hooks.service("iam")
    users = [user for name in group["Users"] if (user := iam._users.get(name))]
    relations = [Relation("Contains User", "AWS::IAM::User", user["UserId"], user["UserName"]) for user in users]
    configuration = {
        **head(group, "Group"), "groupPolicyList": inline(iam._group_inline_policies.get(group["GroupName"])),
        "attachedManagedPolicies": attached(group),
    }  # fmt: skip
    return reading(group, "Group", configuration, *relations, *customer_managed(group))


KIND = kind("AWS::IAM::Group", "_groups", ("GroupName",), _make)
