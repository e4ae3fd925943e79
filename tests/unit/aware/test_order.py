"""Suspicions depend on the events alone: not on their order, nor on how they were dealt to judges; shown ids stay."""

import itertools
import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from amberlight.aware import hits, memory
from amberlight.aware.intake import person
from amberlight.aware.judge import Judge
from amberlight.aware.memory import Activity, scope
from amberlight.aware.naming import HALF_DAY_S, name_of
from aware.sampling import START, call, role, user
from aware.test_judge import attack, ordinary

DAY = 86400
WEB_IDENTITY = {"type": "WebIdentityUser", "principalId": "oidc:repo", "userName": "repo:org/app"}


def several_issuers():
    """One session name whose records name several issuers, or none: as anonymised and cross-account records do."""
    for number in range(12):
        keys = role("web", "deploy", f"ASIA{number % 3}")
        keys["sessionContext"] = (
            {"sessionIssuer": {"type": "Role", "arn": f"arn:aws:iam::111122223333:role/{number % 4}/web"}}
            if number % 4
            else {}
        )
        yield call("iam:CreateUser", keys, number * 7, {"userName": f"u{number}"}, eventID=f"issuer-{number}")
        yield call(
            "iam:CreateLoginProfile", keys, number * 7 + 1, {"userName": f"u{number}"}, eventID=f"login-{number}"
        )


def crowded():
    """More uses, operations and buckets of one principal than are kept, over weeks."""
    chance = random.Random(4)  # noqa: S311
    for number in range(120):
        who = user("busy", f"AKIA{number % 9}")
        at = chance.randrange(40) * DAY + number
        address = f"198.51.{number % 5}.{number % 11}"
        name = ("s3:GetObject", "s3:ListObjects", "iam:ListUsers", "ec2:DescribeVpcs", "kms:ListKeys", "iam:CreateUser",
                "sqs:ListQueues", "sns:ListTopics")[chance.randrange(8)]  # fmt: skip
        request = {"bucketName": f"b{number % 13}", "key": str(number), "userName": f"n{number}"}
        yield call(name, who, at, request, sourceIPAddress=address, eventID=f"busy-{number}")


def instances():
    """Sessions of instances and of people under one key and address, at home and away."""
    for number in range(20):
        keys = role("worker", f"i-0123456789abcde{number % 2:02d}" if number % 5 else "someone", "ASIASAME")
        home = number % 3
        name = "ssm:UpdateInstanceInformation" if home else "s3:ListBuckets"
        yield call(name, keys, 100 + number, {}, sourceIPAddress="192.0.2.10" if home else "198.51.100.9",
                   eventID=f"inst-{number}")  # fmt: skip


def reissued():
    """One session key that two principals were given, as only recordings have it; and the acts of that session."""
    for number, name in enumerate(("ann", "bob")):
        yield call("sts:AssumeRole", user(name), 50 - number, {"roleArn": "arn:aws:iam::111122223333:role/r"},
                   responseElements={"credentials": {"accessKeyId": "ASIATWICE"}}, eventID=f"assume-{name}")  # fmt: skip
    yield call("cloudtrail:StopLogging", role("r", "s", "ASIATWICE"), 60, {"name": "t"}, eventID="reissued")


def twins():
    """Two records of one id that differ, as two deliveries of a hostile or broken log may; and acts of one second."""
    for number in range(2):
        for name in ("cloudtrail:StopLogging", "cloudtrail:DeleteTrail"):
            yield call(name, user("twin", f"AKIATWIN{number}"), 500, {"name": f"trail-{number}"}, eventID="twin")
        yield call("secretsmanager:GetSecretValue", user("twin"), 501, {"secretId": "s"}, eventID="same",
                   awsRegion=("us-east-1", "eu-west-1")[number])  # fmt: skip
    for number in range(12):
        yield call(
            "secretsmanager:GetSecretValue", user("twin"), 502, {"secretId": f"s{number}"}, eventID=f"t{number % 3}"
        )
    for number in range(2):
        keys = role("worker", "i-0123456789abcde77", "ASIASAME")
        yield call("s3:ListBuckets", keys, 700 + 90000 * number, sourceIPAddress="198.51.100.9", eventID="inst-twin")


EVENTS = [*ordinary(0, 30), *attack(20), *several_issuers(), *crowded(), *instances(), *reissued(), *twins()]


def judged(parts):
    first, *others = [Judge() for _ in parts]
    for judge, part in zip([first, *others], parts, strict=True):
        judge.take_all(part)
    for other in others:
        first.merge(other)
    return first.suspicions(), first.signals()


