"""What the subject account knows of us: our own calls, looked up in its event history as its administrator could."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from amberlight._aws import Clock, Door

SETTLE_S = 1.0
"""How long after the capture the history is asked: an event shows up a little after its call, in the lab half a second."""
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


class Auditor:
    """A listener of the response that starts to look when the capture is over, beside the work that goes on."""

    def __init__(self, door: Door, regions: Sequence[str], session: str, clock: Clock) -> None:
        self._door = door
        self._regions = regions
        self._session = session
        self._clock = clock
        self._found: Future[tuple[dict[str, Any], ...]] | None = None

    def __call__(self, name: str, record: object) -> None:
        """Hear of something."""
        del record
        if name == "captured":
            thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="audit")
            self._found = thread.submit(self._look)
            thread.shutdown(wait=False)

    def calls(self) -> tuple[dict[str, Any], ...]:
        """CloudTrail records of our calls; waits for the look to end."""
        return self._found.result() if self._found else ()

    def _look(self) -> tuple[dict[str, Any], ...]:
        self._clock.sleep(SETTLE_S)
        return calls_of(self._door, self._regions, self._session, self._clock)
