"""Timesketch: one JSON object a line, with a time that cannot be misread.

Timesketch reads a time without offset in its server's own zone, and a file without `datetime` as if it were such. So each
line has `datetime` with its offset and `timestamp` in microseconds. Nested parameters are kept as one text, since a field
for each of their parts would exhaust the index; texts are cut at the size that the index can take, and the whole record is
found by `evidence_ref`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from amberlight.handoff.captured import Captured
from amberlight.handoff.format import Format

TEXT_BYTES_MAX = 32_000
"""Below the 32,766 bytes of a keyword in OpenSearch (Lucene's IndexWriter.MAX_TERM_LENGTH)."""
FIELDS = {
    "event_id": ("eventID",),
    "event_name": ("eventName",),
    "event_source": ("eventSource",),
    "event_type": ("eventType",),
    "aws_region": ("awsRegion",),
    "source_ip": ("sourceIPAddress",),
    "user_agent": ("userAgent",),
    "account_id": ("recipientAccountId",),
    "identity_type": ("userIdentity", "type"),
    "identity_arn": ("userIdentity", "arn"),
    "identity_account": ("userIdentity", "accountId"),
    "user_name": ("userIdentity", "userName"),
    "access_key_id": ("userIdentity", "accessKeyId"),
    "error_code": ("errorCode",),
    "error_message": ("errorMessage",),
    "request_id": ("requestID",),
    "read_only": ("readOnly",),
    "request_parameters": ("requestParameters",),
    "response_elements": ("responseElements",),
}


def line(captured: Captured) -> dict[str, Any] | None:
    """The record as a flat event of a timeline."""
    when = captured.when
    if when is None:
        return None
    fields = {name: cut(captured.text(*way)) for name, way in FIELDS.items()}
    who = fields["identity_arn"] or fields["user_name"] or fields["identity_type"] or "somebody"
    result = f" was refused with {fields['error_code']}" if fields["error_code"] else ""
    return {
        "message": cut(f"{fields['event_source']} {fields['event_name']} by {who} from {fields['source_ip']}{result}"),
        "datetime": when.isoformat(timespec="microseconds"),
        "timestamp": (when - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1),
        "timestamp_desc": "API call",
        "data_type": "aws:cloudtrail:entry",
        **{name: text for name, text in fields.items() if text},
        "evidence_ref": captured.evidence_ref,
    }


def cut(text: str) -> str:
    """The text, at most as long as the index takes."""
    data = text.encode("utf-8", "backslashreplace")
    return data.decode() if len(data) <= TEXT_BYTES_MAX else data[:TEXT_BYTES_MAX].decode("utf-8", "ignore") + " [cut]"


FORMAT = Format(
    id="timesketch",
    title="Timeline of API calls",
    receiver="Timesketch",
    folder="timesketch",
    line=line,
    references=(
        "https://timesketch.org/guides/user/import-from-json-csv/ (mandatory fields), 2026-11",
        "https://timesketch.org/guides/user/upload-data/, 2026-11",
    ),
)