@settings(max_examples=60, deadline=None, phases=(Phase.explicit, Phase.generate))  # the seed says enough
@given(
    st.randoms(use_true_random=False),
    st.integers(1, 6),
    st.booleans(),
)
def test_any_split_over_any_number_of_workers_says_the_same(chance, parts, small):
    with pytest.MonkeyPatch.context() as bounds:
        if small:
            for name, most in (("MOST_USES", 5), ("MOST_OPERATIONS", 4), ("MOST_BUCKETS", 3), ("MOST_IDS", 4)):
                bounds.setattr(memory, name, most)
            bounds.setattr(hits, "MOST_ITEMS", 5)
            bounds.setattr(hits, "CUT_AT", 7)
        expected = judged([EVENTS])
        dealt = [[] for _ in range(parts)]
        for event in chance.sample(EVENTS, len(EVENTS)):
            chance.choice(dealt).append(event)
        assert judged(dealt) == expected
        # Merging in pairs and in a chain is the same, and so is what was seen twice.
        assert judged([*dealt, dealt[0]]) == expected
        assert len(expected[0]) > 3


def test_merging_is_associative():
    def state(part):
        judge = Judge()
        judge.take_all(part)
        return judge

    thirds = [EVENTS[number::3] for number in range(3)]
    left, right = state(thirds[0]), state(thirds[1])
    left.merge(state(thirds[1]))
    left.merge(state(thirds[2]))
    right.merge(state(thirds[2]))
    other = state(thirds[0])
    other.merge(right)
    assert left.suspicions() == other.suspicions()


def test_a_bound_keeps_the_latest_weeks(monkeypatch):
    monkeypatch.setattr(memory, "MOST_USES", 3)
    activity = Activity("arn:aws:iam::1:user/x", "user")
    events = [call("s3:ListBuckets", user("x", f"AKIA{n}"), n * 8 * DAY) for n in range(9)]
    for event in events:
        activity.see(event, event.actor, (event.source, event.name))
    assert [key for key, _, _ in activity.uses] == ["AKIA6", "AKIA7", "AKIA8"]
    assert (activity.span.first, activity.span.last) == (events[0].when, events[-1].when)


def test_a_use_is_one_over_all_weeks():
    activity = Activity("arn:aws:iam::1:user/x", "user")
    for day in (0, 8, 40):
        event = call("s3:ListBuckets", user("x"), day * DAY)
        activity.see(event, event.actor, (event.source, event.name))
        assert activity.span.last == event.when
    (use,) = activity.uses.values()
    assert (use.span.first, use.span.last) == (START, START + timedelta(days=40))


STORY = [*attack()][:1] + [*attack()][8:]


@pytest.mark.parametrize("seed", range(12))
def test_a_shown_id_stays_whatever_arrives_later(seed):
    """Events of one attack in any order, asked after each: nothing that was shown goes away under its name."""
    order = random.Random(seed).sample(STORY, len(STORY))  # noqa: S311
    judge, shown = Judge(), {}
    for event in order:
        judge.observe([event])
        now = judge.suspicions()
        assert len({one.id for one in now}) == len(now)
        answering = {name: one for one in now for name in (one.id, *one.earlier_ids)}
        assert set(shown) <= set(answering), "an id that was shown is nobody's any more"
        for name, ids in shown.items():
            assert ids <= set(answering[name].event_ids), "an id that was shown means something else"
        shown.update((one.id, set(one.event_ids)) for one in now)
    whole = Judge()
    whole.take_all(STORY)
    (expected,), (found,) = whole.suspicions(), judge.suspicions()
    assert found.event_ids == expected.event_ids
    assert found.id in shown


def test_an_older_event_changes_no_id():
    who = user("eve")
    late = call("cloudtrail:StopLogging", who, 600, {"name": "a"})
    early = call("iam:CreateLoginProfile", who, 0, {"userName": "bob"})
    before, after, both = Judge(), Judge(), Judge()
    before.observe([late])
    after.observe([late, early])
    both.observe([late])
    (first,) = both.suspicions()
    both.observe([early])
    (second,) = both.suspicions()
    # In another process, which never saw the younger event alone, and in the one that did.
    assert before.suspicions()[0].id == after.suspicions()[0].id == first.id == second.id
    assert second.first == early.when


