"""What a call was answered: parameters with the types of the model, or an error code and message."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import botocore.parsers

from amberlight.lab import hooks

_BODY_ID = re.compile(rb"<(?:RequestId|requestId|RequestID)>([^<]+)</")
_JSON_ID = re.compile(rb'\{"RequestId":\s*"([0-9a-f-]{36})"')
_XML_CODE = re.compile(rb"<Code>([^<]+)</Code>")
_XML_MESSAGE = re.compile(rb"<Message>([^<]*)</Message>", re.DOTALL)
_HEAD_CODES = {301: "PermanentRedirect", 400: "BadRequest", 403: "AccessDenied", 404: "NoSuchKey"}

CREDENTIAL_FAILURES = frozenset({
    "InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "SignatureDoesNotMatch",
    "AuthFailure", "IncompleteSignature", "MissingAuthenticationToken", "InvalidToken", "ExpiredToken",
    "ExpiredTokenException", "RequestTimeTooSkewed", "InvalidSignatureException", "RequestExpired",
    "UnsupportedSignature", "MissingAuthenticationTokenException", "NotAuthorized",
})  # fmt: skip
"""A request with one of these answers was never attributed to anybody, so no account's trail has it."""


def request_id_in(body: bytes) -> str | None:
    """The request id that an answer carries in its body: XML anywhere, JSON as its first member."""
    match = _BODY_ID.search(body) or _JSON_ID.match(body)
    return match.group(1).decode() if match else None


def error_of(status: int, headers: Mapping[str, str], body: bytes) -> tuple[str, str] | None:
    """Code and message of a refused or failed call; None for one that worked."""
    if status < 300 or status == 304:  # noqa: PLR2004
        return None
    code = _XML_CODE.search(body)
    if code:
        message = _XML_MESSAGE.search(body)
        return code.group(1).decode(), _unescape(message.group(1).decode() if message else "")
    try:
        data = json.loads(body)
    except ValueError:
        data = _cbor_error(headers, body)
    if isinstance(data, dict) and data:
        named = str(data.get("__type") or data.get("code") or headers.get("x-amzn-errortype", ""))
        return named.rsplit("#", 1)[-1].split(":", maxsplit=1)[0], str(data.get("message") or data.get("Message") or "")
    return _HEAD_CODES.get(status, str(status)), ""


def _cbor_error(headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    if "cbor" not in headers.get("content-type", "") or not body:
        return {}
    parser = botocore.parsers.create_parser("smithy-rpc-v2-cbor")
    error = parser.parse({"status_code": 400, "headers": dict(headers), "body": body}, None).get("Error", {})
    return {"__type": error.get("Code", ""), "message": error.get("Message", "")}


def _unescape(text: str) -> str:
    for entity, character in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&amp;", "&")):
        text = text.replace(entity, character)
    return text


def parse(service: str, operation: str, status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """The output of a call that worked, without the bytes of a payload."""
    model = hooks.model(service)
    made = model.operation_model(operation)
    shape = made.output_shape
    if shape is None or not body:
        return {}
    if made.has_streaming_output:
        body = b""
    parser = botocore.parsers.create_parser(_protocol(model.protocol, headers.get("content-type", "")))
    parsed = parser.parse({"status_code": status, "headers": dict(headers), "body": body}, shape)
    return {key: value for key, value in parsed.items() if key != "ResponseMetadata"}


def _protocol(modelled: str, content_type: str) -> str:
    """The protocol of an answer; some services speak several, and answer in that of the request."""
    if "cbor" in content_type:
        return "smithy-rpc-v2-cbor"
    if modelled.startswith("rest") or modelled == "ec2":
        return modelled
    return "json" if "json" in content_type else "query"
