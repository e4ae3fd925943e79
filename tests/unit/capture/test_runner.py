"""Running a plan: every item ends as evidence or gap, and nothing is taken or entered twice."""

import hashlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from amberlight._aws import Sessions
from amberlight.capture import planner, runner
from amberlight.capture.context import Stopped
from amberlight.model.errors import (
    ConfigError,
    CredentialsError,
    DeliveryError,
    Denied,
    IntegrityError,
    NotPossible,
    Undeclared,
    Unreachable,
)
from amberlight.model.evidence import ApiCall, Bytes, Call, Delivered, Evidence, Held, Missing, Stream
from amberlight.model.response_plan import CaptureLimits
from amberlight.model.signals import Target

from .conftest import ACCOUNT, INSTANCE, NOW, WHOLE, make_case, make_source


def plan_of(catalogue, *targets, **more):
    return planner.plan(
        make_case(*(targets or (WHOLE,))),
        catalogue,
        CaptureLimits(max_seen=4),
        regions=("us-east-1",),
        since=NOW - timedelta(days=1),
        until=NOW,
        now=NOW,
        **more,
    )


class Watched:
    """Runs plans on a station, and keeps the events."""

    def __init__(self, station):
        self.station, self.events = station, []

    def run(self, *sources, targets=(), plan=None):
        catalogue = {source.id: source for source in sources}
        plan = plan or plan_of(catalogue, *targets)
        return runner.run(plan, catalogue, self.station, on_event=lambda *event: self.events.append(event))

    def acts(self, *which):
        return [entry for entry in self.station.ledger.entries() if entry.act in which]


@pytest.fixture
def watched(station):
    return Watched(station)


def yielding(*artifacts, name="config.inventory", error=None, **more):
    def capture(context):
        yield from artifacts
        if error:
            raise error

    return make_source(name, capture, **more)


def test_a_step_is_sealed_and_entered(watched, store):
    outcome = watched.run(yielding(Bytes(path="a/b.json", data=b"{1}", facts={"pages": 2})))

    (evidence,) = outcome.evidence
    assert outcome.gaps == ()
    assert evidence.path == f"{ACCOUNT}/us-east-1/config.inventory/account-{ACCOUNT}/a/b.json"
    assert evidence.key == f"cases/c-7f3a/evidence/{evidence.path}"
    assert evidence.sha256 == hashlib.sha256(b"{1}").hexdigest()
    assert evidence.facts == {"pages": 2}
    assert evidence.kind == "drill"
    assert b"".join(store.read(store.find(evidence.key))) == b"{1}"
    entries = watched.station.ledger.entries()
    assert [entry.act for entry in entries] == ["planned", "intended", "acquired"]
    assert msgspec.convert(entries[2].what, Evidence) == evidence
    assert entries[1].what["source"] == "config.inventory"
    assert [name for name, _ in watched.events] == ["planned", "started", "acquired", "done"]


def test_streams_are_piped_and_held_things_described(watched, store):
    def pieces():
        yield b"x" * 1000
        yield b"y"

    held = Held(
        path="snap.json", arn="arn:aws:ec2:us-east-1:333333333333:snapshot/snap-1", description={"SnapshotId": "s"}
    )
    outcome = watched.run(yielding(Stream(path="log", chunks=pieces()), held))

    stream, snapshot = outcome.evidence
    assert stream.size_bytes == 1001
    assert snapshot.held_arn == held.arn
    assert b'"SnapshotId": "s"' in b"".join(store.read(store.find(snapshot.key)))


def test_each_item_has_the_calls_made_for_it(watched):
    def capture(context):
        for number in range(3):
            for operation in ["ec2.A"] * number:
                context.aws.journal.add(
                    ApiCall(
                        operation=operation,
                        principal="p",
                        account=ACCOUNT,
                        region="r",
                        when=NOW,
                        took_ms=1.0,
                        status=200,
                    )
                )
            yield Bytes(path=f"{number}", data=b"x")

    outcome = watched.run(make_source(capture=capture))
    assert [len(evidence.calls) for evidence in outcome.evidence] == [0, 1, 2]
    assert [evidence.calls_made for evidence in outcome.evidence] == [0, 1, 2]


