"""Refusals in the shapes and with the codes of AWS's protocols.

References:
    "Common errors" of the EC2, IAM, Systems Manager and CloudWatch API references (RequestLimitExceeded 503, Throttling and
    ThrottlingException 400, ServiceUnavailable 503, InternalFailure 500); "Error responses", S3 API Reference (SlowDown
    and ServiceUnavailable 503, InternalError 500); "Request throttling for the Amazon EC2 API", 2026-11.
    Where an operation's model has an error of its own for throttling, that one is used, with the model's status.
"""

from __future__ import annotations

import dataclasses
import json
import secrets
import uuid
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

from amberlight.lab import hooks
from amberlight.lab.faults.points import Reply
from amberlight.lab.recorder.middleware import Passing


@dataclasses.dataclass(frozen=True)
class Problem:
    """An error of AWS."""

    code: str
    status: int
    message: str


_THROTTLES = {
    "ec2": Problem("RequestLimitExceeded", 503, "Request limit exceeded."),
    "s3": Problem("SlowDown", 503, "Please reduce your request rate."),
    "query": Problem("Throttling", 400, "Rate exceeded"),
    "json": Problem("ThrottlingException", 400, "Rate exceeded"),
    "rest-json": Problem("TooManyRequestsException", 429, "Too Many Requests"),
    "rest-xml": Problem("Throttling", 400, "Rate exceeded"),
    "cbor": Problem("ThrottlingException", 400, "Rate exceeded"),
}
_UNAVAILABLE = {
    "ec2": Problem("Unavailable", 503, "The server is overloaded and can't handle the request."),
    "s3": Problem("ServiceUnavailable", 503, "Service is unable to handle request."),
    "other": Problem("ServiceUnavailable", 503, "The request has failed due to a temporary failure of the server."),
}
_FAILURES = {
    "ec2": Problem("InternalError", 500, "An internal error has occurred"),
    "s3": Problem("InternalError", 500, "We encountered an internal error. Please try again."),
    "other": Problem("InternalFailure", 500, "The request processing has failed because of an unknown error."),
}
_OWN = ("ThrottlingException", "TooManyRequestsException", "RequestThrottled", "RequestThrottledException",
        "ThrottledException")  # fmt: skip


def throttled(passing: Passing) -> Reply:
    """The refusal of a call beyond a quota."""
    wire = protocol(passing)
    problem = _THROTTLES["s3" if _service(passing) == "s3" else wire]
    if wire == "query" and "x-amz-target" in passing.wire.headers:
        problem = _THROTTLES["json"]
    return refuse(passing, _modelled(passing, problem))


def unavailable(passing: Passing) -> Reply:
    """The answer of a service that is not there."""
    return refuse(passing, _by_service(passing, _UNAVAILABLE))


def failed(passing: Passing) -> Reply:
    """The answer of a service that failed within."""
    return refuse(passing, _by_service(passing, _FAILURES))


def _service(passing: Passing) -> str:
    return passing.call.service if passing.call else passing.signature.signing_name


def _by_service(passing: Passing, problems: Mapping[str, Problem]) -> Problem:
    return problems.get(_service(passing)) or problems["other"]


def _modelled(passing: Passing, problem: Problem) -> Problem:
    """The operation's own error for throttling, if its model has one."""
    call = passing.call
    shapes = hooks.model(call.service).operation_model(call.operation).error_shapes if call else []
    found = {shape.name: shape.metadata.get("error") or {} for shape in shapes if shape.name in _OWN}
    for name in _OWN:
        if name in found:
            error = found[name]
            status = int(error.get("httpStatusCode", problem.status))
            return Problem(str(error.get("code", name)), status, problem.message)
    return problem


def protocol(passing: Passing) -> str:
    """The protocol in which the caller wants to be answered; some services speak several."""
    headers, path = passing.wire.headers, passing.wire.path
    if "smithy-protocol" in headers or ("/service/" in path and "/operation/" in path):
        return "cbor"
    if "x-amz-target" in headers:
        return "json"
    modelled = str(hooks.model(_service(passing)).protocol)
    return "query" if modelled == "smithy-rpc-v2-cbor" else modelled


def refuse(passing: Passing, problem: Problem) -> Reply:
    """A reply of the emulator's form that says *problem*."""
    return _WRITERS[protocol(passing)](passing, problem)


def _xml(passing: Passing, problem: Problem) -> Reply:
    code, message, own = problem.code, escape(problem.message), str(uuid.uuid4())
    inner = f"<Code>{code}</Code><Message>{message}</Message>"
    kind = "Sender" if problem.status < 500 else "Receiver"  # noqa: PLR2004
    wire = protocol(passing)
    if wire == "ec2":
        text = f"<Response><Errors><Error>{inner}</Error></Errors><RequestID>{own}</RequestID></Response>"
    elif _service(passing) == "s3":
        own = secrets.token_hex(8).upper()
        text = f"<Error>{inner}<RequestId>{own}</RequestId><HostId>{secrets.token_urlsafe(42)}</HostId></Error>"
    else:
        text = f"<ErrorResponse><Error><Type>{kind}</Type>{inner}</Error><RequestId>{own}</RequestId></ErrorResponse>"
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode()
    return problem.status, {"Content-Type": "application/xml" if wire != "query" else "text/xml"}, body


def _json(passing: Passing, problem: Problem) -> Reply:
    rest = protocol(passing) == "rest-json"
    headers = {"Content-Type": "application/json" if rest else "application/x-amz-json-1.1",
               "x-amzn-errortype": problem.code}  # fmt: skip
    return problem.status, headers, json.dumps({"__type": problem.code, "message": problem.message}).encode()


def _cbor(_: Passing, problem: Problem) -> Reply:
    body = b"\xa2" + b"".join(map(_cbor_text, ("__type", problem.code, "message", problem.message)))
    return problem.status, {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}, body


def _cbor_text(text: str) -> bytes:
    """A text string (RFC 8949, major type 3) with its length in two bytes."""
    raw = text.encode()
    return b"\x79" + len(raw).to_bytes(2, "big") + raw


_WRITERS = {"ec2": _xml, "query": _xml, "rest-xml": _xml, "json": _json, "rest-json": _json, "cbor": _cbor}


async def send(passing: Passing, reply: Reply) -> None:
    """Answer a call that the emulator does not see."""
    status, headers, body = reply
    is_s3 = _service(passing) == "s3"
    if passing.wire.method == "HEAD":
        body = b""
    own = {"x-amz-request-id" if is_s3 else "x-amzn-requestid": str(uuid.uuid4()), "content-length": str(len(body))}
    listed = [(n.lower().encode(), str(v).encode("latin-1")) for n, v in {**headers, **own}.items()]
    await passing.send({"type": "http.response.start", "status": status, "headers": listed})
    await passing.send({"type": "http.response.body", "body": body, "more_body": False})


def call_of(passing: Passing) -> Any:
    """The call, which is known wherever a kind is asked."""
    if passing.call is None:
        raise ValueError("the call is of no known operation")
    return passing.call
