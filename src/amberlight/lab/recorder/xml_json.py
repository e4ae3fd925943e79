"""XML as CloudTrail puts it into a record where a service hands it over whole: S3's bodies, EC2's younger actions.

An element with children becomes an object, a repeated one a list, an empty one the empty string, an attribute a member.

References:
    Real records: S3 PutBucketVersioning (`VersioningConfiguration.xmlns`), EC2 DeleteFlowLogs (`FlowLogId: {"content": ..., "tag": 1}`),
    CreateLaunchTemplate (`createTime`).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET

_NUMBER = re.compile(r"-?(0|[1-9]\d*)$")
SENSITIVE = "<sensitiveDataRemoved>"
"""What EC2 puts for what its model calls sensitive."""


def of_body(body: bytes) -> dict[str, Any]:
    """A body as `{root: content}`; nothing for one that is no XML."""
    try:
        root = ET.fromstring(body)  # noqa: S314 (the caller is on this machine, and the emulator parses the same bytes)
    except ET.ParseError:
        return {}
    space, _, name = root.tag.rpartition("}")
    content = _element(root)
    if space and isinstance(content, dict):
        content["xmlns"] = space.lstrip("{")
    return {name: content}


def _element(node: ET.Element) -> Any:
    found: dict[str, Any] = {}
    for child in node:
        gather(found, child.tag.rpartition("}")[2], _element(child))
    for name, value in node.attrib.items():
        found[name.rpartition("}")[2]] = value
    if not found:
        return typed(node.text or "")
    return found


def gather(found: dict[str, Any], name: str, value: Any) -> None:
    """Put an element beside those of its name."""
    if name not in found:
        found[name] = value
    elif isinstance(found[name], list):
        found[name].append(value)
    else:
        found[name] = [found[name], value]


def typed(text: str) -> Any:
    """A text as the number or truth value that it spells."""
    text = text.strip()
    if text in ("true", "false"):
        return text == "true"
    return int(text) if _NUMBER.match(text) else text


def tagged(value: Any, name: str, shape: Any, wire: Any, found: dict[str, Any]) -> None:
    """Put a parameter as element *name* into *found*; members of lists are numbered, from 1, in an attribute `tag`.

    *wire* names a member of a structure: `wire(name, member)`.
    """
    if shape.type_name == "list":
        for number, item in enumerate(value, 1):
            inner = nested(item, shape.member, wire)
            gather(
                found, name, {**inner, "tag": number} if isinstance(inner, dict) else {"content": inner, "tag": number}
            )
        return
    found[name] = SENSITIVE if shape.metadata.get("sensitive") else nested(value, shape, wire)


def nested(value: Any, shape: Any, wire: Any) -> Any:
    """The content of an element."""
    if isinstance(value, Mapping) and shape.type_name == "structure":
        found: dict[str, Any] = {}
        for name, inner in value.items():
            if name in shape.members:
                tagged(inner, wire(name, shape.members[name]), shape.members[name], wire, found)
        return found or ""
    return value


def plain(value: Any, shape: Any, wire: Any) -> Any:
    """An answer's content: lists hold their members as elements `item`."""
    if isinstance(value, Mapping) and shape.type_name == "structure":
        return {
            wire(name, member): SENSITIVE if member.metadata.get("sensitive") else plain(inner, member, wire)
            for name, inner, member in ((name, inner, shape.members.get(name)) for name, inner in value.items())
            if member is not None
        }
    if isinstance(value, list):
        items = [plain(item, shape.member, wire) for item in value]
        return {"item": items[0] if len(items) == 1 else items} if items else ""
    return value.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z") if isinstance(value, dt.datetime) else value