def called(context, operation, number):
    context.aws.journal.add(
        ApiCall(operation=operation, principal="p", account=ACCOUNT, region="r", when=NOW, took_ms=1.0, status=200,
                request_id=f"{operation}-{number}")
    )  # fmt: skip


def ids(entry):
    return [call["request_id"] for call in entry.what["calls"]]


CHANGING = (
    Call(operation="ec2.DescribeSnapshots", actions=("ec2:DescribeSnapshots",)),
    Call(operation="ec2.CreateSnapshots", actions=("ec2:CreateSnapshots",), mutates=True),
)


def test_many_reads_are_counted_and_the_first_listed_but_every_change(watched):
    def capture(context):
        for number in range(250):
            called(context, "ec2.DescribeSnapshots", number)
            if number % 2:
                called(context, "ec2.CreateSnapshots", number)
        yield Bytes(path="x", data=b"x")

    (evidence,) = watched.run(make_source(capture=capture, calls=CHANGING)).evidence
    listed = [call.operation for call in evidence.calls]
    assert (evidence.calls_made, listed.count("ec2.DescribeSnapshots"), listed.count("ec2.CreateSnapshots")) == (
        375,
        100,
        125,
    )
    assert [call.request_id for call in evidence.calls[:3]] == [
        "ec2.DescribeSnapshots-0",
        "ec2.DescribeSnapshots-1",
        "ec2.CreateSnapshots-1",
    ]


def test_a_gap_names_the_calls_that_led_to_it_and_the_rest_is_entered_too(watched):
    def capture(context):
        called(context, "ec2.A", 1)
        yield Missing(what="x", state="denied", reason="no")
        called(context, "ec2.A", 2)
        yield Bytes(path="x", data=b"x")
        called(context, "ec2.B", 3)
        called(context, "ec2.B", 4)

    watched.run(make_source(capture=capture))
    assert [(entry.act, ids(entry)) for entry in watched.station.ledger.entries()[2:]] == [
        ("missed", ["ec2.A-1"]),
        ("acquired", ["ec2.A-2"]),
        ("called", ["ec2.B-3", "ec2.B-4"]),
    ]


@pytest.mark.parametrize("error", [CredentialsError("over"), Stopped()])
def test_what_a_broken_off_step_asked_is_entered_and_the_next_attempt_adds_its_own(watched, error):
    attempts = []

    def capture(context):
        attempts.append(1)
        called(context, "ec2.CreateSnapshots", len(attempts))
        if len(attempts) == 1:
            raise error
        yield Bytes(path="x", data=b"x")

    source = make_source(capture=capture, calls=CHANGING)
    plan = plan_of({source.id: source})
    with pytest.raises((CredentialsError, Stopped)):
        watched.run(source, plan=plan)
    (entry,) = watched.acts("called")
    assert ids(entry) == ["ec2.CreateSnapshots-1"]


def test_a_gap_that_is_met_again_is_entered_once_and_its_calls_each_time(watched):
    attempts = []

    def capture(context):
        attempts.append(1)
        called(context, "ec2.A", len(attempts))
        yield Missing(what="x", state="denied", reason="no")
        if len(attempts) == 1:
            raise CredentialsError("over")
        yield Bytes(path="x", data=b"x")

    source = make_source(capture=capture)
    plan = plan_of({source.id: source})
    with pytest.raises(CredentialsError):
        watched.run(source, plan=plan)
    watched.run(source, plan=plan)
    assert [ids(entry) for entry in watched.acts("missed")] == [["ec2.A-1"]]
    assert [ids(entry) for entry in watched.acts("called")] == [["ec2.A-2"]]


