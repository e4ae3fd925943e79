"""IAM: lists come in pages of 100, as on AWS.

References:
    ListRoles and its kin (MaxItems, default 100, Marker, IsTruncated), IAM API Reference, 2026-11.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

from amberlight.lab import hooks
from amberlight.lab.world import World

_ACTIONS = (
    "ListRoles", "ListUsers", "ListGroups", "ListPolicies", "ListInstanceProfiles", "ListAccessKeys",
    "ListRolePolicies", "ListUserPolicies", "ListAttachedRolePolicies", "ListAttachedUserPolicies",
    "GetServiceLastAccessedDetails", "GetServiceLastAccessedDetailsWithEntities",
)  # fmt: skip
_PAGE, _MOST = 100, 1000
Handler = Callable[[Any], Any]


AFTER = ("identity",)
"""Whose answers are cut into pages too."""


def install(_: World) -> None:
    """Cut the lists of the emulator, which gives everything at once."""
    table = hooks.service("iam")._IAM_HANDLERS
    for action in _ACTIONS:
        table[action] = _paged(table[action])


def _paged(old: Handler) -> Handler:
    def handler(params: Any) -> Any:
        status, headers, body = old(params)
        if status != 200:  # noqa: PLR2004
            return status, headers, body
        iam = hooks.service("iam")
        size = min(int(iam._p(params, "MaxItems") or _PAGE), _MOST)
        start = _position(str(iam._p(params, "Marker") or ""))
        if start is None:
            return iam._error(400, "InvalidInput", "Invalid Marker", ns="iam")
        return status, headers, _cut(body, start, size)

    return handler


def _position(marker: str) -> int | None:
    if not marker:
        return 0
    try:
        return int(base64.urlsafe_b64decode(marker))
    except ValueError:
        return None


def _cut(body: bytes, start: int, size: int) -> bytes:
    """One page of an answer: its list cut, `IsTruncated` and `Marker` set."""
    root = ET.fromstring(body)  # noqa: S314 (the emulator's own answer)
    space = root.tag[: root.tag.index("}") + 1] if root.tag.startswith("{") else ""
    result = next(child for child in root if child.tag.endswith("Result"))
    truncated = result.find(f"{space}IsTruncated")
    listed = next((child for child in result if child.find(f"{space}member") is not None), None)
    members = list(listed) if listed is not None else []
    if listed is None or truncated is None or (start == 0 and len(members) <= size):
        return body
    for member in members[:start] + members[start + size :]:
        listed.remove(member)
    more = start + size < len(members)
    truncated.text = "true" if more else "false"
    if more:
        ET.SubElement(result, f"{space}Marker").text = base64.urlsafe_b64encode(str(start + size).encode()).decode()
    if space:
        ET.register_namespace("", space.strip("{}"))
    return ET.tostring(root)
