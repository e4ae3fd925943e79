"""What the ledger says that we asked of AWS, and which of it AWS's own event history bears witness to.

References:
    CloudTrail's event history holds management events and no data events, 2026-11:
    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/view-cloudtrail-events.html
    Which operations are data events: "Logging data events" in the same guide; "Amazon S3 CloudTrail events" in that of S3.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Literal

import msgspec

from amberlight.model.custody import Entry

EVENT_ID = re.compile(r"[0-9a-f-]{36}")
"""What `verify.py` takes for an event's id: a UUID as CloudTrail writes it."""
REQUEST_ID_MAX = 128
ROW = ("entry", "request id", "event id")
DATA_EVENT = re.compile(
    r"s3\.((Get|Head|Put|Delete|Copy|Restore|List)Objects?(V2|Versions|Acl|Attributes|Tagging|LegalHold|Retention)?"
    r"|HeadBucket|SelectObjectContent|ListParts|ListMultipartUploads|UploadPart(Copy)?"
    r"|(Create|Complete|Abort)MultipartUpload)"
    r"|ebs\.(ListSnapshotBlocks|ListChangedBlocks|GetSnapshotBlock|PutSnapshotBlock)"
)

Standing = Literal["corroborated", "open", "data-event", "not-asked"]
"""Of a request: AWS names its event · no event yet · event history never holds such · its account was not asked."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One request to AWS with the first entry that names it; `when` as that entry writes it."""

    entry: int
    request_id: str
    operation: str
    account: str
    region: str
    when: str


def asked(entries: Iterable[Entry]) -> Iterator[Asked]:
    """Every request that entries name under `calls`, once, in their order."""
    known: set[str] = set()
    for entry in entries:
        for call in calls_of(entry):
            request_id = str(call.get("request_id", ""))
            if not 0 < len(request_id) <= REQUEST_ID_MAX or request_id in known:
                continue
            known.add(request_id)
            yield Asked(
                entry=entry.seq,
                request_id=request_id,
                **{name: str(call.get(name, "")) for name in ("operation", "account", "region", "when")},
            )


def calls_of(entry: Entry) -> Iterator[dict[str, Any]]:
    """The calls that an entry names; what an intention only announces are words and no calls."""
    calls = entry.what.get("calls")
    yield from (call for call in calls if isinstance(call, dict)) if isinstance(calls, list) else ()


def events(entries: Iterable[Entry]) -> dict[str, str]:
    """CloudTrail's event ids by the ids of the requests, as the entries `corroborated` pair them."""
    # Another writer's rows can have any form: the verifier names them, and here they say nothing.
    told = (entry.what.get("rows") for entry in entries if entry.act == "corroborated")
    rows = (row for each in told if isinstance(each, list) for row in each)
    return {str(row[1]): str(row[2]) for row in rows if isinstance(row, list) and len(row) == len(ROW)}


def standing(one: Asked, known: dict[str, str], accounts: frozenset[str]) -> Standing:
    """How a request stands; `known` are the events so far, `accounts` those whose history was asked."""
    if one.request_id in known:
        return "corroborated"
    if DATA_EVENT.fullmatch(one.operation):
        return "data-event"
    return "open" if one.account in accounts else "not-asked"
