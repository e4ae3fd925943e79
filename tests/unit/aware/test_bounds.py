"""What bounds the state gives the same result in any order, and however the work is split."""

import random

import pytest

from amberlight.aware import hits, memory
from amberlight.aware.judge import Judge
from amberlight.trail.identity import Context, Identity, Issuer, actor
from aware.sampling import call, role, user

HOUR = 3600
AGENT = "ssm:UpdateInstanceInformation"


def judged(events, parts):
    """Suspicions of events that were dealt to several judges."""
    judges = [Judge() for _ in range(parts)]
    for number, one in enumerate(judges):
        one.take_all(events[number::parts])
    for other in judges[1:]:
        judges[0].merge(other)
    return judges[0].suspicions()


def secrets():
    """A week in which one user reads twenty secrets an hour."""
    return [
        call(
            "secretsmanager:GetSecretValue", user("sync"), hour * HOUR + n, {"secretId": f"s{n}"}, eventID=f"{hour}-{n}"
        )
        for hour in range(168)
        for n in range(20)
    ]


def elsewhere():
    """An instance's keys at home and, many times, somewhere else."""
    keys = role("web", "i-0123456789abcdef0", "ASIAWEB")
    yield call(AGENT, keys, 0, {}, sourceIPAddress="192.0.2.10", eventID="home")
    for n in range(900):
        yield call("s3:ListBuckets", keys, 60 + n, sourceIPAddress="198.51.100.9", eventID=f"away-{n:04d}")


@pytest.mark.parametrize("parts", [1, 2, 5])
def test_the_latest_items_stay_in_any_order(monkeypatch, parts):
    monkeypatch.setattr(hits, "MOST_ITEMS", 100)
    monkeypatch.setattr(hits, "CUT_AT", 130)
    events = secrets()
    expected = judged(events, 1)
    random.Random(parts).shuffle(events)  # noqa: S311
    assert judged(events, parts) == expected
    assert [one.event_ids[-1] for one in expected if "secrets_in_bulk" in {r.rule for r in one.reasons}] == ["167-19"]


@pytest.mark.parametrize("parts", [1, 2, 5])
def test_the_earliest_events_of_an_instance_stay_in_any_order(parts):
    events = list(elsewhere())
    expected = judged(events, 1)
    random.Random(parts).shuffle(events)  # noqa: S311
    assert judged(events, parts) == expected
    (shown,) = [one.event_ids for one in expected if one.page]
    assert shown == tuple(f"away-{n:04d}" for n in range(memory.MOST_IDS))


def test_an_earlier_event_of_a_known_item_still_counts():
    late, early = (call("secretsmanager:GetSecretValue", user("x"), at, {"secretId": "s"}, eventID=i)
                   for at, i in ((9, "late"), (2, "early")))  # fmt: skip
    judge = Judge()
    judge.take_all([late, early, late])
    (rows,) = judge.hits.table.values()
    assert [hit.event_ids for hit in rows.values()] == [("early",)]


def test_who_called_does_not_depend_on_who_was_asked_about_before():
    arn = "arn:aws:sts::111122223333:assumed-role/web/one"
    issuers = [f"arn:aws:iam::111122223333:role/{path}web" for path in ("", "a/", "b/")]
    for issuer in issuers:
        identity = Identity(type="AssumedRole", arn=arn, context=Context(issuer=Issuer(arn=issuer)))
        assert actor(identity).principal == issuer
