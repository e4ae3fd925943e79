"""Our requests and AWS's own events of them: looked for beside other work, never longer than the plan allows."""

import json
import threading
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from types import SimpleNamespace

import pytest

from amberlight.model.errors import CredentialsError, Denied, Unreachable
from amberlight.response import corroborating
from amberlight.response.corroborating import LONGEST_WAIT_S, MARGIN, Corroborator
from amberlight.response.watch import PAUSE_S

START = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
ACCOUNT, VAULT = "111122223333", "444455556666"


class Time:
    def __init__(self):
        self.seconds, self.slept = 0.0, []

    def monotonic(self):
        return self.seconds

    def sleep(self, seconds):
        self.seconds += seconds
        self.slept.append(seconds)


def event_id(number):
    return f"00000000-0000-4000-8000-{number:012d}"


def event(request, number=1, **more):
    return {"EventId": event_id(number), "CloudTrailEvent": json.dumps({"requestID": request, "eventID": event_id(number),
                                                                        **more})}  # fmt: skip


class History:
    """Event history by Region; `late` events are there from a second on; a page holds two."""

    account = ACCOUNT

    def __init__(self, clock, *, late=None, **regions):
        self.clock, self.late, self.calls = clock, late or {}, []
        self.regions = {name.replace("_", "-"): events for name, events in regions.items()}

    def call(self, operation, *, region=None, **parameters):
        assert operation == "cloudtrail.LookupEvents"
        self.calls.append((region, self.clock.monotonic(), parameters))
        found = self.regions.get(region, [])
        if isinstance(found, Exception):
            raise found
        found = [*found, *(each for second, each in self.late.items() if self.clock.monotonic() >= second)]
        at = int(parameters.get("NextToken", 0))
        more = {"NextToken": str(at + 2)} if len(found) > at + 2 else {}
        return {"Events": found[at : at + 2], **more}


def call(request, operation="ec2.DescribeInstances", account=ACCOUNT, region="us-east-1", minute=0):
    when = (START + timedelta(minutes=minute)).isoformat()
    return {"operation": operation, "account": account, "region": region, "when": when, "request_id": request}


def entry(seq, *calls, act="acquired", **what):
    return SimpleNamespace(seq=seq, act=act, what={"calls": list(calls), **what})


def looked(clock, door, *entries, wait_s=60.0, session="s-1"):
    made = Corroborator(door, entries, clock=clock, session=session, wait_s=wait_s)
    made.run()
    return made.found()


@pytest.fixture
def clock():
    return Time()


def test_requests_are_paired_with_events_of_all_pages_and_regions(clock):
    door = History(clock, us_east_1=[event("other", 9), event("r1", 1), event("r2", 2)], eu_west_1=[event("r3", 3)])
    entries = entry(4, call("r1"), call("r2", minute=5)), entry(7, call("r3", region="eu-west-1"), call("r1"))
    found = looked(clock, door, *entries)
    assert found.rows == ((4, "r1", event_id(1)), (4, "r2", event_id(2)), (7, "r3", event_id(3)))
    assert (found.acts, found.standing, found.problem, found.unreadable) == (3, {"corroborated": 3}, "", 0)
    assert (found.account, found.regions) == (ACCOUNT, ("eu-west-1", "us-east-1"))
    _, _, parameters = door.calls[0]
    assert parameters["LookupAttributes"] == [{"AttributeKey": "Username", "AttributeValue": "s-1"}]
    assert (parameters["StartTime"], parameters["EndTime"]) == (START - MARGIN, START + timedelta(minutes=5) + MARGIN)


def test_calls_of_a_region_stay_below_two_a_second_and_regions_take_turns(clock):
    events = [event(f"x{number}", number) for number in range(9)]
    door = History(clock, us_east_1=events, eu_west_1=events)
    looked(clock, door, entry(1, call("r1"), call("r2", region="eu-west-1")), wait_s=4.0)
    for region in ("us-east-1", "eu-west-1"):
        times = [when for where, when, _ in door.calls if where == region]
        assert len(times) > 4
        assert all(after - before >= PAUSE_S - 1e-9 for before, after in pairwise(times))
    assert clock.seconds <= 4.0 + PAUSE_S