@pytest.mark.parametrize(
    "error,state,text",
    [
        (Denied("ec2.X was denied", 'Allow "ec2:X".'), "denied", 'Allow "ec2:X".'),
        (Unreachable("no answer"), "unreachable", "no answer"),
        (Unreachable("slow", aws_code="ThrottlingException"), "throttled", "slow"),
        (NotPossible("no tool"), "not-possible", "no tool"),
        (NotPossible("x", aws_code="InvalidInstanceID.NotFound"), "gone", "x"),
        (DeliveryError("full"), "failed", "DeliveryError: full"),
        (Undeclared("ec2.X is not declared"), "failed", "Undeclared"),
        (ValueError("odd"), "failed", "ValueError: odd"),
        (RecursionError("deep"), "failed", "RecursionError"),
    ],
)
def test_each_failure_is_a_gap_and_spoils_nothing_else(watched, error, state, text):
    outcome = watched.run(
        yielding(Bytes(path="before", data=b"x"), error=error, name="identity.authorization"),
        yielding(Bytes(path="other", data=b"y")),
    )

    assert sorted(evidence.path.rpartition("/")[2] for evidence in outcome.evidence) == ["before", "other"]
    (gap,) = outcome.gaps
    assert (gap.source, gap.state, gap.account) == ("identity.authorization", state, ACCOUNT)
    assert text in gap.reason
    (entry,) = watched.acts("missed")
    assert entry.what["reason"] == gap.reason


def test_a_source_that_fails_before_it_yields_is_a_gap(watched):
    def capture(context):
        raise KeyError("x")

    assert watched.run(make_source(capture=capture)).gaps[0].state == "failed"
    assert watched.run(make_source("config.other", capture=lambda context: None)).gaps[0].state == "failed"


def test_nothing_is_a_gap_too(watched):
    assert watched.run(yielding()).gaps[0].state == "empty"


def test_what_a_source_says_is_missing_is_a_gap(watched):
    outcome = watched.run(
        yielding(Missing(what="eu-west-1", state="disabled", reason="off"), Bytes(path="a", data=b""))
    )

    assert [(gap.state, gap.reason) for gap in outcome.gaps] == [("disabled", "eu-west-1: off")]
    assert len(outcome.evidence) == 1


def test_an_item_that_breaks_off_is_a_gap_and_the_next_is_taken(watched, store):
    def broken():
        yield b"half"
        raise Unreachable("broke off")

    outcome = watched.run(yielding(Stream(path="a", chunks=broken()), Bytes(path="b", data=b"y")))

    assert [gap.state for gap in outcome.gaps] == ["unreachable"]
    assert [evidence.path[-1] for evidence in outcome.evidence] == ["b"]
    assert [line.key[-1] for line in store.listing("cases/c-7f3a/evidence/")] == ["b"]


def test_hostile_names_stay_inside_and_apart(watched, tmp_path):
    paths = ["../../../escape", "a\x00b", "same", "Same", "same", "x/../same", "n" * 3000]
    target = Target(type="bucket", account=ACCOUNT, region="us-east-1", name="../../..")
    source = yielding(*(Bytes(path=path, data=path.encode()) for path in paths), takes=("bucket",))

    outcome = watched.run(source, targets=(target,))

    assert outcome.gaps == ()
    found = [evidence.path for evidence in outcome.evidence]
    assert len({path.casefold() for path in found}) == len(paths)
    assert all(".." not in path.split("/") and path.isprintable() and len(path) < 1000 for path in found)
    assert len({evidence.id for evidence in outcome.evidence}) == len(paths)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["engine.sqlite", "key.pem", "vault"]


def delivering(data, **said):
    def capture(context):
        slot_key = f"cases/c-7f3a/evidence/{ACCOUNT}/us-east-1/memory.linux_process/instance-{INSTANCE.name}/m.tar"
        context.vault_aws.answer(slot_key, data)
        fields = {"sha256": hashlib.sha256(data).hexdigest(), "size_bytes": len(data), "key": slot_key} | said
        yield Delivered(path="m.tar", **fields)

    return make_source("memory.linux_process", capture, takes=("instance",))


