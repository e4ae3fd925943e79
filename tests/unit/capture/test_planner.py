"""Plans: order, limits, hash, and the same for the same input."""

from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amberlight.capture import planner
from amberlight.model.codec import dumps, loads
from amberlight.model.errors import ConfigError, IntegrityError
from amberlight.model.evidence import CapturePlan, Cost, Need
from amberlight.model.response_plan import CaptureLimits
from amberlight.model.signals import Target

from .conftest import ACCOUNT, INSTANCE, NOW, WHOLE, make_case, make_source


def plan(catalogue, *targets, limits=None, regions=("us-east-1",), **more):
    return planner.plan(
        make_case(*(targets or (INSTANCE, WHOLE))),
        catalogue,
        limits or CaptureLimits(),
        regions=regions,
        since=NOW - timedelta(days=1),
        until=NOW,
        now=NOW,
        **more,
    )


def catalogue(*sources):
    return {source.id: source for source in sources}


# Zero is the most volatile of all, and must not be taken for none.
MEMORY = make_source("memory.linux_process", takes=("instance",), gone_after=timedelta(0), seen=3)
PACKETS = make_source("packets.tcpdump", takes=("instance",), gone_after=timedelta(0), seen=1)
DISK = make_source("disk.ebs_snapshot", takes=("instance",), gone_after=timedelta(hours=1), seen=2)
LOGS = make_source("api_calls.trail_files", cost=Cost(usd=30.0, basis="x"))
ALL = catalogue(LOGS, DISK, MEMORY, PACKETS)


def test_most_volatile_first_and_quietest_first_among_equals():
    made = plan(ALL, approved_seen=3)

    assert [step.source for step in made.steps] == [PACKETS.id, MEMORY.id, DISK.id, LOGS.id]
    assert [step.order for step in made.steps] == [1, 2, 3, 4]
    assert made.max_seen == 3


def test_hosts_are_touched_only_on_somebodys_word():
    made = plan(ALL)

    assert MEMORY.id not in [step.source for step in made.steps]
    (gap,) = made.gaps
    assert (gap.source, gap.state, gap.target) == (MEMORY.id, "skipped", INSTANCE.label)
    assert "the host is touched" in gap.reason
    assert plan(ALL, limits=CaptureLimits(max_seen=3)).gaps == ()


def test_approval_never_lowers_the_limit():
    assert plan(ALL, limits=CaptureLimits(max_seen=3), approved_seen=1).max_seen == 3


def test_money_has_a_limit():
    made = plan(catalogue(LOGS), WHOLE, limits=CaptureLimits(max_usd=29.0))

    assert made.steps == ()
    assert "30.00 USD" in made.gaps[0].reason


def test_regions_have_a_limit():
    limits = CaptureLimits(regions=("us-east-1",))
    far = Target(type="instance", account=ACCOUNT, region="eu-west-1", name="i-1")

    made = plan(ALL, INSTANCE, far, limits=limits, regions=("us-east-1", "eu-west-1"))

    assert made.regions == ("us-east-1",)
    assert {step.target.region for step in made.steps} == {"us-east-1"}
    assert {gap.region for gap in made.gaps if gap.source in ("*", DISK.id)} == {"eu-west-1"}


def test_a_person_may_choose_and_what_is_left_out_is_said():
    made = plan(ALL, only=("disk",))

    assert [step.source for step in made.steps] == [DISK.id]
    assert {gap.source for gap in made.gaps} == {MEMORY.id, PACKETS.id, LOGS.id}
    assert [step.source for step in plan(ALL, skip=(DISK.id, "packets")).steps] == [LOGS.id]


def test_a_misspelt_source_is_an_error_with_a_proposal():
    with pytest.raises(ConfigError) as error:
        plan(ALL, only=("memry",))
    assert "memory" in error.value.fix


