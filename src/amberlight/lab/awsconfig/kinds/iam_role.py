"""AWS::IAM::Role. When it was last used is no part of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amberlight.lab import hooks
from amberlight.lab.awsconfig.item import Reading
from amberlight.lab.awsconfig.kind import Place, moment
from amberlight.lab.awsconfig.kinds._iam import (
    attached,
    customer_managed,
    encoded,
    extras,
    head,
    inline,
    kind,
    reading,
)


def _profiles(role: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"path": each["Path"], "instanceProfileName": each["InstanceProfileName"],
         "instanceProfileId": each["InstanceProfileId"], "arn": each["Arn"], "createDate": moment(each["CreateDate"])}
        for each in hooks.service("iam")._instance_profiles.values() if role["RoleName"] in each["Roles"]
    ]  # fmt: skip


def _make(place: Place, role: Mapping[str, Any]) -> Reading:
    del place
    configuration = {
        **head(role, "Role"), "assumeRolePolicyDocument": encoded(role["AssumeRolePolicyDocument"]),
        "instanceProfileList": _profiles(role), "rolePolicyList": inline(role.get("InlinePolicies")),
        "attachedManagedPolicies": attached(role), **extras(role),
    }  # fmt: skip
    return reading(role, "Role", configuration, *customer_managed(role))


KIND = kind("AWS::IAM::Role", "_roles", ("RoleName",), _make)
