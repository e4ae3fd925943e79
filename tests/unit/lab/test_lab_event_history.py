"""The event history: what LookupEvents finds, in which order, and that it does not stay in memory."""

import tracemalloc
from pathlib import Path

import pytest

from amberlight.lab.recorder.history import Event, History
from amberlight.lab.recorder.identity import Caller

PLACE = ("111111111111", "us-east-1")
ALWAYS = (0.0, 1e12)


@pytest.fixture
def history(tmp_path):
    made = History(tmp_path / "history.jsonl", 10.0)
    yield made
    made.close()


def event(number, *, name="CreateUser", time=100.0, place=PLACE, resources=(), user="maria", data=False):
    record = {
        "eventID": f"event-{number}", "eventName": name, "eventSource": "iam.amazonaws.com", "readOnly": False,
        "userIdentity": {"accessKeyId": "AKIA"},
    }  # fmt: skip
    caller = Caller(place[0], f"arn:aws:iam::{place[0]}:user/{user}", user, "AKIA", {})
    return Event(record, f'{{"n": {number}, "text": "é"}}', *place, time, data, caller, None, tuple(resources))


def ids(history, now=1e9, window=ALWAYS, limit=50, after="", **attributes):
    found = history.lookup(PLACE, now, window, attributes, limit=limit, after=after)
    return [int(entry.keys["EventId"].removeprefix("event-")) for entry in found]


def test_newest_first_within_place_time_and_limit(history):
    for number in range(6):
        history.add(event(number, time=100.0 + number))
    history.add(event(6, place=("222222222222", "us-east-1")))
    history.add(event(7, place=("111111111111", "eu-west-1")))
    history.add(event(8, data=True))
    assert ids(history) == [5, 4, 3, 2, 1, 0]
    assert ids(history, window=(101.0, 103.0)) == [3, 2, 1]
    assert ids(history, limit=2) == [5, 4]
    assert ids(history, limit=2, after="event-4") == [3, 2]
    # An event is seen ten seconds late.
    assert ids(history, now=113.0) == [3, 2, 1, 0]
    with pytest.raises(KeyError):
        ids(history, after="event-6")


def test_each_attribute_and_the_text(history):
    role = ("AWS::IAM::Role", "web")
    history.add(event(0))
    history.add(event(1, name="DeleteUser", user="tom"))
    history.add(event(2, resources=[("AWS::IAM::User", "ada"), role]))
    assert ids(history, EventName="DeleteUser") == [1]
    assert ids(history, Username="maria") == [2, 0]
    assert ids(history, EventId="event-1") == [1]
    assert ids(history, AccessKeyId="AKIA", ReadOnly="false", EventSource="iam.amazonaws.com") == [2, 1, 0]
    assert ids(history, ReadOnly="true") == []
    assert ids(history, ResourceName="web") == ids(history, ResourceType="AWS::IAM::Role") == [2]
    (entry,) = history.lookup(PLACE, 1e9, ALWAYS, {"EventId": "event-2"}, limit=1)
    assert entry.resources == (("AWS::IAM::User", "ada"), role)
    assert history.read(entry) == '{"n": 2, "text": "é"}'


def test_a_name_that_is_no_sql_is_a_name(history):
    history.add(event(0, user="x' OR '1'='1"))
    assert ids(history, Username="x' OR '1'='1") == [0]
    assert ids(history, Username="' OR '1'='1") == []


def test_listeners_are_told_of_data_events_too(history):
    told = []
    history.subscribe(told.append)
    history.add(event(0))
    history.add(event(1, data=True))
    assert [each.record["eventID"] for each in told] == ["event-0", "event-1"]


def test_nothing_stays_in_memory(history):
    def resident():
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * 4096

    def fill(start, count):
        for number in range(start, start + count):
            history.add(event(number, resources=[("AWS::IAM::User", f"user-{number}")]))

    fill(0, 15_000)
    tracemalloc.start()
    before, resident_before = tracemalloc.get_traced_memory()[0], resident()
    fill(15_000, 15_000)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 100_000
    assert resident() - resident_before < 6_000_000
    assert ids(history, limit=1) == [29_999]
