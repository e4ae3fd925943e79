"""A source that goes on from another: planned only with it and after it, and given its items as they come."""

import threading
from datetime import timedelta

import pytest

from amberlight.capture import planner, runner
from amberlight.capture.earlier import Earlier
from amberlight.model.errors import CredentialsError
from amberlight.model.evidence import Bytes, Missing
from amberlight.model.response_plan import CaptureLimits

from .conftest import ACCOUNT, INSTANCE, NOW, WHOLE, make_case, make_source

SNAPSHOT, IMAGE = "disk.ebs_snapshot", "disk.ebs_image"


def planned(catalogue, *targets, **choice):
    return planner.plan(
        make_case(*targets), catalogue, CaptureLimits(), regions=("us-east-1",), since=NOW, until=NOW, now=NOW, **choice
    )


def both(first=None, second=None, **more):
    return {
        IMAGE: make_source(IMAGE, second, goes_on_from=(SNAPSHOT,), takes=("instance",), gone_after=timedelta(0)),
        SNAPSHOT: make_source(SNAPSHOT, first, takes=("instance",), gone_after=timedelta(hours=1), **more),
    }


def test_it_stands_after_what_it_goes_on_from_however_volatile_it_is():
    plan = planned(both(), INSTANCE)
    assert [step.source for step in plan.steps] == [SNAPSHOT, IMAGE]


@pytest.mark.parametrize("choice", [{"only": [IMAGE]}, {"skip": [SNAPSHOT]}])
def test_without_what_it_goes_on_from_it_is_a_gap_that_says_so(choice):
    plan = planned(both(), INSTANCE, **choice)
    assert plan.steps == ()
    reasons = {gap.source: gap.reason for gap in plan.gaps}
    assert reasons[IMAGE] == f"It goes on from {SNAPSHOT}, which is not in the plan."


def test_another_targets_items_are_not_given():
    other = INSTANCE.__class__(type="instance", account=ACCOUNT, region="us-east-1", name="i-0fedcba9876543210")
    steps = planned(both(), INSTANCE, other).steps
    earlier = Earlier(steps)
    (mine,) = [step for step in steps if (step.source, step.target) == (SNAPSHOT, INSTANCE)]
    earlier.ended(mine.id)
    assert earlier.look(SNAPSHOT, INSTANCE) == ((), True)
    assert earlier.look(SNAPSHOT, other) == ((), False)
    assert earlier.look(SNAPSHOT, WHOLE) == ((), True)


def test_items_are_given_as_they_come_and_end_with_the_step(station):
    seen, second_may_end = [], threading.Event()

    def first(context):
        yield Bytes(path="one", data=b"1", facts={"n": 1})
        assert second_may_end.wait(10), "the other step was not given the first item"
        yield Bytes(path="two", data=b"2", facts={"n": 2})

    def second(context):
        for evidence in context.earlier(SNAPSHOT):
            seen.append(evidence.facts["n"])
            second_may_end.set()
            yield Bytes(path=f"of-{evidence.facts['n']}", data=b"x")

    catalogue = both(first, second)
    outcome = runner.run(planned(catalogue, INSTANCE), catalogue, station, on_event=lambda *_: None)
    assert seen == [1, 2]
    assert len(outcome.evidence) == 4
    assert outcome.complete


def test_a_step_that_fails_ends_what_waits_for_it(station):
    def first(context):
        raise ValueError("odd")
        yield

    def second(context):
        found = list(context.earlier(SNAPSHOT))
        yield Missing(what="images", state="empty", reason=f"{len(found)} snapshots")

    catalogue = both(first, second)
    outcome = runner.run(planned(catalogue, INSTANCE), catalogue, station, on_event=lambda *_: None)
    assert [gap.reason for gap in outcome.gaps if gap.source == IMAGE] == ["images: 0 snapshots"]


def test_after_a_kill_what_was_sealed_before_is_given_again(station):
    ends = [CredentialsError("Keys ended.", "Renew them.")]

    def first(context):
        yield Bytes(path="one", data=b"1", facts={"n": 1})

    def second(context):
        found = [evidence.facts["n"] for evidence in context.earlier(SNAPSHOT)]
        if ends:
            raise ends.pop()
        yield Bytes(path="image", data=str(found).encode(), facts={"found": found})

    catalogue = both(first, second)
    plan = planned(catalogue, INSTANCE)
    with pytest.raises(CredentialsError) as ended:
        runner.run(plan, catalogue, station, on_event=lambda *_: None)
    assert "1 of 2 steps are done" in ended.value.fix
    outcome = runner.run(plan, catalogue, station, on_event=lambda *_: None)
    assert outcome.resumed == 1
    assert [evidence.facts["found"] for evidence in outcome.evidence if evidence.source == IMAGE] == [[1]]


def test_a_source_may_go_on_only_from_what_it_declares(station):
    def second(context):
        yield from context.earlier("config.inventory")

    catalogue = both(None, second)
    outcome = runner.run(planned(catalogue, INSTANCE), catalogue, station, on_event=lambda *_: None)
    (gap,) = [gap for gap in outcome.gaps if gap.source == IMAGE]
    assert gap.state == "failed"
    assert "does not say that it goes on from config.inventory" in gap.reason