def test_global_services_are_looked_for_where_their_events_stand(clock):
    door = History(clock, us_east_1=[event("r1")])
    assert looked(clock, door, entry(1, call("r1", "iam.ListUsers", region="eu-west-1"))).rows
    door = History(clock, cn_north_1=[event("r1")])
    assert looked(clock, door, entry(1, call("r1", "iam.ListUsers", region="cn-northwest-1"))).rows


def test_late_events_are_waited_for_and_only_their_time_is_asked_again(clock):
    door = History(clock, us_east_1=[event("r1", 1)], late={20.0: event("r2", 2)})
    found = looked(clock, door, entry(1, call("r1"), call("r2", minute=9)))
    assert found.standing == {"corroborated": 2}
    assert 20.0 <= clock.seconds < 20.0 + LONGEST_WAIT_S
    assert door.calls[-1][2]["StartTime"] == START + timedelta(minutes=9) - MARGIN


def test_what_does_not_come_is_open_and_the_time_has_an_end(clock):
    found = looked(clock, History(clock), entry(1, call("r1"), call("r2")), wait_s=45.0)
    assert (found.rows, found.standing) == ((), {"open": 2})
    assert 44.0 < clock.seconds <= 46.0


def test_what_no_history_holds_is_not_waited_for(clock):
    door = History(clock, us_east_1=[event("r1")])
    entries = entry(1, call("r1"), call("r2", "s3.GetObject"), call("r3", "ec2.CopySnapshot", account=VAULT))
    found = looked(clock, door, entries)
    assert found.standing == {"corroborated": 1, "data-event": 1, "not-asked": 1}
    assert (clock.seconds, len(door.calls)) == (0.0, 1)


@pytest.mark.parametrize("operation", ["s3.ListBuckets", "s3.GetBucketPolicy", "s3.PutBucketPolicy", "ec2.GetObject",
                                       "ebs.StartSnapshot", "s3.CreateBucket"])  # fmt: skip
def test_management_events_are_waited_for(clock, operation):
    assert looked(clock, History(clock), entry(1, call("r1", operation)), wait_s=2.0).standing == {"open": 1}


@pytest.mark.parametrize("operation", ["s3.HeadObject", "s3.ListObjectsV2", "s3.ListObjectVersions", "s3.UploadPart",
                                       "s3.CompleteMultipartUpload", "s3.HeadBucket", "ebs.GetSnapshotBlock"])  # fmt: skip
def test_data_events_are_known(clock, operation):
    assert looked(clock, History(clock), entry(1, call("r1", operation))).standing == {"data-event": 1}


def test_nothing_is_asked_where_the_plan_says_so(clock):
    door = History(clock, us_east_1=[event("r1")])
    found = looked(clock, door, entry(1, call("r1")), wait_s=0)
    assert (door.calls, found.rows, found.standing, found.regions) == ([], (), {"not-asked": 1}, ())


def test_what_is_paired_already_is_neither_asked_nor_paired_again(clock):
    before = entry(2, act="corroborated", rows=[[1, "r1", event_id(1)], "odd", [1]])
    door = History(clock, us_east_1=[event("r1", 1), event("r2", 2)])
    found = looked(clock, door, entry(1, call("r1"), call("r2")), before)
    assert (found.rows, found.standing) == (((1, "r2", event_id(2)),), {"corroborated": 2})


@pytest.mark.parametrize("error", [Denied("LookupEvents was denied"), CredentialsError("the key is over")])
def test_a_region_that_refuses_is_named_and_asked_once(clock, error):
    door = History(clock, us_east_1=[event("r1")], eu_west_1=error)
    found = looked(clock, door, entry(1, call("r1"), call("r2", region="eu-west-1")))
    assert found.standing == {"corroborated": 1, "open": 1}
    assert found.problem == f"eu-west-1: {error.cause}"
    assert [region for region, *_ in door.calls].count("eu-west-1") == 1


