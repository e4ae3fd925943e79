"""What the subject account knows of us: our own calls, looked up in its event history as its administrator could."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from amberlight._aws import Clock, Door

PAUSE_S = 0.55
"""Between two LookupEvents: the quota is two a second per account and Region. From: its API reference."""


def calls_of(door: Door, regions: Sequence[str], session: str, clock: Clock) -> tuple[dict[str, Any], ...]:
    """CloudTrail records of every call that was made under that session name."""
    found: list[dict[str, Any]] = []
    for region in regions:
        more: dict[str, str] = {}
        while True:
            answer = door.call(
                "cloudtrail.LookupEvents",
                region=region,
                LookupAttributes=[{"AttributeKey": "Username", "AttributeValue": session}],
                MaxResults=50,
                **more,
            )
            found += [json.loads(item["CloudTrailEvent"]) for item in answer["Events"]]
            if "NextToken" not in answer:
                break
            more = {"NextToken": answer["NextToken"]}
            clock.sleep(PAUSE_S)
    return tuple(found)