@pytest.fixture
def host_delivers(station, store):
    station.vault_door.answer = lambda key, data: store.put(key, [data])


@pytest.mark.usefixtures("host_delivers")
def test_a_delivery_is_checked_on_our_side(watched):
    outcome = watched.run(delivering(b"memory"), targets=(INSTANCE,))

    (evidence,) = outcome.evidence
    assert evidence.path.endswith("/m.tar")
    assert evidence.facts == {"host_hash_agrees": True}


@pytest.mark.usefixtures("host_delivers")
def test_a_host_that_lies_cannot_stop_the_capture(watched):
    outcome = watched.run(
        delivering(b"memory", sha256="0" * 64), yielding(Bytes(path="a", data=b"x")), targets=(INSTANCE, WHOLE)
    )

    lied = next(evidence for evidence in outcome.evidence if evidence.source == "memory.linux_process")
    assert lied.sha256 == hashlib.sha256(b"memory").hexdigest()
    assert lied.facts["host_hash_agrees"] is False
    assert [gap.state for gap in outcome.gaps] == ["failed"]
    assert len(outcome.evidence) == 2


@pytest.mark.usefixtures("host_delivers")
def test_a_delivery_elsewhere_is_not_taken_over(watched, store):
    store.put("cases/other/evidence/x", [b"x"])

    outcome = watched.run(delivering(b"memory", key="cases/other/evidence/x"), targets=(INSTANCE,))

    (gap,) = outcome.gaps
    assert "is no slot of this step" in gap.reason


def test_a_step_gets_declared_calls_only(watched):
    seen = {}

    def capture(context):
        seen.update(subject=context.aws.allowed, vault=context.vault_aws.allowed, token=context.token())
        return iter(())

    calls = (
        Call(operation="ec2.CreateSnapshots", actions=("ec2:CreateSnapshots",), mutates=True),
        Call(operation="ec2.CopySnapshot", actions=("ec2:CopySnapshot",), account="vault"),
    )
    source = make_source("disk.ebs_snapshot", capture, calls=calls)
    watched.run(source)

    token = plan_of({source.id: source}).steps[0].token
    assert seen == {
        "subject": frozenset({"ec2.CreateSnapshots"}),
        "vault": frozenset({"ec2.CopySnapshot"}),
        "token": token,
    }


def test_an_account_without_a_door_is_a_gap(watched):
    far = Target(type="account", account="2" * 12, region="us-east-1", name="2" * 12)

    outcome = watched.run(yielding(Bytes(path="a", data=b"x")), targets=(WHOLE, far))

    assert [(gap.account, gap.state) for gap in outcome.gaps] == [("2" * 12, "not-possible")]
    assert len(outcome.evidence) == 1


def test_a_host_may_not_deliver_where_no_upload_is_set_up(watched):
    def capture(context):
        context.slot("x").run("", {}, timeout=timedelta(seconds=1))
        yield

    assert watched.run(make_source(capture=capture)).gaps[0].state == "not-possible"


def test_what_the_limits_leave_out_is_entered_once(watched):
    source = yielding(Bytes(path="a", data=b"x"))
    plan = plan_of({source.id: source, "packets.tcpdump": replace(source, id="packets.tcpdump")}, skip=("packets",))

    for _ in range(2):
        outcome = watched.run(source, plan=plan)
        assert [gap.state for gap in outcome.gaps] == ["skipped"]
    assert len(watched.acts("missed")) == 1
    assert len(watched.acts("planned")) == 1


def test_a_changed_plan_and_an_unknown_source_are_refused(watched):
    source = yielding(Bytes(path="a", data=b"x"))
    plan = plan_of({source.id: source})

    with pytest.raises(IntegrityError):
        watched.run(source, plan=msgspec.structs.replace(plan, max_seen=4, case="c-other"))
    with pytest.raises(ConfigError, match=r"config\.inventory"):
        watched.run(plan=plan)
    assert watched.station.ledger.entries() == ()