def test_an_older_event_of_another_half_day_changes_no_shown_id():
    who = user("eve")
    edge = next(
        s for s in range(0, HALF_DAY_S, 60) if int((START + timedelta(seconds=s)).timestamp()) % HALF_DAY_S == 0
    )
    late = call("cloudtrail:StopLogging", who, edge + 60, {"name": "a"})
    early = call("iam:CreateLoginProfile", who, edge - 60, {"userName": "bob"})
    judge = Judge()
    judge.observe([late])
    (first,) = judge.suspicions()
    judge.observe([early])
    (second,) = judge.suspicions()
    assert second.id == first.id
    assert len(second.event_ids) == 2
    # What begins anew in that half day is something else.
    judge.observe([call("cloudtrail:StopLogging", who, edge + 5 * DAY, {"name": "a"})])
    assert len({one.id for one in judge.suspicions()}) == 2


def test_what_becomes_one_keeps_the_first_id_and_names_the_other():
    judge = Judge()
    maker, made = user("ann"), user("new", "AKIANEW")
    judge.observe([call("cloudtrail:StopLogging", maker, 60, {"name": "a"}, sourceIPAddress="192.0.2.1")])
    (first,) = judge.suspicions()
    judge.observe([call("iam:CreateLoginProfile", made, 90, {"userName": "x"}, sourceIPAddress="203.0.113.1")])
    assert len(judge.suspicions()) == 2
    (other,) = {one.id for one in judge.suspicions()} - {first.id}
    judge.observe([call("iam:CreateAccessKey", maker, 30, {"userName": "new"}, sourceIPAddress="192.0.2.1")])
    (joined,) = judge.suspicions()
    assert (joined.id, joined.earlier_ids) == (first.id, (other,))


def test_a_notice_that_is_explained_keeps_its_id():
    judge = Judge()
    arn = "arn:aws:iam::111122223333:user/eve"
    judge.add(person.INTAKE.read({"who": "x", "what": "odd", "when": START.isoformat(), "principals": [arn]}))
    (notice,) = judge.suspicions()
    judge.observe([call("cloudtrail:StopLogging", user("eve"), 60, {"name": "a"})])
    assert notice.id in {name for one in judge.suspicions() for name in (one.id, *one.earlier_ids)}


@given(st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)), st.integers(1, 10**6))  # noqa: DTZ001
def test_two_groups_of_one_owner_never_share_an_id(moment, seconds):
    first = moment.replace(tzinfo=UTC)
    second = first + timedelta(hours=12, seconds=seconds)
    assert name_of("o", first) != name_of("o", second)


@pytest.mark.parametrize("who", [WEB_IDENTITY, {"type": "AWSService", "invokedBy": "ec2.amazonaws.com"}])
def test_a_name_that_is_the_same_everywhere_is_somebody_else_in_each_account(who):
    judge = Judge()
    accounts = ("111122223333", "444455556666")
    share = {"imageId": "ami-1", "launchPermission": {"add": {"items": [{"group": "all"}]}}}
    for number, account in enumerate(accounts):
        judge.observe([
            call("ec2:ModifyImageAttribute", who, number * 60, share, recipientAccountId=account,
                 sourceIPAddress=f"203.0.113.{number}", eventID=f"e{number}"),
            call("iam:CreateLoginProfile", who, number * 60 + 5, {"userName": "x"}, recipientAccountId=account,
                 sourceIPAddress=f"203.0.113.{number}", eventID=f"f{number}"),
        ])  # fmt: skip
    found = judge.suspicions()
    assert sorted(one.accounts for one in found) == ([(one,) for one in accounts] if who is WEB_IDENTITY else [])
    assert len({one.id for one in found}) == len(found)


def test_all_accounts_and_regions_of_one_principal_are_named():
    judge, who = Judge(), user("eve")
    places = itertools.product(("111122223333", "444455556666"), ("us-east-1", "eu-west-1"))
    for number, (account, region) in enumerate(places):
        judge.observe([call("cloudtrail:StopLogging", who, number, {"name": "a"}, recipientAccountId=account,
                            awsRegion=region, eventID=f"e{number}")])  # fmt: skip
    (found,) = judge.suspicions()
    assert found.accounts == ("111122223333", "444455556666")
    assert found.regions == ("eu-west-1", "us-east-1")


def test_an_arn_names_its_account():
    assert scope("arn:aws:iam::1:user/x", "2") == "arn:aws:iam::1:user/x"
    assert scope("WebIdentityUser::x", "2") != scope("WebIdentityUser::x", "3")
