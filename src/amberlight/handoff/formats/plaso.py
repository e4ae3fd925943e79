"""plaso: items as LookupEvents answers them, one a line, which is the only form of these records that plaso reads.

Its reader finds nothing in a trail's own files, and says nothing about that. It wants a blank between date and time, and it
gives up the rest of a file at the first resource without a name; so every resource here has one.
"""

from __future__ import annotations

import json
from typing import Any

from amberlight.handoff.captured import Captured
from amberlight.handoff.format import Format


def line(captured: Captured) -> dict[str, Any] | None:
    """The record as an item of LookupEvents."""
    when, event = captured.when, captured.event
    if when is None:
        return None
    if not isinstance(event.get("userIdentity"), dict):
        event = {**event, "userIdentity": {}}  # the reader asks it for the ARN without looking whether it is there
    return {
        "EventId": captured.text("eventID"),
        "EventName": captured.text("eventName"),
        "ReadOnly": captured.text("readOnly") or "false",
        "AccessKeyId": captured.text("userIdentity", "accessKeyId"),
        "EventTime": when.isoformat(sep=" ", timespec="seconds"),
        "EventSource": captured.text("eventSource"),
        "Username": captured.text("userIdentity", "userName") or str(captured.item.get("Username", "")),
        "Resources": resources(captured),
        "CloudTrailEvent": json.dumps(event),
        "evidence_ref": captured.evidence_ref,
    }


def resources(captured: Captured) -> list[dict[str, str]]:
    """The resources of the item or of the event, each with a type and a name."""
    found = captured.item.get("Resources") or captured.event.get("resources") or ()
    made = []
    for each in found if isinstance(found, list) else ():
        if isinstance(each, dict):
            kind = each.get("ResourceType") or each.get("type") or "unknown"
            name = each.get("ResourceName") or each.get("ARN") or "unnamed"
            made.append({"ResourceType": str(kind), "ResourceName": str(name)})
    return made


FORMAT = Format(
    id="plaso",
    title="API calls as LookupEvents answers them",
    receiver="plaso (log2timeline), parser jsonl/aws_cloudtrail_log",
    folder="plaso",
    line=line,
    references=(
        "https://github.com/log2timeline/plaso, plaso/parsers/jsonl_plugins/aws_cloudtrail_log.py, 2026-11",
        "https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_Event.html, 2026-11",
    ),
)