def test_a_finished_plan_is_not_run_again(watched):
    source = yielding(Bytes(path="a", data=b"x"))
    first = watched.run(source)
    entries = len(watched.station.ledger.entries())

    again = watched.run(yielding(error=AssertionError("ran again")))

    assert (again.evidence, again.gaps) == (first.evidence, first.gaps)
    assert (first.resumed, again.resumed) == (0, 1)
    assert len(watched.station.ledger.entries()) == entries


@pytest.mark.parametrize("error", [CredentialsError("expired", "Renew."), IntegrityError("changed")])
def test_lost_credentials_and_broken_seals_end_the_run_and_it_goes_on_later(watched, error):
    names = ("a.first", "b.second", "c.third")
    watched.station = replace(watched.station, workers=1)
    fine = [yielding(Bytes(path=name, data=b"x"), name=name) for name in names]
    broken = [fine[0], yielding(Bytes(path="half", data=b"h"), name=names[1], error=error), fine[2]]

    with pytest.raises(type(error)) as raised:
        watched.run(*broken)
    assert "third" not in str([entry.what for entry in watched.acts("intended")])
    if isinstance(error, CredentialsError):
        assert "1 of 3 steps are done" in raised.value.fix
    outcome = watched.run(*fine)

    assert outcome.gaps == ()
    assert sorted(evidence.path.rpartition("/")[2] for evidence in outcome.evidence) == [
        "a.first",
        "b.second",
        "c.third",
        "half",
    ]
    assert len(watched.acts("acquired")) == 4
    assert [entry.what["attempt"] for entry in watched.acts("intended")] == [1, 1, 2, 1]


def test_stored_but_not_entered_is_adopted_and_not_taken_twice(watched, store, monkeypatch):
    """A crash after the store took an item and before the ledger did."""
    ledger = watched.station.ledger
    append = ledger.append

    def crash(act, what):
        if act == "acquired":
            raise IntegrityError("crash")
        return append(act, what)

    monkeypatch.setattr(ledger, "append", crash)
    with pytest.raises(IntegrityError):
        watched.run(yielding(Bytes(path="a", data=b"as it was")))
    monkeypatch.undo()

    outcome = watched.run(yielding(Stream(path="a", chunks=unread()), Bytes(path="b", data=b"y")))

    first, second = outcome.evidence
    assert first.sha256 == hashlib.sha256(b"as it was").hexdigest()
    assert first.facts == {"stored_by_earlier_attempt": True}
    assert second.facts == {}
    assert len(watched.acts("acquired")) == 2


def unread():
    raise AssertionError("taken twice")
    yield


def test_what_a_broken_attempt_stored_is_listed_though_it_is_not_yielded_again(watched, monkeypatch):
    ledger = watched.station.ledger
    append = ledger.append
    monkeypatch.setattr(ledger, "append", lambda act, what: append(act, what) if act != "acquired" else next(unread()))
    with pytest.raises(AssertionError):
        watched.run(yielding(Bytes(path="a", data=b"as it was")))
    monkeypatch.undo()

    outcome = watched.run(yielding(error=Denied("no more")))

    assert [evidence.facts for evidence in outcome.evidence] == [
        {"stored_by_earlier_attempt": True, "yielded_again": False}
    ]
    assert [gap.state for gap in outcome.gaps] == ["denied"]


def test_quick_steps_do_not_wait_for_slow_ones(watched):
    watched.station = replace(watched.station, workers=2)
    slow_may_end, order = threading.Event(), []

    def slow(context):
        yield Bytes(path="s", data=b"x")
        assert slow_may_end.wait(10)
        order.append("slow")

    def quick(name):
        def capture(context):
            yield Bytes(path=name, data=b"x")
            order.append(name)
            if name == "c.quick":
                slow_may_end.set()

        return make_source(name, capture)

    first = make_source("a.slow", slow, gone_after=timedelta(seconds=1))
    watched.run(first, quick("b.quick"), quick("c.quick"))

    assert order == ["b.quick", "c.quick", "slow"]


