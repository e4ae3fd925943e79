"""Which management API calls did CloudTrail record in the last 90 days, even where no trail was ever set up?

CloudTrail keeps 90 days of management events of every Region by itself; nobody in the account can switch that off or
delete from it, so it also shows who stopped the trail. All pages of `LookupEvents` are taken for the window of the case,
in every Region of the plan, newest first, one item a line exactly as received (`event-history/<region>.jsonl`; the event
itself is the text in `CloudTrailEvent`). `event-history/summary.json` says for each Region how many events and pages
there were and whether the end was reached, so that an empty Region is a statement and not a hole.

The quota is two look-ups a second per account and Region, shared with everybody in the account, the intruder included:
the source stays just below it, and when it is throttled all the same it waits and asks for the same page again. Data
events, and events of the last few minutes that CloudTrail has not delivered yet, are not in it.

Nothing stays behind. The look-ups themselves appear in the trail as reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

from amberlight.capture.answers import PROBLEMS, line, missing, received, state_of, wait_until
from amberlight.model.errors import Unreachable
from amberlight.model.evidence import Artifact, Bytes, Call, Context, Cost, Missing, Source, Stream

PAUSE_S = 0.52  # From: two LookupEvents a second per account and Region (CloudTrail quotas, 2026-11), a little slower
PATIENCE_S = 300.0


def capture(context: Context) -> Iterator[Artifact]:
    """Yield one stream of events per Region, and what was found where."""
    summary: dict[str, dict[str, Any]] = {}
    for region in context.regions:
        facts: dict[str, Any] = {"events": 0, "pages": 0, "throttled": 0, "complete": False}
        lines = _lines(context, region, facts)
        try:
            first = next(lines, b"")
        except PROBLEMS as problem:
            summary[region] = facts
            yield missing(f"event-history/{region}.jsonl", problem)
            continue
        summary[region] = facts
        if first:
            yield Stream(
                path=f"event-history/{region}.jsonl",
                chunks=chain([first], lines),
                media_type="application/x-ndjson",
                facts=facts,
            )
        if not facts["complete"]:
            # The page that failed comes after pages that are already stored: they stay, and the rest is named.
            yield Missing(
                what=f"event-history/{region}.jsonl",
                state=facts.pop("state"),
                reason=f"Not complete: {facts['problem']}",
            )
    yield Bytes(path="event-history/summary.json", data=received(summary), facts={"regions": len(summary)})
    if summary and all(facts["complete"] and not facts["events"] for facts in summary.values()):
        yield Missing(what="event-history", state="empty", reason="CloudTrail recorded no event in this window.")


def _lines(context: Context, region: str, facts: dict[str, Any]) -> Iterator[bytes]:
    """The items of all pages, one chunk a page; `facts` is kept up to date. Raises only before the first item."""
    token: dict[str, str] = {}
    due = context.now()
    while True:
        context.sleep(max(0.0, (due - context.now()).total_seconds()))
        due = context.now() + timedelta(seconds=PAUSE_S)
        try:
            page = _page(context, region, token, facts)
        except PROBLEMS as problem:
            if not facts["events"]:
                raise
            facts.update(problem=problem.cause, state=state_of(problem))
            return
        facts["pages"] += 1
        facts["events"] += len(page["Events"])
        facts["complete"] = not page.get("NextToken")
        if page["Events"]:
            _span(facts, page["Events"])
            yield b"".join(line(item) for item in page["Events"])
        if facts["complete"]:
            return
        token = {"NextToken": page["NextToken"]}


def _page(context: Context, region: str, token: dict[str, str], facts: dict[str, Any]) -> dict[str, Any]:
    """One page; asked for again, more and more slowly, while AWS throttles or does not answer."""
    problem: Unreachable | None = None
    for _ in wait_until(context, PATIENCE_S):
        try:
            return context.aws.call(
                "cloudtrail.LookupEvents",
                region=region,
                StartTime=context.since,
                EndTime=context.until,
                MaxResults=50,
                **token,
            )
        except Unreachable as refused:
            problem = refused
            facts["throttled"] += state_of(refused) == "throttled"
    raise problem or Unreachable("CloudTrail was not asked.", "Allow more time.")


def _span(facts: dict[str, Any], events: list[dict[str, Any]]) -> None:
    """Note the times of the newest and the oldest event; pages come newest first."""
    times = [item["EventTime"] for item in events if isinstance(item.get("EventTime"), datetime)]
    if times:
        facts.setdefault("newest", max(times).isoformat())
        facts["oldest"] = min(times).isoformat()


SOURCE = Source(
    id="api_calls.event_history",
    title="CloudTrail event history",
    takes=("account",),
    capture=capture,
    calls=(Call(operation="cloudtrail.LookupEvents", actions=("cloudtrail:LookupEvents",)),),
    seen=1,
    seen_text="LookupEvents calls are in the account's own trail, one for every 50 events",
    gone_after=timedelta(days=90),
    reaches_back=timedelta(days=90),
    cost=Cost(usd=0.0, basis="LookupEvents is free of charge (CloudTrail pricing, 2026-11)"),
    needs=(),
    yields=("application/x-ndjson", "application/json"),
    leaves=(),
    references=(
        "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/view-cloudtrail-events.html",
        "https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html",
        "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/WhatIsCloudTrail-Limits.html",
    ),
    lasts=timedelta(seconds=30),
)
