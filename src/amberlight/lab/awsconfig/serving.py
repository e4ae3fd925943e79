"""AWS Config's API in front of functions: parameters checked against the model, answers and errors in its form."""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from botocore.validate import ParamValidator

from amberlight.lab import hooks, own
from amberlight.lab.own import Refused

Operation = Callable[[dict[str, Any]], Mapping[str, Any] | Awaitable[Mapping[str, Any] | None] | None]
"""Takes the parameters, gives the members of the answer."""


def replace_emulators(operations: Mapping[str, Operation]) -> None:
    """Answer with these operations alone; the emulator's own AWS Config is never asked again.

    Raises:
        RuntimeError: The model has no such operation.
    """
    if strange := set(operations) - set(hooks.model("config").operation_names):
        raise RuntimeError(f"config has no operations {sorted(strange)}")

    async def handle(
        method: str, path: str, headers: Mapping[str, str], body: bytes, query_params: Mapping[str, Any]
    ) -> own.Reply:
        del method, path, query_params
        name = headers.get("x-amz-target", "").rsplit(".", 1)[-1]
        try:
            return await _answer(operations, name, body)
        except Refused as refused:
            data = {"__type": refused.code, "message": refused.message, **refused.members}
            return refused.status, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(data).encode()

    hooks.service("config")
    hooks.replace("services.config", "handle_request", handle)


async def _answer(operations: Mapping[str, Operation], name: str, body: bytes) -> own.Reply:
    if name not in operations:
        raise Refused("UnknownOperationException", f"The lab has no config:{name}.")
    try:
        params = json.loads(body or b"{}")
    except ValueError as error:
        raise Refused("SerializationException", "The body is no JSON.") from error
    shape = hooks.model("config").operation_model(name).input_shape
    report = ParamValidator().validate(params, shape) if shape else None
    if report is not None and report.has_errors():
        raise Refused("ValidationException", report.generate_report())
    if shape is not None and (wrong := next(_beyond(params, shape, ""), None)):
        raise Refused("ValidationException", f"1 validation error detected: {wrong}")
    found = operations[name](params)
    members = await found if inspect.isawaitable(found) else found
    return own.answer("config", name, members or {})


def _beyond(value: Any, shape: Any, at: str) -> Iterator[str]:
    """What of *value* its shape does not allow, where botocore does not look: words of a list, and greatest lengths."""
    if shape.type_name == "structure":
        for name, each in value.items():
            if name in shape.members:
                yield from _beyond(each, shape.members[name], f"{at}.{name}".strip("."))
        return
    if shape.type_name == "list":
        for each in value:
            yield from _beyond(each, shape.member, at)
    allowed, most = getattr(shape, "enum", None), shape.metadata.get("max")
    if allowed and value not in allowed:
        yield f"Value at '{at}' failed to satisfy constraint: Member must satisfy enum value set: [{', '.join(allowed)}]"
    if most is not None and shape.type_name in ("string", "list") and len(value) > most:
        yield f"Value at '{at}' failed to satisfy constraint: Member must have length less than or equal to {most}"


def page(name: str, items: list[Any], asked: Mapping[str, Any], most: int, size: str = "Limit") -> dict[str, Any]:
    """One page of *items* under *name*; the parameter of the page's size is `Limit` or `limit`, the token's alike.

    Raises:
        Refused: The limit or the token is not valid.
    """
    token = "NextToken" if size[0].isupper() else "nextToken"
    limit = asked.get(size) or 0
    if not 0 <= limit <= most:
        raise Refused("InvalidLimitException", f"The specified limit is outside the allowable range of 0 to {most}.")
    found, following = own.paged(items, asked.get(token), limit, most=most, code="InvalidNextTokenException")
    return {name: found, token: following}
