"""Shorter pages of any operation that botocore can page through.

The limit of the request is lowered, and a service that heeds it gives its own token. The answer of one that does not is cut, with a
token of ours that leads on: it holds the caller's own token and how many items of that page were given; the page is made
again and cut further on. S3, which has tokens in several parts, heeds its limits.
"""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlencode
from xml.etree import ElementTree as ET

from amberlight.lab import hooks
from amberlight.lab.faults.points import Inner, Reply
from amberlight.lab.recorder.requests import Call

_MARK = "amberlight-page:"


@dataclasses.dataclass(frozen=True)
class Plan:
    """How one operation pages, in the names of the wire."""

    protocol: str
    token_in: str
    token_out: str
    results: tuple[str, ...]
    more: str | None
    limit: str | None


def plan_of(call: Call) -> Plan | None:
    """How an operation pages; None if it does not, or in a way that cannot be cut."""
    pages, model = hooks.pages(call.service, call.operation), hooks.model(call.service)
    if pages is None:
        return None
    operation = model.operation_model(call.operation)
    asked, given = operation.input_shape.members, operation.output_shape.members
    results = pages["result_key"] if isinstance(pages["result_key"], list) else [pages["result_key"]]
    limit = asked.get(str(pages.get("limit_key")))
    if call.service == "s3":
        return Plan("s3", "", "", (), None, limit.serialization.get("name")) if limit is not None else None
    names = (pages["input_token"], pages["output_token"])
    simple = all(isinstance(name, str) for name in names) and names[0] in asked and names[1] in given
    if model.protocol not in ("json", "rest-json", "query", "ec2") or not simple or not set(results) <= set(given):
        return None
    return Plan(
        model.protocol, _asked(names[0], asked[names[0]], model.protocol), _given(names[1], given[names[1]]),
        tuple(_given(name, given[name]) for name in results),
        pages.get("more_results") if pages.get("more_results") in given else None,
        _asked(pages["limit_key"], limit, model.protocol) if limit is not None else None,
    )  # fmt: skip


def _asked(name: str, member: Any, protocol: str) -> str:
    wire = str(member.serialization.get("name", name))
    return wire[0].upper() + wire[1:] if protocol == "ec2" else wire


def _given(name: str, member: Any) -> str:
    return str(member.serialization.get("name", name))


# --- tokens -------------------------------------------------------------------------------------------------------------


def _token(original: str, start: int) -> str:
    return base64.urlsafe_b64encode(f"{_MARK}{start}:{original}".encode()).decode()


def _opened(token: str) -> tuple[str, int] | None:
    """The caller's own token and the place in its page; None for a token that is not ours."""
    try:
        text = base64.urlsafe_b64decode(token).decode()
    except ValueError:
        return None
    start, _, original = text.removeprefix(_MARK).partition(":")
    return (original, int(start)) if text.startswith(_MARK) else None


# --- requests -----------------------------------------------------------------------------------------------------------


def begin(plan: Plan, inner: Inner) -> tuple[Inner, str, int]:
    """The request as the service must get it, the caller's own token, and where in that page to begin."""
    token = str(_fields(plan, inner).get(plan.token_in) or "") if plan.token_in else ""
    found = _opened(token) if token else None
    if found is None:
        return inner, token, 0
    return _with(plan, inner, plan.token_in, found[0] or None), *found


def _fields(plan: Plan, inner: Inner) -> dict[str, Any]:
    query = {name: values[0] for name, values in inner.query.items()}
    if plan.protocol in ("query", "ec2"):
        return {
            **query,
            **{name: values[0] for name, values in parse_qs(inner.body.decode("utf-8", "replace")).items()},
        }
    return {**query, **_object(inner.body)}


def _object(body: bytes) -> dict[str, Any]:
    data = json.loads(body) if body else {}
    return data if isinstance(data, dict) else {}


def _with(plan: Plan, inner: Inner, name: str, value: str | int | None) -> Inner:
    """The request with one parameter set, or left out."""
    if name in inner.query or plan.protocol == "s3" or inner.method == "GET":
        query = {key: each for key, each in inner.query.items() if key != name}
        return dataclasses.replace(inner, query={**query, name: [str(value)]} if value else query)
    if plan.protocol in ("query", "ec2"):
        form = {key: each[0] for key, each in parse_qs(inner.body.decode(), keep_blank_values=True).items()}
        return _with_body(inner, urlencode({**_without(form, name), **({name: value} if value else {})}).encode())
    data = _without(_object(inner.body), name)
    return _with_body(inner, json.dumps({**data, **({name: value} if value else {})}).encode())


