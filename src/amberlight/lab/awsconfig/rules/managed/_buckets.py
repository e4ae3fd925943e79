"""Whether the access control list or the policy of a bucket lets everybody in.

References:
    "The meaning of public", Amazon S3 User Guide, 2026-11: a policy that names everybody is not public when a condition fixes
    addresses, networks, accounts or organisations.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from amberlight.lab.awsconfig.item import Item

_FIXED = frozenset({
    "aws:sourceip", "aws:sourcearn", "aws:sourcevpc", "aws:sourcevpce", "aws:sourceowner", "aws:sourceaccount",
    "aws:principalorgid", "aws:principalorgpaths", "aws:principalaccount", "aws:principalarn", "aws:userid",
    "s3:dataaccesspointarn", "s3:dataaccesspointaccount", "s3:x-amz-server-side-encryption-aws-kms-key-id",
})  # fmt: skip


def public(item: Item, actions: Iterable[str], permissions: Iterable[str]) -> str | None:
    """Why everybody may do one of *actions*, by policy or by one of *permissions* of the list; None when nobody may."""
    more = item.reading.supplementary
    block = more.get("PublicAccessBlockConfiguration") or {}
    if not block.get("ignorePublicAcls"):
        grants = json.loads(more["AccessControlList"])["grantList"]
        wanted = {"FullControl", *permissions}
        if any(
            each["grantee"] in ("AllUsers", "AuthenticatedUsers") and each["permission"] in wanted for each in grants
        ):
            return "The bucket's access control list lets everybody in."
    if not block.get("restrictPublicBuckets") and _open(more["BucketPolicy"]["policyText"], set(actions)):
        return "The bucket policy lets everybody in."
    return None


def _open(text: str | None, actions: set[str]) -> bool:
    statements = json.loads(text).get("Statement", []) if text else []
    listed = statements if isinstance(statements, list) else [statements]
    return any(
        each.get("Effect") == "Allow" and _everybody(each.get("Principal")) and _allows(each, actions)
        and not _fixed(each.get("Condition") or {})
        for each in listed
    )  # fmt: skip


def _everybody(principal: Any) -> bool:
    named = principal.get("AWS", []) if isinstance(principal, dict) else principal
    return "*" in (named if isinstance(named, list) else [named])


def _allows(statement: Mapping[str, Any], actions: set[str]) -> bool:
    given = statement.get("Action", [])
    patterns = given if isinstance(given, list) else [given]
    return any(_matches(action.lower(), str(pattern).lower()) for pattern in patterns for action in actions)


def _matches(text: str, pattern: str) -> bool:
    """Whether a pattern of a policy means a text; without going back further than to the last star, whatever the pattern."""
    at = here = 0
    star, resume = -1, 0
    while at < len(text):
        if here < len(pattern) and pattern[here] == "*":
            star, resume, here = here, at, here + 1
        elif here < len(pattern) and pattern[here] in ("?", text[at]):
            at, here = at + 1, here + 1
        elif star >= 0:
            resume += 1
            at, here = resume, star + 1
        else:
            return False
    return not pattern[here:].strip("*")


def _fixed(condition: Mapping[str, Any]) -> bool:
    return any(
        name.lower() in _FIXED and all("*" not in str(value) and str(value) != "0.0.0.0/0" for value in _values(wanted))
        for operator, block in condition.items() if "not" not in operator.lower()
        for name, wanted in block.items()
    )  # fmt: skip


def _values(wanted: Any) -> list[Any]:
    return wanted if isinstance(wanted, list) else [wanted]
