from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from amberlight.model.signals import Signal, Suspicion
from amberlight.response import watch
from amberlight.response.watch import PAUSE_S, Ears, Watcher, successor

START = datetime(2026, 3, 1, tzinfo=UTC)


class Time:
    def __init__(self):
        self.seconds = 100.0

    def now(self):
        return START + timedelta(seconds=self.seconds)

    def monotonic(self):
        return self.seconds

    def sleep(self, seconds):
        self.seconds += max(0.0, seconds)


class Door:
    def __init__(self, clock, pages=(), messages=()):
        self.clock, self.pages, self.messages, self.calls = clock, list(pages), list(messages), []

    def call(self, operation, *, region=None, **parameters):
        self.calls.append((operation, region, self.clock.monotonic(), parameters))
        if operation == "cloudtrail.LookupEvents":
            return self.pages.pop(0) if self.pages else {"Events": []}
        if operation == "sqs.ReceiveMessage":
            return {"Messages": [self.messages.pop(0)]} if self.messages else {}
        return {}


class Judge:
    def __init__(self):
        self.events, self.added, self.found = [], [], ()

    def observe(self, events):
        self.events += events
        return [signal(event.id) for event in events]

    def add(self, one):
        self.added.append(one)

    def suspicions(self):
        return self.found


class Book:
    def __init__(self):
        self.kept, self.suspicions, self.done = [], [], []

    def record_signals(self, signals):
        self.kept += [one for one in signals if one not in self.kept]

    def signals(self):
        return tuple(self.kept)

    def record_act(self, act):
        self.done.append(act)

    def acts(self):
        return tuple(self.done)

    def record_suspicions(self, suspicions):
        self.suspicions.append(suspicions)


def signal(name):
    return Signal(id=f"sig-{name}", source="rule.x", title="x", when=START)


def suspicion(*ids, page=True, score=90.0, resources=()):
    return Suspicion(
        id="s",
        page=page,
        severity="high",
        score=score,
        principals=(),
        addresses=(),
        first=START,
        last=START,
        techniques=(),
        reasons=(),
        event_ids=ids,
        resources=resources,
    )


def item(name):
    text = f'{{"eventID":"{name}","eventName":"X","eventSource":"s3.amazonaws.com","eventTime":"2026-03-01T00:00:00Z"}}'
    return {"EventId": name, "EventTime": START, "CloudTrailEvent": text}


def page(*names, more=False):
    return {"Events": [item(name) for name in names], **({"NextToken": "t"} if more else {})}


def watcher(pages=(), messages=(), regions=("us-east-1",), url=""):
    clock = Time()
    door, queue, judge, book, told = Door(clock, pages), Door(clock, messages=messages), Judge(), Book(), []
    ears = Ears(subject=door, regions=regions, queue=queue, queue_url=url)
    made = Watcher(ears, judge, book, clock=clock, since=START, tell=lambda *what: told.append(what))
    return made, door, queue, judge, book, told


def test_calls_of_a_region_stay_below_two_a_second():
    made, door, *_ = watcher(pages=[page("a", more=True), page("b", more=True), page("c")])
    made.poll()
    made.poll()
    times = [when for _, _, when, _ in door.calls]
    assert len(times) == 4
    assert all(later - earlier >= PAUSE_S - 1e-9 for earlier, later in pairwise(times))


def test_an_event_is_judged_once_and_a_look_stops_where_it_joins_what_is_known():
    made, door, _, judge, book, told = watcher(pages=[page("a"), page("b", "a", more=True), page("never asked for")])
    made.poll()
    made.poll()
    assert [event.id for event in judge.events] == ["a", "b"]
    assert len(door.calls) == 2
    assert [one.id for one in book.kept] == ["sig-a", "sig-b"]
    assert [name for name, _ in told] == ["noticed", "noticed"]