def _without(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: each for key, each in data.items() if key != name}


def _with_body(inner: Inner, body: bytes) -> Inner:
    return dataclasses.replace(inner, body=body, headers={**inner.headers, "content-length": str(len(body))})


def lowered(plan: Plan, inner: Inner, size: int) -> Inner | None:
    """The request with a smaller limit; None where it has none, or the caller asked for no more anyway."""
    if plan.limit is None:
        return None
    given = str(_fields(plan, inner).get(plan.limit) or "")
    if given.isdigit() and int(given) <= size:
        return None
    return _with(plan, inner, plan.limit, size)


# --- answers ------------------------------------------------------------------------------------------------------------


def leads_on(plan: Plan, reply: Reply) -> bool:
    """Whether an answer says that there is more."""
    if plan.protocol == "s3":
        return b"<IsTruncated>true</IsTruncated>" in reply[2]
    return bool(_page(plan, reply).token())


def cut(plan: Plan, reply: Reply, own: str, start: int, size: int | None) -> tuple[Reply, bool]:
    """The reply from *start* on, with *size* items at most; and whether any were cut off."""
    if plan.protocol == "s3":
        return reply, False
    page = _page(plan, reply)
    left = page.length() - start
    shorter = size is not None and left > size
    if not (start or shorter):
        return reply, False
    page.keep(start, start + (size if size is not None and shorter else left))
    if size is not None and shorter:
        page.lead_on(_token(own, start + size))
    headers = {name: value for name, value in reply[1].items() if name.lower() != "content-length"}
    return (reply[0], headers, page.bytes()), shorter


def _page(plan: Plan, reply: Reply) -> _JsonPage | _XmlPage:
    return _JsonPage(plan, reply[2]) if plan.protocol in ("json", "rest-json") else _XmlPage(plan, reply[2])


class _JsonPage:
    def __init__(self, plan: Plan, body: bytes) -> None:
        self._plan, self._data = plan, json.loads(body)

    def length(self) -> int:
        return sum(len(self._data.get(name) or ()) for name in self._plan.results)

    def keep(self, start: int, end: int) -> None:
        at = 0
        for name in self._plan.results:
            items = self._data.get(name) or []
            if items:
                self._data[name] = items[max(start - at, 0) : max(end - at, 0)]
            at += len(items)

    def token(self) -> str:
        return str(self._data.get(self._plan.token_out) or "")

    def lead_on(self, token: str) -> None:
        self._data[self._plan.token_out] = token
        if self._plan.more:
            self._data[self._plan.more] = True

    def bytes(self) -> bytes:
        return json.dumps(self._data).encode()


class _XmlPage:
    def __init__(self, plan: Plan, body: bytes) -> None:
        self._plan = plan
        self._root = ET.fromstring(body)  # noqa: S314 (the lab's own answer)
        self._space = self._root.tag[: self._root.tag.index("}") + 1] if self._root.tag.startswith("{") else ""
        found = [child for child in self._root if child.tag.endswith("Result")]
        self._inner = found[0] if plan.protocol == "query" and found else self._root

    def _lists(self) -> list[ET.Element]:
        found = [self._inner.find(self._space + name) for name in self._plan.results]
        return [each for each in found if each is not None]

    def length(self) -> int:
        return sum(len(each) for each in self._lists())

    def keep(self, start: int, end: int) -> None:
        at = 0
        for each in self._lists():
            items = list(each)
            for place, item in enumerate(items, at):
                if not start <= place < end:
                    each.remove(item)
            at += len(items)

    def token(self) -> str:
        return self._inner.findtext(self._space + self._plan.token_out) or ""

    def lead_on(self, token: str) -> None:
        self._set(self._plan.token_out, token)
        if self._plan.more:
            self._set(self._plan.more, "true")

    def _set(self, name: str, text: str) -> None:
        found = self._inner.find(self._space + name)
        (found if found is not None else ET.SubElement(self._inner, self._space + name)).text = text

    def bytes(self) -> bytes:
        if self._space:
            ET.register_namespace("", self._space.strip("{}"))
        return ET.tostring(self._root)