def test_a_window_ends_after_it_starts():
    with pytest.raises(ConfigError):
        planner.plan(make_case(WHOLE), ALL, CaptureLimits(), regions=(), since=NOW, until=NOW - timedelta(1), now=NOW)


def test_a_changed_plan_is_refused():
    made = plan(ALL)
    planner.check(loads(dumps(made), CapturePlan))
    for changed in ({"steps": made.steps[1:]}, {"case": "c-other"}, {"kind": "incident"}, {"hash": "0" * 64}):
        with pytest.raises(IntegrityError):
            planner.check(msgspec.structs.replace(made, **changed))
    with pytest.raises(IntegrityError):
        planner.check(msgspec.structs.replace(made, schema="amberlight.capture-plan/2"))


def test_step_names_are_opaque_stable_and_differ():
    one, again = plan(ALL), plan(catalogue(DISK))

    names = {step.source: (step.id, step.token) for step in one.steps}
    assert names[DISK.id] == (again.steps[0].id, again.steps[0].token)
    assert len({name for pair in names.values() for name in pair}) == 2 * len(one.steps)
    assert all(step.token.isalnum() and len(step.token) <= 64 for step in one.steps)
    other = planner.plan(
        make_case(INSTANCE, name="c-2"), ALL, CaptureLimits(), regions=(), since=NOW, until=NOW, now=NOW
    )
    assert not {step.id for step in one.steps} & {step.id for step in other.steps}


def test_a_plan_says_what_can_be_seen_and_what_must_hold():
    source = make_source(
        "host.linux_triage", takes=("instance",), seen=3, seen_text="a command runs", leaves=("a log line",),
        needs=(Need(text="The agent runs.", fix="Start it."),),
    )  # fmt: skip
    made = plan(catalogue(source), approved_seen=3)

    history, host = made.visible
    assert ACCOUNT in history.where
    assert "ec2.DescribeInstances" in history.what
    assert INSTANCE.name in host.where
    assert "a command runs" in host.what
    assert "a log line" in host.until
    assert made.steps[0].needs == ({"need": "The agent runs.", "met": None, "fix": "Start it."},)


def test_rows_are_safe_to_show():
    hostile = Target(type="instance", account=ACCOUNT, region="us-east-1", name="i-\x1b[2J\u202e")

    rows = planner.describe(plan(ALL, hostile))

    assert all(row.target.isprintable() for row in rows)


targets = st.lists(
    st.builds(
        Target,
        type=st.sampled_from(["account", "instance", "bucket"]),
        account=st.sampled_from(["1" * 12, "2" * 12]),
        region=st.sampled_from(["us-east-1", "eu-west-1", "global"]),
        name=st.text(max_size=8),
    ),
    max_size=8,
)


@given(targets, st.integers(0, 4), st.floats(0, 100), st.randoms())
def test_every_pair_is_a_step_or_a_gap_and_order_of_input_does_not_matter(some, seen, usd, random):
    limits = CaptureLimits(max_seen=seen, max_usd=usd, regions=("us-east-1",))
    mixed, sources = list(some), list(ALL.values())
    random.shuffle(mixed)
    random.shuffle(sources)

    made = plan(ALL, *some, WHOLE, limits=limits)

    assert made == plan(catalogue(*sources), *mixed, WHOLE, limits=limits)
    expected = {(s.id, t.account, t.label) for s in sources for t in {*some, WHOLE} if t.type in s.takes}
    steps = [(step.source, step.target.account, step.target.label) for step in made.steps]
    gaps = [(gap.source, gap.account, gap.target) for gap in made.gaps]
    assert sorted(steps + gaps) == sorted(expected)
    volatility = [ALL[step.source].gone_after for step in made.steps]
    kept = [after for after in volatility if after is not None]
    assert volatility == sorted(kept) + [None] * (len(volatility) - len(kept))
    assert all(step.seen <= seen for step in made.steps)
    assert sum(step.cost_usd for step in made.steps) <= usd
    assert len({step.id for step in made.steps}) == len(made.steps)
