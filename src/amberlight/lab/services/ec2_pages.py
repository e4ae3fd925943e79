"""EC2: pages of DescribeInstances, DescribeSnapshots, DescribeVolumes and DescribeNetworkInterfaces, as large as was asked for.

The limits are checked as the caller sent them: the lab's faults ask for shorter pages than AWS lets callers ask for.

References:
    DescribeInstances and the other three, "Pagination", "Error codes", EC2 API Reference, 2026-11: 5 to 1,000 a page; ids and
    MaxResults exclude one another; without MaxResults everything comes at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any
from urllib.parse import parse_qs
from xml.etree import ElementTree as ET

from amberlight.lab import hooks
from amberlight.lab.own import Refused, paged
from amberlight.lab.recorder.requests import Request
from amberlight.lab.world import World

_SETS = {
    "DescribeInstances": ("reservationSet", "InstanceId"),
    "DescribeSnapshots": ("snapshotSet", "SnapshotId"),
    "DescribeVolumes": ("volumeSet", "VolumeId"),
    "DescribeNetworkInterfaces": ("networkInterfaceSet", "NetworkInterfaceId"),
}
_LEAST, _MOST = 5, 1000
_MOST_BODY = 1 << 16
_NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"
_SENT: ContextVar[Mapping[str, str]] = ContextVar("sent")
"""The parameters of the request that is being served, as they came."""
Handler = Callable[..., Any]


def install(world: World) -> None:
    """Page in EC2 itself, and note what callers ask for."""
    ec2 = hooks.service("ec2")
    ec2.handle_request = _pager(ec2.handle_request)
    world.recorder.begins.append(_note)


def _note(wire: Request) -> None:
    known = wire.path == "/" and len(wire.body) < _MOST_BODY
    _SENT.set(_asked(wire.body, wire.query) if known else {})


def _asked(body: Any, query: Mapping[str, Any]) -> dict[str, str]:
    text = body if isinstance(body, str) else bytes(body or b"").decode("utf-8", "replace")
    return {name: values[0] for name, values in {**query, **parse_qs(text)}.items() if values}


def _problem(asked: Mapping[str, str]) -> tuple[str, str] | None:
    if "MaxResults" not in asked:
        return None
    ec2, most = hooks.service("ec2"), asked["MaxResults"]
    if not most.isdigit() or not _LEAST <= int(most) <= _MOST:
        return "InvalidParameterValue", (
            f"Value ( {ec2._esc(most)} ) for parameter maxResults is invalid. Expecting a value between 5 and 1000."
        )
    prefix = _SETS[asked["Action"]][1] + "."
    if any(name.startswith(prefix) for name in asked):
        return "InvalidParameterCombination", "The parameter for ids cannot be used with the parameter maxResults"
    return None


def _pager(old: Handler) -> Handler:
    async def handle(method: str, path: str, headers: Any, body: bytes, query: Any) -> Any:
        asked = _asked(body, query)
        if asked.get("Action") not in _SETS or not {"MaxResults", "NextToken"} & set(asked):
            return await old(method, path, headers, body, query)
        problem = _problem(_SENT.get())
        if problem is not None:
            return hooks.service("ec2")._error(*problem, 400)
        answer = await old(method, path, headers, body, query)
        if answer[0] != 200:  # noqa: PLR2004
            return answer
        try:
            return answer[0], answer[1], _cut(answer[2], _SETS[asked["Action"]][0], asked)
        except Refused as refused:
            return hooks.service("ec2")._error(refused.code, refused.message, 400)

    return handle


def _cut(body: bytes, name: str, asked: Mapping[str, str]) -> bytes:
    """The answer with one page of its items, and the token of the next one."""
    ET.register_namespace("", _NAMESPACE)
    root = ET.fromstring(body)  # noqa: S314 (the emulator's own answer)
    items = root.find(f"{{{_NAMESPACE}}}{name}")
    if items is None:
        return body
    page, following = paged(
        list(items), asked.get("NextToken"), asked.get("MaxResults"), most=_MOST, code="InvalidNextToken"
    )
    items[:] = page
    for token in root.findall(f"{{{_NAMESPACE}}}nextToken"):
        root.remove(token)
    if following is not None:
        ET.SubElement(root, f"{{{_NAMESPACE}}}nextToken").text = following
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))
