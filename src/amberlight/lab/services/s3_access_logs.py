"""S3 server access logs: every request to a logged bucket becomes a line, delivered later by logging.s3.amazonaws.com.

AWS delivers within hours, on a best-effort basis; the lab after `access_log_delay_s`, and every line. Whether the log service may
write is asked at each delivery: lines for a bucket that no longer lets it are lost, as on AWS. DeleteObjects has its own line and none
for each of its objects.

References:
    "Logging requests with server access logging", "Enabling Amazon S3 server access logging" (same Region and account, no Object Lock
    retention on the target, keys, policy for logging.s3.amazonaws.com), PutBucketLogging, S3 User Guide and API Reference, 2026-11.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote
from xml.etree import ElementTree as ET

from amberlight.lab import access_log, clock, hooks
from amberlight.lab.options import REGION
from amberlight.lab.recorder import identity, requests, responses
from amberlight.lab.recorder.answers import Answer
from amberlight.lab.world import World

REAL = {"s3.PutBucketLogging": "requests become lines in objects of the target bucket, if its policy lets S3 write"}

SERVICE = "logging.s3.amazonaws.com"
_SPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"
_DENIED = (
    "You must either provide the necessary permissions to the logging service using a bucket policy or give the log-delivery "
    "group WRITE and READ_ACP permissions to the target bucket"
)


@dataclasses.dataclass(frozen=True)
class Target:
    """Where the log of a bucket goes."""

    bucket: str
    prefix: str
    partitioned: bool

    def key(self, account: str, source: str, now: float) -> str:
        """The key of a new log object."""
        moment = datetime.fromtimestamp(now, UTC)
        name = f"{moment:%Y-%m-%d-%H-%M-%S}-{secrets.token_hex(8).upper()}"
        parts = f"{account}/{REGION}/{source}/{moment:%Y/%m/%d}/" if self.partitioned else ""
        return self.prefix + parts + name


def target_of(owner: str, bucket: str) -> Target | None:
    """What PutBucketLogging set for a bucket, if anything."""
    text = hooks.service("s3")._bucket_logging_config.get_scoped(owner, None, bucket)
    return _target(text) if text else None


def _target(text: str) -> Target | None:
    root = ET.fromstring(text)  # noqa: S314 (kept only after it was read once)
    enabled = next((each for each in root if each.tag.removeprefix(_SPACE) == "LoggingEnabled"), None)
    if enabled is None:
        return None
    found = {each.tag.removeprefix(_SPACE): each for each in enabled}
    form = found.get("TargetObjectKeyFormat")
    partitioned = form is not None and any("PartitionedPrefix" in each.tag for each in form)
    return Target(found["TargetBucket"].text or "", found["TargetPrefix"].text or "", partitioned)


class AccessLogs:
    """Lines that wait for their delivery."""

    def __init__(self, delay_s: float) -> None:
        self._delay = delay_s
        self._waiting: dict[tuple[str, str], list[access_log.Line]] = {}

    def add(self, owner: str, line: access_log.Line) -> None:
        """Keep a line."""
        self._waiting.setdefault((owner, line.bucket), []).append(line)

    def deliver(self) -> None:
        """Deliver the lines of every bucket whose first one is old enough; runs ten times a second."""
        for (owner, bucket), lines in list(self._waiting.items()):
            if clock.now() - lines[0].time < self._delay:
                continue
            del self._waiting[owner, bucket]
            target = target_of(owner, bucket)
            if target is not None:
                _write(owner, bucket, target, "".join(map(str, lines)).encode())


def _write(owner: str, source: str, target: Target, body: bytes) -> None:
    key = target.key(owner, source, clock.now())
    if refusal(owner, source, dataclasses.replace(target, prefix=key)):
        return
    digest = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
    with hooks.acting_for(owner, REGION):
        hooks.service("s3")._put_object(target.bucket, key, body, {"content-type": "text/plain", "content-md5": digest})


def refusal(owner: str, source: str, target: Target) -> str:
    """Why S3 cannot deliver the log of a bucket there; empty if it can."""
    s3, evaluator = hooks.service("s3"), hooks.emulator("core.iam_evaluator")
    if s3._bucket_owner_account(target.bucket) != owner:
        return "The target bucket for logging does not exist"
    with hooks.acting_for(owner, REGION):
        if (s3._bucket_object_lock.get(target.bucket) or {}).get("default_retention"):
            return "The target bucket for logging cannot have a default retention period of Object Lock"
    policy = s3._bucket_policies.get_scoped(owner, None, target.bucket) or "{}"
    context = evaluator.EvalContext(
        principal_arn=SERVICE, principal_type="Service", principal_account="", action="s3:PutObject", region=REGION,
        resource_arn=f"arn:aws:s3:::{target.bucket}/{target.prefix}x",
        service_context={"aws:sourcearn": f"arn:aws:s3:::{source}", "aws:sourceaccount": owner},
    )  # fmt: skip
    allowed = evaluator.evaluate_resource_policy(json.loads(policy), context, service=SERVICE).decision == "Allow"
    return "" if allowed else _DENIED


def install(world: World) -> None:
    """Check what PutBucketLogging sets, watch requests, deliver."""
    logs = AccessLogs(world.options.access_log_delay_s)
    world.jobs.append(logs.deliver)
    world.recorder.emulator = _watched(world.recorder.emulator, logs)

    def put(name: str, body: bytes) -> Any:
        s3, owner = hooks.service("s3"), hooks.current_account()
        try:
            target = _target(body.decode())
        except (ET.ParseError, KeyError, UnicodeDecodeError):
            return s3._error("MalformedXML", "The XML you provided was not well-formed.", 400)
        if b"TargetGrants" in body:
            return s3._error("InvalidArgument", "The lab has no target grants; use a bucket policy.", 400)
        problem = refusal(owner, name, target) if target else ""
        return s3._error("InvalidTargetBucketForLogging", problem, 400) if problem else old(name, body)

    old = hooks.replace("services.s3", "_put_bucket_logging", put)


def _watched(app: Callable[..., Any], logs: AccessLogs) -> Callable[..., Any]:
    """The emulator, with a line for each request to a bucket that is logged."""

    async def watched(scope: Any, receive: Any, send: Any) -> None:
        request = _read(scope) if scope["type"] == "http" else None
        bucket, _, key = request.path.lstrip("/").partition("/") if request else ("", "", "")
        owner = _logged(request, bucket)
        if request is None or owner is None:
            await app(scope, receive, send)
            return
        answer = send if isinstance(send, Answer) else Answer(send, is_s3=True)
        signature = requests.scope_of(request.headers, request.query)
        caller = identity.resolve(signature.access_key_id) if signature else None
        began = clock.now()
        await app(scope, receive, answer)
        logs.add(owner, _line(_Seen(request, owner, bucket, unquote(key), scope["client"][0]), answer, caller, signature,
                              began))  # fmt: skip

    return watched


def _read(scope: Mapping[str, Any]) -> requests.Request:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    raw = scope.get("raw_path") or scope["path"].encode()
    return requests.Request(scope["method"], raw.decode("latin-1").split("?", 1)[0], query, headers, b"")


def _logged(request: requests.Request | None, bucket: str) -> str | None:
    """The owner of a bucket whose requests are logged."""
    if request is None or not bucket:
        return None
    signature = requests.scope_of(request.headers, request.query)
    if signature is not None and signature.signing_name != "s3":
        return None
    owner = hooks.service("s3")._bucket_owner_account(bucket)
    return str(owner) if owner and target_of(str(owner), bucket) else None


@dataclasses.dataclass(frozen=True)
class _Seen:
    request: requests.Request
    owner: str
    bucket: str
    key: str
    source: str


def _line(
    seen: _Seen, answer: Answer, caller: identity.Caller | None, signature: requests.Scope | None, began: float
) -> Any:
    s3, request = hooks.service("s3"), seen.request
    failed = responses.error_of(answer.status, answer.headers, answer.body)
    took = int((clock.now() - began) * 1000)
    received = int(request.headers.get("content-length") or 0)
    canonical = s3._canonical_owner_id
    root = caller is not None and caller.identity["type"] == "Root"
    requester = None if caller is None else canonical(caller.account) if root else caller.arn
    uri = request.path + ("?" + "&".join(_pairs(request.query)) if request.query else "")
    return access_log.Line(
        owner=canonical(seen.owner), bucket=seen.bucket, time=began, address=seen.source, requester=requester,
        request_id=answer.request_id or secrets.token_hex(8).upper(), key=seen.key or None,
        operation=access_log.operation(request.method, seen.key, request.query, request.headers),
        request=f"{request.method} {uri} HTTP/1.1", status=answer.status, error=failed[0] if failed else None,
        sent=answer.size or None, size=_size(request.method, answer, received), took_ms=took, waited_ms=took,
        referrer=request.headers.get("referer"), agent=request.headers.get("user-agent"),
        version=answer.headers.get("x-amz-version-id"),
        host_id=answer.headers.get("x-amz-id-2") or base64.b64encode(secrets.token_bytes(48)).decode(),
        signature=signature.version if signature else None, region=REGION,
        authentication=None if signature is None else "QueryString" if signature.presigned else "AuthHeader",
        host=request.headers.get("host"),
    )  # fmt: skip


def _pairs(query: Mapping[str, list[str]]) -> list[str]:
    hidden = ("X-Amz-Signature", "X-Amz-Security-Token", "Signature")
    return [f"{name}={'***' if name in hidden else value}" if value else name for name, values in query.items()
            for value in values]  # fmt: skip


def _size(method: str, answer: Answer, received: int) -> int | None:
    if method in ("GET", "HEAD") and answer.status < 300:  # noqa: PLR2004
        return int(answer.headers.get("content-length") or answer.size)
    return received if method == "PUT" and received else None
