"""Whose key it is: asked where there is a door, and said where there is none."""

from datetime import UTC, datetime

import pytest

from amberlight.model.errors import Denied, NotPossible
from amberlight.model.signals import Signal
from amberlight.response.keys import CALLS, NO_DOOR, keys_of, look_up, with_owners

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
KEY = "AKIAIOSFODNN7EXAMPLE"
USED = {"UserName": "bob", "AccessKeyLastUsed": {"LastUsedDate": NOW, "ServiceName": "s3", "Region": "eu-west-1"}}
SIGNAL = Signal(
    id="s", source="intake.person", title="t", when=NOW, reason="r", resources=(f"key/{KEY}@us-east-1", "key/x@y")
)


class Door:
    account = "111122223333"

    def __init__(self, account=account, used=None):
        self.answers = {"sts.GetAccessKeyInfo": account, "iam.GetAccessKeyLastUsed": used or USED}
        self.asked = []

    def call(self, operation, *, region=None, **parameters):
        self.asked.append((operation, parameters))
        answer = self.answers[operation]
        if isinstance(answer, Exception):
            raise answer
        return {"Account": answer} if operation.startswith("sts.") else answer


def test_a_key_is_looked_up_to_its_user_and_last_use():
    door = Door()
    owner = look_up(door, KEY)
    assert (
        owner.words == f"key {KEY}: account 111122223333, user bob, last used 2026-11-20 09:00 UTC for s3 in eu-west-1"
    )
    assert {name for name, _ in door.asked} == CALLS
    found = with_owners(SIGNAL, [owner])
    assert found.principals == ("arn:aws:iam::111122223333:user/bob",)
    assert found.account == "111122223333"
    assert found.resources == (*SIGNAL.resources, "user/bob@us-east-1")
    assert owner.words in found.reason


def test_a_key_that_was_never_used():
    owner = look_up(Door(used={"UserName": "bob", "AccessKeyLastUsed": {"ServiceName": "N/A", "Region": "N/A"}}), KEY)
    assert "never used" in owner.words


def test_without_a_door_it_says_that_it_was_not_looked_up():
    owner = look_up(None, KEY)
    assert NO_DOOR in owner.words
    assert with_owners(SIGNAL, [owner]).principals == ()


def test_a_key_of_another_account_names_that_account_and_is_not_asked_further():
    door = Door(account="999988887777")
    owner = look_up(door, KEY)
    assert "account 999988887777" in owner.words
    assert "not known" in owner.words
    assert len(door.asked) == 1


@pytest.mark.parametrize("problem", [Denied("no", action="x"), NotPossible("gone")])
@pytest.mark.parametrize("operation", sorted(CALLS))
def test_a_refusal_is_said(problem, operation):
    door = Door()
    door.answers[operation] = problem
    owner = look_up(door, KEY)
    assert problem.cause in owner.words
    assert owner.user == ("bob" if operation == "sts.GetAccessKeyInfo" else "")
    assert owner.account == "111122223333"


def test_keys_of_a_signal_are_those_that_look_like_keys():
    assert keys_of(SIGNAL) == (KEY,)
