"""AWS::IAM::Policy: the account's own managed policies with their versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amberlight.lab import hooks
from amberlight.lab.awsconfig.item import Reading, Relation
from amberlight.lab.awsconfig.kind import Place, moment
from amberlight.lab.awsconfig.kinds._iam import encoded, kind, reading


def _versions(policy: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"document": encoded(each["Document"]), "versionId": each["VersionId"],
         "isDefaultVersion": each["IsDefaultVersion"], "createDate": moment(each["CreateDate"])}
        for each in policy["Versions"].values()
    ]  # fmt: skip


def _attached(arn: str, what: str) -> list[Relation]:
    store = getattr(hooks.service("iam"), f"_{what.lower()}s")
    return [
        Relation(f"Is attached to {what}", f"AWS::IAM::{what}", each[f"{what}Id"], each[f"{what}Name"])
        for each in store.values() if arn in (each.get("AttachedPolicies") or ())
    ]  # fmt: skip


def _make(place: Place, policy: Mapping[str, Any]) -> Reading:
    del place
    relations = [relation for what in ("Role", "User", "Group") for relation in _attached(policy["Arn"], what)]
    configuration = {
        "policyName": policy["PolicyName"], "policyId": policy["PolicyId"], "arn": policy["Arn"],
        "path": policy["Path"], "defaultVersionId": policy["DefaultVersionId"], "attachmentCount": len(relations),
        "permissionsBoundaryUsageCount": _boundaries(policy["Arn"]), "isAttachable": policy["IsAttachable"],
        "description": policy.get("Description") or None, "createDate": moment(policy["CreateDate"]),
        "updateDate": moment(policy["UpdateDate"]), "tags": [], "policyVersionList": _versions(policy),
    }  # fmt: skip
    return reading(policy, "Policy", configuration, *relations)


def _boundaries(arn: str) -> int:
    iam = hooks.service("iam")
    return sum(each.get("PermissionsBoundary") == arn for store in (iam._roles, iam._users) for each in store.values())


KIND = kind("AWS::IAM::Policy", "_policies", ("PolicyArn",), _make)
