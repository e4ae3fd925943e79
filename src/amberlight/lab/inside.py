"""Calls that something inside the cloud makes with credentials of its own: an agent on a host, an automation.

They go the way of every other call, through recorder, signature and policy; only no socket is between.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

Answer = tuple[int, dict[str, str], bytes]


async def call(
    app: Callable[..., Any],
    request: AWSRequest,
    credentials: Credentials,
    *,
    service: str,
    region: str,
    source: str,
) -> Answer:
    """Sign a request, and have it answered.

    Args:
        app: The recorder in front of the emulator.
        request: With its whole URL, and the headers that are to be signed.
        credentials: Of the caller.
        service: The signing name.
        region: To be called.
        source: The address that the call comes from, or the name of the service of AWS that makes it.
    """
    signer = S3SigV4Auth if service == "s3" else SigV4Auth
    signer(credentials, service, region).add_auth(request)
    return await _serve(app, request, source)


async def _serve(app: Callable[..., Any], request: AWSRequest, source: str) -> Answer:
    parts = urlsplit(request.url)
    body = request.data if isinstance(request.data, bytes) else str(request.data or "").encode()
    headers: Mapping[str, str] = {"Host": parts.netloc, "Content-Length": str(len(body)), **dict(request.headers)}
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": request.method, "scheme": "http",
        "path": unquote(parts.path), "raw_path": parts.path.encode(), "query_string": parts.query.encode(),
        "headers": [(name.lower().encode(), str(value).encode("latin-1")) for name, value in headers.items()],
        "client": (source, 0), "server": (parts.hostname, parts.port or 80),
    }  # fmt: skip
    sent = [{"type": "http.request", "body": body, "more_body": False}]
    answers: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return sent.pop() if sent else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        answers.append(message)

    await app(scope, receive, send)
    started = next(each for each in answers if each["type"] == "http.response.start")
    found = {
        bytes(name).decode("latin-1").lower(): bytes(value).decode("latin-1") for name, value in started["headers"]
    }
    return int(started["status"]), found, b"".join(each.get("body", b"") for each in answers)
