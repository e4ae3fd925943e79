"""AWS::IAM::User. Keys and passwords are no part of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amberlight.lab import hooks
from amberlight.lab.awsconfig.item import Reading, Relation
from amberlight.lab.awsconfig.kind import Place
from amberlight.lab.awsconfig.kinds._iam import attached, customer_managed, extras, head, inline, kind, reading


def _make(place: Place, user: Mapping[str, Any]) -> Reading:
    del place
    iam = hooks.service("iam")
    name = user["UserName"]
    groups = [group for group in iam._groups.values() if name in group["Users"]]
    relations = [Relation("Is attached to Group", "AWS::IAM::Group", g["GroupId"], g["GroupName"]) for g in groups]
    configuration = {
        **head(user, "User"), "userPolicyList": inline(iam._user_inline_policies.get(name)),
        "groupList": [group["GroupName"] for group in groups], "attachedManagedPolicies": attached(user), **extras(user),
    }  # fmt: skip
    return reading(user, "User", configuration, *relations, *customer_managed(user))


KIND = kind("AWS::IAM::User", "_users", ("UserName",), _make)
