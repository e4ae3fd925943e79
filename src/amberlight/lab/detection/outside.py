"""Who outside an account may reach its buckets, roles, keys and snapshots, read from their policies.

A statement that allows an outside principal is one access for each principal. Conditions that name accounts or ARNs inside the zone
of trust close it, as do Block Public Access for a public bucket policy, and a statement that denies everybody the same actions without
a condition. Services of AWS are not outside. Other conditions are shown, not weighed.

References:
    "IAM Access Analyzer resource types for external access" and "How IAM Access Analyzer findings work", IAM User Guide, 2026-11.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from amberlight.lab import hooks

_CLOSING_KEYS = frozenset({"aws:principalaccount", "aws:sourceaccount", "aws:sourceowner", "kms:calleraccount",
                           "aws:principalarn", "aws:sourcearn"})  # fmt: skip
_CLOSING_OPERATORS = ("StringEquals", "StringLike", "ArnEquals", "ArnLike", "StringEqualsIgnoreCase")
_ACCOUNT = re.compile(r"(?:^|:)(\d{12})(?::|$)")


@dataclasses.dataclass(frozen=True)
class Access:
    """Something that can be reached from outside."""

    account: str
    kind: str
    resource: str
    principal: tuple[str, str]
    """Its type and name: `("AWS", "*")`."""
    actions: tuple[str, ...]
    conditions: tuple[tuple[str, str, str], ...]
    """Operator, key and values."""

    @property
    def public(self) -> bool:
        """Whether anybody can reach it."""
        return self.principal == ("AWS", "*") and not self.conditions


def accesses(zone: frozenset[str], region: str) -> Iterator[Access]:
    """Every access from outside *zone* to resources of its accounts in a Region; roles are in every Region."""
    for account in sorted(zone):
        for kind, resource, policy in _policies(account, region):
            for access in _of_policy(account, kind, resource, policy):
                if not _inside(access.principal[1], zone) and not _closed(access, zone):
                    yield access
        yield from _snapshots(account, region, zone)


def _policies(account: str, region: str) -> Iterator[tuple[str, str, str | Mapping[str, Any]]]:
    s3, iam, kms = (hooks.service(name) for name in ("s3", "iam", "kms"))
    for (owner, name), bucket in list(s3._buckets.to_dict().items()):
        policy = s3._bucket_policies.get_scoped(account, None, name) if owner == account else None
        if policy and (bucket.get("region") or "us-east-1") == region:
            yield "AWS::S3::Bucket", f"arn:aws:s3:::{name}", policy
    for (owner, _), role in list(iam._roles.to_dict().items()):
        if owner == account:
            yield "AWS::IAM::Role", role["Arn"], role["AssumeRolePolicyDocument"]
    for (owner, where, _), key in kms._keys.all_items():
        if (owner, where) == (account, region) and key.get("Policy"):
            yield "AWS::KMS::Key", key["Arn"], key["Policy"]


def _of_policy(account: str, kind: str, resource: str, policy: str | Mapping[str, Any]) -> Iterator[Access]:
    try:
        document = json.loads(policy) if isinstance(policy, str) else policy
    except ValueError:
        return
    statements = _list(document.get("Statement"))
    denied = [action for each in statements if _denies_all(each) for action in _list(each.get("Action"))]
    for each in statements:
        actions = tuple(
            action
            for action in _list(each.get("Action"))
            if not any(fnmatch.fnmatchcase(action, one) for one in denied)
        )
        if each.get("Effect") == "Allow" and actions:
            for principal in _principals(each):
                yield Access(account, kind, resource, principal, tuple(sorted(actions)), _conditions(each))


def _denies_all(statement: Mapping[str, Any]) -> bool:
    everybody = statement.get("Principal") in ("*", {"AWS": "*"}, {"AWS": ["*"]})
    return statement.get("Effect") == "Deny" and everybody and not statement.get("Condition")


def _principals(statement: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    principal = statement.get("Principal")
    if principal == "*" or "NotPrincipal" in statement:
        yield "AWS", "*"
    elif isinstance(principal, Mapping):
        for kind in ("AWS", "Federated", "CanonicalUser"):
            for name in _list(principal.get(kind)):
                # The root of an account is the account.
                yield kind, re.sub(r"^arn:aws:iam::(\d{12}):root$", r"\1", str(name))


def _conditions(statement: Mapping[str, Any]) -> tuple[tuple[str, str, str], ...]:
    return tuple(sorted(
        (operator, key, ",".join(map(str, _list(value))))
        for operator, block in (statement.get("Condition") or {}).items() for key, value in block.items()
    ))  # fmt: skip


def _inside(name: str, zone: frozenset[str]) -> bool:
    found = _ACCOUNT.search(name)
    return found is not None and found[1] in zone


def _closed(access: Access, zone: frozenset[str]) -> bool:
    if any(
        operator in _CLOSING_OPERATORS and key.lower() in _CLOSING_KEYS and all(_inside(one, zone) for one in values.split(","))
        for operator, key, values in access.conditions
    ):  # fmt: skip
        return True
    s3 = hooks.service("s3")
    return access.kind == "AWS::S3::Bucket" and access.public and bool(
        s3._public_access_blocked(access.account, access.resource.rpartition(":")[2], "RestrictPublicBuckets")
    )  # fmt: skip


def _snapshots(account: str, region: str, zone: frozenset[str]) -> Iterator[Access]:
    for (owner, where, _), snapshot in hooks.service("ec2")._snapshots.all_items():
        if (owner, where) != (account, region) or snapshot["OwnerId"] != account:
            continue
        arn = f"arn:aws:ec2:{region}:{account}:snapshot/{snapshot['SnapshotId']}"
        for entry in snapshot.get("CreateVolumePermissions", []):
            name = "*" if entry.get("Group") == "all" else str(entry.get("UserId", ""))
            if name and not _inside(name, zone):
                yield Access(account, "AWS::EC2::Snapshot", arn, ("AWS", name), ("ec2:CreateVolume",), ())


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