def test_an_interruption_reaches_steps_that_wait(watched):
    waiting = threading.Event()

    def wait_for_ever(context):
        while True:
            waiting.set()
            context.sleep(1)
        yield

    def interrupted(context):
        # Not in the listener: events are told one at a time, and the other step must be able to tell that it began.
        assert waiting.wait(10)
        raise KeyboardInterrupt
        yield

    steps = (("a.waits", wait_for_ever), ("b.interrupted", interrupted))
    sources = {name: make_source(name, capture) for name, capture in steps}
    with pytest.raises(KeyboardInterrupt):
        runner.run(plan_of(sources), sources, watched.station, on_event=lambda _name, _record: None)
    assert watched.acts("acquired", "missed") == []


def test_a_real_door_is_narrowed_and_speaks_in_the_targets_region(watched):
    sessions = Sessions(region="us-east-1")
    door = sessions.door(ACCOUNT)
    watched.station = replace(watched.station, subject_doors={ACCOUNT: door})
    seen = []

    def capture(context):
        seen.append(context.aws.region)
        context.aws.call("iam.CreateUser")
        yield

    far = Target(type="account", account=ACCOUNT, region="eu-west-1", name=ACCOUNT)
    outcome = watched.run(make_source(capture=capture), targets=(far,))

    assert seen == ["eu-west-1"]
    assert door.region == "us-east-1"
    assert "Undeclared: iam.CreateUser" in outcome.gaps[0].reason


WORKER = """
    import os, sys, time
    from pathlib import Path
    sys.path.insert(0, sys.argv[1])
    from capture.conftest import *
    from capture.test_runner import plan_of
    from amberlight._aws import SystemClock
    from amberlight.capture import runner
    from amberlight.model.evidence import Bytes

    folder, slow = Path(sys.argv[2]), float(sys.argv[3])
    store = FolderStore(folder / "vault", SystemClock())
    station = Station(
        sessions=None, subject_doors={ACCOUNT: FakeDoor()}, vault_door=FakeDoor("333333333333"), store=store,
        ledger=make_ledger(folder, store, SystemClock()), clock=SystemClock(),
        engine=Engine(f"sqlite:///{folder}/engine.sqlite"), workers=2,
    )

    def capture(context):
        for number in range(6):
            with open(folder / "log", "a") as log:
                log.write(".")
            time.sleep(slow)
            yield Bytes(path=f"{number}.json", data=f"{os.getpid()}".encode())

    sources = {name: make_source(name, capture) for name in ("a.one", "b.two", "c.three", "d.four")}
    outcome = runner.run(plan_of(sources), sources, station, on_event=lambda *event: None)
    assert len(outcome.evidence) == 24 and not outcome.gaps
    acquired = [entry.what["key"] for entry in station.ledger.entries() if entry.act == "acquired"]
    assert len(acquired) == len(set(acquired)) == 24, acquired
    assert sorted(acquired) == sorted(line.key for line in store.listing("cases/c-7f3a/evidence/"))
"""


@pytest.mark.parametrize("items", [3, 11, 19])
def test_killed_at_any_moment_it_goes_on_with_each_item_once(tmp_path, items):
    script = tmp_path / "worker.py"
    script.write_text(textwrap.dedent(WORKER))
    here = Path(__file__).parents[1]
    log = tmp_path / "log"
    process = subprocess.Popen([sys.executable, script, here, tmp_path, "0.03"])
    for _ in range(1000):
        if log.exists() and log.stat().st_size >= items:
            break
        time.sleep(0.01)  # noqa: TID251 - another process works meanwhile
    os.kill(process.pid, signal.SIGKILL)
    process.wait()

    subprocess.run([sys.executable, script, here, tmp_path, "0"], check=True)
