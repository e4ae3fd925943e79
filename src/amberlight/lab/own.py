"""Services and operations that the emulator does not have, answered by functions over the parameters of the botocore model.

They are registered with its router, so that its checks of signature and policy hold for them as for its own. A function takes the parameters by name and gives the members of the answer; what it gives beyond the model is a defect, and
fails. `hooks.current_account()` and `hooks.current_region()` say for whom it works.

References:
    "Smithy AWS JSON and REST JSON protocols" (where members of an answer go, how times and blobs are written), 2026-11.
"""

from __future__ import annotations

import base64
import inspect
import json
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from amberlight.lab import hooks
from amberlight.lab.recorder import requests

Members = Mapping[str, Any] | None
Operation = Callable[[dict[str, Any]], Members | Awaitable[Members]]
Reply = tuple[int, dict[str, str], bytes]
Resources = Callable[[str, dict[str, Any]], str]
"""From operation and parameters, the ARN that the caller's policy is asked about."""


class Refused(Exception):
    """An error that AWS documents for the operation."""

    def __init__(self, code: str, message: str, status: int = 400, **members: Any) -> None:
        super().__init__(message)
        self.code, self.message, self.status, self.members = code, message, status, members


def serve(name: str, operations: Mapping[str, Operation], *, resource: Resources = lambda *_: "*") -> None:
    """Serve a JSON or REST-JSON service that the emulator lacks.

    Args:
        name: The service's botocore name, for example `guardduty`.
        operations: By the model's names. Others are answered with an error that says that the lab has none.
        resource: See `Resources`.

    Raises:
        RuntimeError: The model has no such operation, or the service speaks another protocol.
    """
    model = hooks.model(name)

    async def nothing(method: str, path: str, headers: Any, body: bytes, query: Any) -> Reply:
        call = _identify(name, model.signing_name, requests.Request(method, path, query, headers, body))
        said = call.operation if call else f"{method} {path}"
        return _error(Refused("UnknownOperationException", f"The lab has no {name}:{said}."))

    handle = _handler(name, operations, nothing)
    hooks.register(model.signing_name, handle, prefix=model.metadata.get("targetPrefix", ""), model=name)
    _name_resources(name, model.signing_name, resource)


def extend(name: str, operations: Mapping[str, Operation], *, resource: Resources | None = None) -> None:
    """Answer operations of a JSON or REST-JSON service that the emulator has, beside its own or in their place.

    Args:
        name: The service's name, the same in botocore and in the emulator.
        operations: By the model's names; every other operation stays the emulator's.
        resource: See `Resources`; asked about these operations alone. Without it the emulator says it.

    Raises:
        RuntimeError: See `serve`.
    """
    module, scope = hooks.service(name), hooks.model(name).signing_name
    module.handle_request = _handler(name, operations, module.handle_request)
    if resource is not None:
        _name_resources(name, scope, resource, frozenset(operations))


def _handler(name: str, operations: Mapping[str, Operation], otherwise: Callable[..., Any]) -> Callable[..., Any]:
    model = hooks.model(name)
    strange = set(operations) - set(model.operation_names)
    if strange or model.protocol not in ("json", "rest-json"):
        raise RuntimeError(f"{name} ({model.protocol}) has no operations {sorted(strange)}")

    async def handle(method: str, path: str, headers: Any, body: bytes, query: Any) -> Any:
        call = _identify(name, model.signing_name, requests.Request(method, path, query, headers, body))
        if call is None or call.operation not in operations:
            return await otherwise(method, path, headers, body, query)
        try:
            given = operations[call.operation](call.params)
            return answer(name, call.operation, (await given if inspect.isawaitable(given) else given) or {})
        except Refused as refused:
            return _error(refused)

    return handle


def _identify(name: str, scope: str, request: requests.Request) -> requests.Call | None:
    call = requests.identify(requests.Scope("", "", scope, presigned=False), request)
    if call is None or call.service != name:
        return call
    shape = hooks.model(name).operation_model(call.operation).input_shape
    payload = shape.serialization.get("payload") if shape else None
    if payload and shape.members[payload].type_name == "blob":
        return requests.Call(name, call.operation, {**call.params, payload: request.body})
    return call


