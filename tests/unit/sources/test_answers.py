"""Answers as artifacts."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from source_fakes import UNTIL, Context, raising

from amberlight.capture import answers
from amberlight.model.errors import Denied, NotPossible, Unreachable
from amberlight.model.evidence import Bytes, Missing


@given(st.text(min_size=1))
def test_a_path_never_leads_out_and_never_hides_a_character(name):
    path = answers.path_of(name)
    assert all(character.isascii() and character.isprintable() and character != " " for character in path)
    assert not {"", ".", ".."} & set(path.split("/"))


@given(st.text(), st.text())
def test_two_names_never_share_a_path(one, two):
    assert (answers.path_of(one) == answers.path_of(two)) == (one == two)


def test_plain_keys_stay_as_they_are():
    key = "AWSLogs/111122223333/CloudTrail/us-east-1/2026/11/24/111122223333_CloudTrail_x.json.gz"
    assert answers.path_of(key) == key


def test_answers_are_the_same_bytes_wherever_they_were_received():
    local = datetime(2026, 11, 24, 7, tzinfo=timezone(timedelta(hours=1)))
    data = answers.received({"b": b"\x00\x01", "a": local})
    assert data == answers.received({"a": datetime(2026, 11, 24, 6, tzinfo=UTC), "b": b"\x00\x01"})
    assert b'"2026-11-24T06:00:00Z"' in data
    assert b'"AAE="' in data
    with pytest.raises(TypeError, match="no answer of AWS"):
        answers.received({"x": object()})


@pytest.mark.parametrize(
    "problem, state",
    [
        (Denied("x", aws_code="AccessDenied"), "denied"),
        (Unreachable("x", aws_code="ThrottlingException"), "throttled"),
        (Unreachable("x", aws_code="RequestLimitExceeded"), "throttled"),
        (Unreachable("x"), "unreachable"),
        (NotPossible("x", aws_code="NoSuchEntity"), "gone"),
        (NotPossible("x", aws_code="InvalidInstanceID.NotFound"), "gone"),
        (NotPossible("x", aws_code="InvalidParameterValue"), "not-possible"),
        (NotPossible("x"), "not-possible"),
    ],
)
def test_every_error_makes_its_kind_of_gap(problem, state):
    assert answers.missing("a part", problem) == Missing(what="a part", state=state, reason="x")


def test_pages_had_before_an_error_are_kept_and_marked():
    def pages(*_, **__):
        yield {"Users": [1]}
        raise Denied("no", aws_code="AccessDenied")

    door = Context({}).aws
    door.pages = pages
    (kept, gap), found = answers.ask_pages(door, "users.json", "iam.ListUsers")
    assert isinstance(kept, Bytes)
    assert kept.facts["complete"] is False
    assert (gap.state, found) == ("denied", [{"Users": [1]}])


def test_pages_are_joined_without_their_marks():
    pages = [{"A": [1], "B": 2, "IsTruncated": True, "Marker": "m"}, {"A": [3], "B": 2, "IsTruncated": False}]
    assert answers.merged(pages) == {"A": [1, 3], "B": 2}


def test_waiting_asks_at_once_then_more_and_more_slowly_and_ends():
    context = Context({})
    moments = [(context.now() - UNTIL).total_seconds() for _ in answers.wait_until(context, 10)]
    assert moments[0] == 0
    assert moments[-1] >= 10
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    assert gaps == sorted(gaps)
    assert max(gaps) <= 15


def test_one_call_is_one_artifact_or_says_why_not():
    door = Context({"iam.GetUser": raising({"User": {}}, Denied("no", aws_code="AccessDenied"))}).aws
    assert answers.ask(door, "u.json", "iam.GetUser").data == b'{\n "User": {}\n}\n'
    assert answers.ask(door, "u.json", "iam.GetUser").state == "denied"


@pytest.mark.parametrize(
    "region, name", [("us-east-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")]
)
def test_the_partition_follows_from_the_region(region, name):
    assert answers.partition(region) == name