def test_when_every_region_refuses_nothing_is_waited_for(clock):
    door = History(clock, us_east_1=Denied("no"))
    assert looked(clock, door, entry(1, call("r1"))).problem == "us-east-1: no"
    assert clock.seconds == 0.0


def test_a_region_that_does_not_answer_is_asked_again(clock):
    door = History(clock, us_east_1=Unreachable("throttled"))
    made = Corroborator(door, [entry(1, call("r1"))], clock=clock, session="", wait_s=3.0)
    made.run()
    assert len(door.calls) > 1
    assert made.found().problem == "us-east-1: throttled"
    clock.seconds, door.regions["us-east-1"] = 0.0, [event("r1")]
    made.run()
    assert (made.found().problem, made.found().standing) == ("", {"corroborated": 1})
    assert "LookupAttributes" not in door.calls[0][2]


def test_events_that_cannot_be_read_are_counted_and_stop_nothing(clock):
    odd = [
        {"EventId": "a"}, {"EventId": "b", "CloudTrailEvent": "{"}, {"EventId": "c", "CloudTrailEvent": "[]"},
        {"EventId": "d", "CloudTrailEvent": '{"requestID": "r1"}'}, {"EventId": "e", "CloudTrailEvent": "[" * 99_999},
        {"EventId": "f", "CloudTrailEvent": json.dumps({"requestID": "r1", "eventID": "no id of AWS"})},
        {"EventId": "g", "CloudTrailEvent": json.dumps({"requestID": ["r1"], "eventID": event_id(5)})},
        {"EventId": "h", "CloudTrailEvent": json.dumps({"requestID": None, "eventID": event_id(6)})},
    ]  # fmt: skip
    found = looked(clock, History(clock, us_east_1=[*odd, event("r1")]), entry(1, call("r1")))
    assert (found.rows, found.unreadable) == (((1, "r1", event_id(1)),), 6)


def test_one_event_pairs_one_request(clock):
    door = History(clock, us_east_1=[event("r1", 1), event("r2", 1)])
    assert looked(clock, door, entry(1, call("r1"), call("r2")), wait_s=2.0).rows == ((1, "r1", event_id(1)),)


@pytest.mark.parametrize(
    "calls", [None, 7, "text", [7, "ec2.A", None], [{"request_id": ""}], [{"request_id": "x" * 129}]]
)
def test_entries_without_requests_count_for_nothing(clock, calls):
    found = looked(clock, History(clock), SimpleNamespace(seq=1, act="intended", what={"calls": calls}))
    assert (found.acts, found.standing) == (0, {})


@pytest.mark.parametrize("when", ["", "yesterday", "2026-11-24T03:00:00"])
def test_an_entry_without_a_time_is_looked_for_at_all_times(clock, when):
    door = History(clock, us_east_1=[event("r1")])
    assert looked(clock, door, entry(1, call("r1") | {"when": when})).rows
    assert "StartTime" not in door.calls[0][2]


def test_an_answer_that_never_comes_keeps_nobody_waiting(clock, monkeypatch):
    monkeypatch.setattr(corroborating, "GRACE_S", 0.0)
    never = threading.Event()

    class Silent:
        account = ACCOUNT

        def call(self, *_, **__):
            never.wait()
            return {"Events": []}

    made = Corroborator(Silent(), [entry(1, call("r1"))], clock=clock, session="", wait_s=0.001)
    assert made.begin()().standing == {"open": 1}
    never.set()


def test_it_looks_beside_other_work_and_its_act_is_entered(clock):
    door = History(clock, us_east_1=[event("r1")])
    ended = Corroborator(door, [entry(1, call("r1"))], clock=clock, session="", wait_s=60.0).begin()
    acts = []
    ledger = SimpleNamespace(append=lambda act, what: acts.append((act, what)))
    corroborating.enter(ledger, ended())
    ((act, what),) = acts
    assert (act, [list(row) for row in what["rows"]]) == ("corroborated", [[1, "r1", event_id(1)]])
