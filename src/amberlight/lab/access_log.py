"""Lines of S3 server access logs: fields in AWS's order, and the names of operations.

References:
    "Amazon S3 server access log format", S3 User Guide, 2026-11: 27 fields, `-` for what is unknown or does not apply, names
    REST.<method>.<resource>, double encoding of keys, quotes inside of headers.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote

_OBJECT = {
    "acl": "ACL", "tagging": "OBJECT_TAGGING", "retention": "OBJECT_LOCK_RETENTION", "legal-hold": "OBJECT_LOCK_LEGALHOLD",
    "attributes": "OBJECT_ATTRIBUTES", "uploads": "UPLOADS", "restore": "OBJECT_RESTORE", "torrent": "OBJECT_TORRENT",
}  # fmt: skip
_BUCKET = {
    "acl": "ACL", "cors": "CORS", "encryption": "ENCRYPTION", "lifecycle": "LIFECYCLE", "location": "LOCATION",
    "logging": "LOGGING_STATUS", "notification": "NOTIFICATION", "object-lock": "OBJECT_LOCK_CONFIGURATION",
    "ownershipControls": "OWNERSHIP_CONTROLS", "policy": "BUCKETPOLICY", "policyStatus": "BUCKETPOLICYSTATUS",
    "publicAccessBlock": "PUBLIC_ACCESS_BLOCK", "replication": "REPLICATION", "tagging": "TAGGING",
    "uploads": "UPLOADS", "versioning": "VERSIONING", "versions": "BUCKETVERSIONS", "website": "WEBSITE",
}  # fmt: skip
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Line:
    """One request. None is written as `-`."""

    owner: str
    bucket: str
    time: float
    address: str
    requester: str | None
    request_id: str
    operation: str
    key: str | None
    request: str | None
    status: int | None
    error: str | None
    sent: int | None
    size: int | None
    took_ms: int | None
    waited_ms: int | None
    referrer: str | None
    agent: str | None
    version: str | None
    host_id: str
    signature: str | None
    authentication: str | None
    host: str | None
    region: str

    def __str__(self) -> str:
        """The line as it stands in a log, with its end."""
        moment = datetime.fromtimestamp(self.time, UTC).strftime("[%d/%b/%Y:%H:%M:%S +0000]")
        fields = [
            self.owner, self.bucket, moment, self.address, self.requester, self.request_id, self.operation,
            None if self.key is None else quote(quote(self.key, safe="/"), safe="/") , _quoted(self.request),
            self.status, self.error, self.sent, self.size, self.took_ms, self.waited_ms, _quoted(self.referrer),
            _quoted(self.agent), self.version, self.host_id, self.signature, None, self.authentication,
            self.host, None, None, None, self.region,
        ]  # fmt: skip
        return " ".join("-" if field is None else str(field) for field in fields) + "\n"


def _quoted(text: str | None) -> str | None:
    """A field in quotes; what a caller sent cannot end the field or the line."""
    if text is None:
        return None
    safe = _CONTROL.sub(lambda found: f"%{ord(found[0]):02X}", text).replace('"', "%22")
    return f'"{safe}"'


def operation(method: str, key: str, query: Mapping[str, object], headers: Mapping[str, str]) -> str:
    """The operation as the log names it."""
    if not key:
        return _bucket_operation(method, query)
    if "uploadId" in query:
        return f"REST.{method}.{'PART' if method == 'PUT' else 'UPLOAD'}"
    if method == "PUT" and "x-amz-copy-source" in headers:
        return "REST.COPY.OBJECT"
    named = next((name for part, name in _OBJECT.items() if part in query), "OBJECT")
    return f"REST.{method}.{named}"


def _bucket_operation(method: str, query: Mapping[str, object]) -> str:
    if method == "POST" and "delete" in query:
        return "REST.POST.MULTI_OBJECT_DELETE"
    named = next((name for part, name in _BUCKET.items() if part in query), "BUCKET")
    return f"REST.{method}.{named}"
