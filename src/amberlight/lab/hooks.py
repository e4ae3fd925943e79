"""The only door to the emulator's insides: every private name that the lab replaces goes through here.

`tests/contracts/test_ministack_hooks.py` holds each of them against the pinned version.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any, cast
from urllib.parse import parse_qs, unquote, urlencode

import botocore.exceptions
import botocore.parsers
import botocore.serialize
import botocore.session

SERVICES = ("iam", "sts", "s3", "ec2", "ssm", "cloudtrail", "cloudwatch", "kms", "organizations", "sns", "sqs")
"""Service modules that the lab adds to; loaded before the first replacement."""


def emulator(name: str) -> Any:
    """The emulator's module of that name, for example `services.ec2`."""
    return importlib.import_module(f"ministack.{name}")


def service(name: str) -> Any:
    """A service module, registered with the router as the router itself would."""
    return emulator("app")._get_module(name)


def replace(module: str, attribute: str, new: Callable[..., Any]) -> Callable[..., Any]:
    """Put *new* in the place of a function, in every module that holds it by name; gives the old one."""
    old = cast("Callable[..., Any]", getattr(emulator(module), attribute))
    for name, loaded in list(sys.modules.items()):
        if name.split(".")[0] == "ministack" and getattr(loaded, attribute, None) is old:
            setattr(loaded, attribute, new)
    for table in ("_ACTION_MAP", "_DISPATCH", "_IAM_HANDLERS", "_HANDLERS"):
        entries = getattr(emulator(module), table, None)
        if isinstance(entries, dict):
            entries.update({key: new for key, value in entries.items() if value is old})
    return old


def register(scope: str, handler: Callable[..., Any], *, prefix: str, model: str) -> None:
    """Make the router know a service that the emulator lacks: by its signing name, or its `X-Amz-Target` prefix."""
    patterns = emulator("core.router").SERVICE_PATTERNS
    if scope in patterns or scope in emulator("app").SERVICE_HANDLERS:
        raise RuntimeError(f"the emulator has {scope} already: add to its service instead")
    patterns[scope] = {"credential_scope": scope, **({"target_prefixes": [f"{prefix}."]} if prefix else {})}
    emulator("app").SERVICE_HANDLERS[scope] = handler
    actions = emulator("core.iam_actions")
    actions.SERVICE_TO_IAM_NAMESPACE[scope] = scope
    actions._BOTOCORE_SERVICE_MAP[scope] = [model]


def wrap_handlers(wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Wrap what answers each service's calls, behind the checks of signature and policy."""
    handlers = emulator("app").SERVICE_HANDLERS
    handlers.update({scope: wrap(handler) for scope, handler in handlers.items()})


def acting_for(account: str, region: str) -> AbstractContextManager[None]:
    """The emulator's stores as this account and Region sees them."""
    return cast("AbstractContextManager[None]", emulator("core.responses").request_scope(account, region))


def current_account() -> str:
    """The account of the request being served."""
    return str(emulator("core.responses").get_account_id())


def current_region() -> str:
    """The Region of the request being served."""
    return str(emulator("core.responses").get_region())


@lru_cache(maxsize=64)
def model(service_name: str) -> Any:
    """The botocore model of a service."""
    return _session().get_service_model(service_name)


@lru_cache(maxsize=1)
def service_names() -> tuple[str, ...]:
    """All services that botocore knows."""
    return tuple(_session().get_available_services())


@lru_cache(maxsize=64)
def pages(service_name: str, operation: str) -> Mapping[str, Any] | None:
    """How botocore pages through an operation: `input_token`, `output_token`, `result_key`, `limit_key`; or None."""
    try:
        paginators = _session().get_paginator_model(service_name)
        return cast("Mapping[str, Any]", paginators.get_paginator(operation))
    except (ValueError, botocore.exceptions.UnknownServiceError, botocore.exceptions.DataNotFoundError):
        return None


@lru_cache(maxsize=1)
def _session() -> Any:
    return botocore.session.get_session()


async def call(account: str, region: str, service_name: str, operation: str, **params: Any) -> dict[str, Any]:
    """Call an operation inside the emulator: no HTTP, no authentication, no record.

    For what AWS does itself (set up an account, hand out an instance's role).
    """
    op = model(service_name).operation_model(operation)
    protocol = model(service_name).protocol
    wire = botocore.serialize.create_serializer(protocol).serialize_to_request(params, op)
    body = _body(wire["body"])
    headers = {key.lower(): value for key, value in wire["headers"].items()}
    path, _, constants = wire["url_path"].partition("?")
    query = parse_qs(constants, keep_blank_values=True)
    query.update({key: [value] for key, value in cast("Mapping[str, str]", wire["query_string"] or {}).items()})
    with acting_for(account, region):
        status, answer_headers, answer = await service(service_name).handle_request(
            wire["method"], unquote(path), headers, body, query
        )
    parser = botocore.parsers.create_parser(protocol)
    lowered = {key.lower(): value for key, value in answer_headers.items()}
    parsed = parser.parse({"status_code": status, "headers": lowered, "body": answer}, op.output_shape)
    if status >= 300:  # noqa: PLR2004
        raise RuntimeError(f"{service_name}:{operation} inside the lab failed: {parsed.get('Error')}")
    return cast("dict[str, Any]", parsed)


def _body(body: Any) -> bytes:
    if isinstance(body, dict):
        return urlencode(body).encode()
    return body.encode() if isinstance(body, str) else bytes(body or b"")