def _name_resources(name: str, scope: str, resource: Resources, only: frozenset[str] | None = None) -> None:
    def extract(service: str, method: str, path: str, headers: Any, body: bytes, *rest: Any) -> str:
        found = None
        if service == scope:
            call = _identify(name, scope, requests.Request(method, path, rest[0], headers, body))
            mine = call is not None and (only is None or call.operation in only)
            found = resource(call.operation, call.params) if call is not None and mine else None
        if found is None and (service != scope or only is not None):
            return str(old(service, method, path, headers, body, *rest))
        return found or "*"

    old = hooks.replace("core.iam_actions", "extract_resource_arn", extract)


def _error(refused: Refused) -> Reply:
    # The request id is put in by the recorder, as for every answer.
    headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-errortype": refused.code}
    data = {"__type": refused.code, "message": refused.message, **refused.members}
    return refused.status, headers, json.dumps(data).encode()


def paged(items: Sequence[Any], token: Any, size: Any, *, most: int, code: str) -> tuple[Sequence[Any], str | None]:
    """One page of *items*, and the token of the next; *code* is the service's error for a token that it did not give."""
    start = 0
    if token:
        try:
            start = int(base64.urlsafe_b64decode(str(token)).decode().removeprefix("from="))
        except ValueError as error:
            raise Refused(code, "The pagination token is not valid.") from error
    end = start + min(int(size or most), most)
    following = base64.urlsafe_b64encode(f"from={end}".encode()).decode() if end < len(items) else None
    return items[start:end], following


def answer(service: str, operation: str, members: Mapping[str, Any]) -> Reply:
    """The HTTP answer with these members of the operation's output; a member that is None is left out."""
    model = hooks.model(service)
    made = model.operation_model(operation)
    headers = {"Content-Type": "application/json" if model.protocol == "rest-json" else "application/x-amz-json-1.1",
               "x-amzn-requestid": str(uuid.uuid4())}  # fmt: skip
    status, shape = int(made.http.get("responseCode", 200)), made.output_shape
    if shape is None:
        return status, headers, b""
    given = _known(members, shape)
    headers.update({
        member.serialization.get("name", name): _text(given[name], member)
        for name, member in shape.members.items()
        if name in given and member.serialization.get("location") == "header"
    })  # fmt: skip
    body = {name: each for name, each in given.items() if "location" not in shape.members[name].serialization}
    payload = shape.serialization.get("payload")
    if payload and shape.members[payload].type_name == "blob":
        return status, {**headers, "Content-Type": "application/octet-stream"}, bytes(body.get(payload, b""))
    if payload:
        return status, headers, json.dumps(_value(body.get(payload, {}), shape.members[payload])).encode()
    return status, headers, json.dumps(_structure(body, shape)).encode()


def _known(members: Mapping[str, Any], shape: Any) -> dict[str, Any]:
    if strange := set(members) - set(shape.members):
        raise RuntimeError(f"an answer has {sorted(strange)}, which {shape.name} does not have")
    return {name: each for name, each in members.items() if each is not None}


def _text(value: Any, shape: Any) -> str:
    if shape.type_name == "timestamp":
        return format_datetime(_moment(value), usegmt=True)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _structure(value: Mapping[str, Any], shape: Any) -> dict[str, Any]:
    return {
        shape.members[name].serialization.get("name", name): _value(each, shape.members[name])
        for name, each in _known(value, shape).items()
    }


def _timestamp(value: Any, shape: Any) -> Any:
    moment = _moment(value)
    if shape.serialization.get("timestampFormat") == "iso8601":
        return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    return moment.timestamp()


_WRITERS: Mapping[str, Callable[[Any, Any], Any]] = {
    "structure": _structure,
    "list": lambda value, shape: [_value(each, shape.member) for each in value],
    "map": lambda value, shape: {str(key): _value(each, shape.value) for key, each in value.items()},
    "blob": lambda value, _: base64.b64encode(value).decode(),
    "timestamp": _timestamp,
}


def _value(value: Any, shape: Any) -> Any:
    write = _WRITERS.get(shape.type_name)
    return write(value, shape) if write else value


def _moment(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromtimestamp(value, UTC)