def test_late_events_below_known_ones_are_found_by_the_sweep():
    made, _, _, judge, *_ = watcher(pages=[page("b"), page("b", more=True), page("late")])
    made.poll()
    made._clock.seconds += watch.SWEEP_S
    made.poll()
    assert [event.id for event in judge.events] == ["b", "late"]


def test_alarms_leave_the_queue_once_they_are_signals():
    alarm = {
        "Body": '{"AlarmName":"many","AlarmArn":"arn:aws:cloudwatch:us-east-1:111122223333:alarm:many",'
        '"NewStateValue":"ALARM","StateChangeTime":"2026-03-01T00:00:00.000+0000","AWSAccountId":"111122223333"}',
        "ReceiptHandle": "r",
    }
    made, _, queue, judge, *_ = watcher(messages=[alarm], url="https://queue")
    made.poll()
    assert judge.added[0].source == "intake.cloudwatch_alarm"
    assert [name for name, *_ in queue.calls] == ["sqs.ReceiveMessage", "sqs.DeleteMessage"]


def test_a_message_that_nobody_can_read_is_kept_before_it_leaves_the_queue():
    broken = {"Body": "{", "ReceiptHandle": "r", "MessageId": "m"}
    made, _, queue, judge, book, _ = watcher(messages=[broken], url="https://queue")
    order = []
    record, call = book.record_signals, queue.call
    book.record_signals = lambda signals: (order.append("kept"), record(signals))
    queue.call = lambda operation, **more: (order.append(operation), call(operation, **more))[1]
    made.poll()
    assert order[:3] == ["sqs.ReceiveMessage", "kept", "sqs.DeleteMessage"]
    assert [one.source for one in book.kept] == ["intake.unreadable"]
    assert book.kept[0].raw == broken
    assert judge.added == book.kept


def test_what_people_hand_in_reaches_the_judge_within_a_sweep():
    made, _, _, judge, book, _ = watcher()
    made.poll()
    book.kept.append(Signal(id="sig-p", source="intake.person", title="x", when=START))
    book.kept.append(signal("own"))
    made.poll()
    assert not judge.added
    made._clock.sleep(watch.SWEEP_S)
    made.poll()
    made.poll()
    assert [one.id for one in judge.added] == ["sig-p"]


def test_when_a_suspicion_was_noticed_is_noted_once():
    made, _, _, judge, book, _ = watcher(pages=[page("a"), page("b"), page("c")])
    judge.found = (suspicion("a"),)
    for _ in range(3):
        made.poll()
    assert [(act.about, act.verb) for act in book.done] == [("s", "noticed")]


def test_watching_ends_at_the_limit_when_nothing_pages():
    made, _, _, judge, *_ = watcher()
    judge.found = (suspicion("a", page=False),)
    assert made.until_page(5.0) is None


def test_a_paging_suspicion_ends_the_watch():
    made, _, _, judge, *_ = watcher()
    judge.found = (suspicion("a"),)
    assert made.until_page(5.0) is judge.found[0]


def test_settled_means_that_nothing_joined_for_a_while():
    made, _, _, judge, *_ = watcher()
    judge.found = (suspicion("a", "b", resources=("user/x@us-east-1",)),)
    start = made._clock.monotonic()
    grown = made.until_settled(suspicion("a"), quiet_s=2.0, limit_s=30.0)
    assert grown.event_ids == ("a", "b")
    assert 2.0 <= made._clock.monotonic() - start < 6.0


def test_one_that_never_settles_is_taken_at_the_limit():
    made, _, _, judge, *_ = watcher()
    judge.suspicions = lambda: (suspicion("a", str(made._clock.monotonic())),)
    start = made._clock.monotonic()
    made.until_settled(suspicion("a"), quiet_s=2.0, limit_s=10.0)
    assert made._clock.monotonic() - start == pytest.approx(10.0, abs=1.0)


def test_a_suspicion_is_followed_through_a_merge():
    old, other = suspicion("a", "b"), suspicion("z", score=100.0)
    merged = suspicion("a", "b", "c")
    assert successor(old, (other, merged)) is merged
    assert successor(old, ()) is old
