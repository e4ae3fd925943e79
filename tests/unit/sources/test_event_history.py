"""Event history against a throttled, broken and hostile CloudTrail: nothing is lost in silence."""

import json
from datetime import timedelta

import pytest
from source_fakes import UNTIL, Context, raising

from amberlight.capture.sources.api_calls.event_history import capture
from amberlight.model.errors import Denied, Unreachable
from amberlight.model.evidence import Missing, Stream

THROTTLED = Unreachable("cloudtrail.LookupEvents was throttled", "Resume later.", aws_code="ThrottlingException")


def item(number):
    return {"EventId": f"e{number}", "EventTime": UNTIL - timedelta(minutes=number), "CloudTrailEvent": "{}"}


class Trail:
    """LookupEvents with pages of 50 and a strict quota of two calls in any second."""

    def __init__(self, count, context=None):
        self.count, self.context, self.times, self.refused = count, context, [], 0

    def lookup(self, *, StartTime, EndTime, MaxResults, NextToken="0"):  # noqa: N803 - AWS's names
        now = self.context.now()
        self.times = [when for when in self.times if now - when < timedelta(seconds=1)]
        if len(self.times) >= 2:
            self.refused += 1
            raise THROTTLED
        self.times.append(now)
        start = int(NextToken)
        events = [item(number) for number in range(start, min(start + MaxResults, self.count))]
        more = {"NextToken": str(start + MaxResults)} if start + MaxResults < self.count else {}
        return {"Events": events, **more}


def taken(context):
    found = []
    for artifact in capture(context):
        if isinstance(artifact, Stream):
            found.append((artifact, b"".join(artifact.chunks)))
        else:
            found.append((artifact, getattr(artifact, "data", None)))
    return found


def test_a_thousand_events_under_the_quota_are_all_kept_without_one_refusal():
    trail = Trail(1000)
    context = trail.context = Context({"cloudtrail.LookupEvents": trail.lookup})
    (stream, data), _ = taken(context)
    assert [json.loads(line)["EventId"] for line in data.decode().splitlines()] == [f"e{n}" for n in range(1000)]
    assert stream.facts["events"] == 1000
    assert stream.facts["complete"] is True
    assert trail.refused == 0
    assert (context.now() - UNTIL).total_seconds() == pytest.approx(19 * 0.52)


def test_somebody_else_eats_the_quota_and_still_nothing_is_lost():
    trail = Trail(200)
    eaten = iter([False, True, True, False, True, False])

    def lookup(**parameters):
        if next(eaten, False):
            raise THROTTLED
        return trail.lookup(**parameters)

    context = trail.context = Context({"cloudtrail.LookupEvents": lookup})
    (stream, data), _ = taken(context)
    assert len(data.splitlines()) == 200
    assert stream.facts["throttled"] == 3
    assert stream.facts["complete"] is True


def test_what_was_had_before_a_break_is_kept_and_the_rest_is_named():
    pages = raising({"Events": [item(1)], "NextToken": "t"}, Denied("denied", aws_code="AccessDenied"))
    found = taken(Context({"cloudtrail.LookupEvents": pages}))
    assert [type(artifact).__name__ for artifact, _ in found] == ["Stream", "Missing", "Bytes"]
    assert len(found[0][1].splitlines()) == 1
    assert found[0][0].facts["complete"] is False
    assert (found[1][0].state, found[1][0].what) == ("denied", "event-history/us-east-1.jsonl")
    assert json.loads(found[2][1])["us-east-1"]["complete"] is False


def test_throttled_for_longer_than_the_patience_is_a_gap_of_that_kind():
    context = Context({"cloudtrail.LookupEvents": raising(THROTTLED)})
    gap = next(artifact for artifact, _ in taken(context) if isinstance(artifact, Missing))
    assert gap.state == "throttled"
    assert (context.now() - UNTIL).total_seconds() >= 300


def test_an_empty_page_in_the_middle_is_not_the_end():
    pages = raising({"Events": [], "NextToken": "a"}, {"Events": [item(1)], "NextToken": "b"}, {"Events": []})
    (stream, data), _ = taken(Context({"cloudtrail.LookupEvents": pages}))
    assert len(data.splitlines()) == 1
    assert stream.facts["pages"] == 3


def test_one_denied_region_does_not_spoil_the_others():
    calls = []

    def lookup(**_):
        calls.append(1)
        if len(calls) == 1:
            raise Denied("no", aws_code="AccessDenied")
        return {"Events": [item(1)]}

    context = Context({"cloudtrail.LookupEvents": lookup}, regions=("eu-west-1", "us-east-1"))
    kinds = [(type(artifact).__name__, getattr(artifact, "path", "")) for artifact, _ in taken(context)]
    assert kinds == [
        ("Missing", ""),
        ("Stream", "event-history/us-east-1.jsonl"),
        ("Bytes", "event-history/summary.json"),
    ]
