"""S3: the condition keys and refusals that a write-once store rests on.

References:
    "Amazon S3 condition keys", "Object Lock considerations", "Enforce conditional writes on Amazon S3 buckets",
    S3 User Guide, 2026-11.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from amberlight.lab import clock, hooks
from amberlight.lab.world import World

_CREATES = frozenset({"PutObject", "CompleteMultipartUpload", "CopyObject"})
_HEADER_KEYS = (
    "x-amz-server-side-encryption-aws-kms-key-id", "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-storage-class", "x-amz-copy-source", "x-amz-metadata-directive", "x-amz-content-sha256",
    "x-amz-website-redirect-location",
)  # fmt: skip
_LOCK_HEADERS = {
    "x-amz-object-lock-mode": "s3:object-lock-mode",
    "x-amz-object-lock-legal-hold": "s3:object-lock-legal-hold",
    "x-amz-object-lock-retain-until-date": "s3:object-lock-retain-until-date",
}
_RETAIN = re.compile(rb"<RetainUntilDate>([^<]+)</RetainUntilDate>")
_HOLD = re.compile(rb"<LegalHold[^>]*>\s*<Status>([^<]+)</Status>")
_MODE = re.compile(rb"<Mode>([^<]+)</Mode>")

_body: ContextVar[bytes] = ContextVar("lab_s3_body", default=b"")
_method: ContextVar[str] = ContextVar("lab_s3_method", default="")


def begin_request(method: str, body: bytes) -> None:
    """Keep what condition keys are made of; *body* only where the request carries settings, not an object."""
    _method.set(method)
    _body.set(body)


def install(world: World) -> None:
    """Put condition keys and refusals in place."""
    world.recorder.begins.append(lambda request: begin_request(request.method, request.body))

    def context(iam_action: str, query: Any, path: str = "", headers: Any = None) -> dict[str, Any]:
        return {**old_context(iam_action, query, path, headers), **conditions(iam_action, query or {}, headers or {})}

    old_context = hooks.replace("core.iam_actions", "s3_service_context", context)
    _install_versioning()
    _install_checksums()
    _install_multipart_lock()


def conditions(iam_action: str, query: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
    """The condition keys of one request beyond those that the emulator knows."""
    found: dict[str, Any] = {}
    if iam_action == "s3:PutObject":
        found = {f"s3:{name}": headers[name] for name in _HEADER_KEYS if headers.get(name)}
        creates = not ("partNumber" in query or "uploads" in query)
        found["s3:ObjectCreationOperation"] = "true" if creates else "false"
        for name in ("if-none-match", "if-match"):
            if name in headers:
                found[f"s3:{name}"] = headers[name]
    if iam_action in ("s3:PutObject", "s3:PutObjectRetention", "s3:PutObjectLegalHold"):
        found.update(_lock_conditions(headers))
    if "versionId" in query:
        version = query["versionId"]
        found["s3:VersionId"] = version[0] if isinstance(version, list) else version
    return found


def _lock_conditions(headers: Mapping[str, str]) -> dict[str, str]:
    found = {key: headers[name] for name, key in _LOCK_HEADERS.items() if headers.get(name)}
    body = _body.get()
    for pattern, key in ((_RETAIN, "s3:object-lock-retain-until-date"), (_MODE, "s3:object-lock-mode"),
                         (_HOLD, "s3:object-lock-legal-hold")):  # fmt: skip
        match = pattern.search(body)
        if match:
            found[key] = match.group(1).decode()
    until = found.get("s3:object-lock-retain-until-date")
    if until:
        found["s3:object-lock-remaining-retention-days"] = str(_days_until(until))
    return found


def _days_until(text: str) -> int:
    until = dt.datetime.fromisoformat(text.strip())
    return int((until.timestamp() - clock.now()) // 86400)


def _install_versioning() -> None:
    s3 = hooks.service("s3")

    def put_versioning(name: str, body: bytes) -> Any:
        if b"<Status>Suspended</Status>" in body and s3._bucket_object_lock.get(name):
            return s3._error(
                "InvalidBucketState",
                "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.",
                409,
            )
        return old(name, body)

    old = hooks.replace("services.s3", "_put_bucket_versioning", put_versioning)


def _install_checksums() -> None:
    """Uploads with a retention period need Content-MD5 or a checksum header (from: Object Lock considerations)."""
    s3 = hooks.service("s3")

    def refusal(bucket: str, headers: Mapping[str, str]) -> Any:
        lock = s3._bucket_object_lock.get(bucket)
        retained = headers.get("x-amz-object-lock-mode") or (lock and lock.get("default_retention"))
        if not retained or any(_is_checksum(name) for name in headers):
            return None
        return s3._error(
            "InvalidRequest", "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with "
            "Object Lock parameters", 400,
        )  # fmt: skip

    def put(bucket: str, key: str, body: bytes, headers: dict[str, str]) -> Any:
        # Log delivery by AWS itself comes without a method; it is no request.
        return (refusal(bucket, headers) if _method.get() else None) or old_put(bucket, key, body, headers)

    def part(bucket: str, key: str, body: bytes, query: Any, headers: dict[str, str]) -> Any:
        return refusal(bucket, headers) or old_part(bucket, key, body, query, headers)

    old_put = hooks.replace("services.s3", "_put_object", put)
    old_part = hooks.replace("services.s3", "_upload_part", part)


def _install_multipart_lock() -> None:
    """A bucket's default lock holds for objects put together from parts, too (from: Object Lock considerations)."""
    s3 = hooks.service("s3")

    def complete(bucket: str, key: str, body: bytes, query: Any, headers: dict[str, str] | None = None) -> Any:
        answer = old(bucket, key, body, query, headers)
        version = answer[1].get("x-amz-version-id")
        if version and (bucket, key, version) not in s3._object_retention:
            s3._apply_object_lock_from_headers(bucket, key, {}, version)
        return answer

    old = hooks.replace("services.s3", "_complete_multipart_upload", complete)


def _is_checksum(header: str) -> bool:
    return header == "content-md5" or (header.startswith("x-amz-checksum-") and header != "x-amz-checksum-type")
