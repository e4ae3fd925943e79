"""Attacks on the vault: a refusal is the store's word, never ours."""

from datetime import UTC, datetime

import pytest
from fakes import FakeS3, StillClock

from amberlight.model.custody import Stored
from amberlight.model.errors import CredentialsError, Denied, NotPossible, Undeclared, Unreachable
from amberlight.vault import S3Store
from amberlight.vault.prove import Standing, attacks, attempt, plant, standing_of

CANARY = Stored(key="cases/c/canary/x", version="v1", size_bytes=1, sha256="", sha512="",
                retain_until=datetime(2026, 12, 1, tzinfo=UTC))  # fmt: skip
STANDING = Standing(policy="{}", lock={"ObjectLockEnabled": "Enabled"})


class Answering:
    """A door that answers every call in one way."""

    def __init__(self, answer):
        self.answer, self.calls = answer, []

    def call(self, operation, **parameters):
        self.calls.append((operation, parameters))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def caused(problem, message):
    cause = RuntimeError()
    cause.response = {"Error": {"Message": message}}
    problem.__cause__ = cause
    return problem


def test_a_refusal_holds_the_stores_own_words_and_request_id():
    denied = caused(Denied("ours", aws_code="AccessDenied", request_id="r1"), "with an explicit deny")
    made = attempt({"prod root": Answering(denied)}, "b", CANARY)
    assert len(made) == len(list(attacks("b", CANARY)))
    assert {(each.role, each.refused, each.answer, each.request_id) for each in made} == {
        ("prod root", True, "AccessDenied: with an explicit deny", "r1")
    }
    assert len({each.action for each in made}) == len(made)


@pytest.mark.parametrize("code", ["PreconditionFailed", "InvalidBucketState", "ObjectLocked"])
def test_other_refusals_of_the_store_count(code):
    made = attempt({"r": Answering(NotPossible("m", aws_code=code))}, "b", CANARY)
    assert all(each.refused and each.answer == f"{code}: m" for each in made)


@pytest.mark.parametrize("problem", [
    Undeclared("ours"), Unreachable("nobody"), CredentialsError("expired"), NotPossible("m", aws_code="NoSuchBucket"),
    NotPossible("m", aws_code="MalformedPolicy"), NotPossible("m"),
])  # fmt: skip
def test_what_is_no_answer_to_the_attempt_is_raised(problem):
    with pytest.raises(type(problem)):
        attempt({"r": Answering(problem)}, "b", CANARY)


def test_what_is_let_through_is_said_and_put_back():
    door = Answering({})
    made = attempt({"r": door}, "b", CANARY, standing=STANDING)
    assert not any(each.refused for each in made)
    back = [name for name, p in door.calls if p.get("Policy") == "{}" or name == "s3.DeleteBucketLifecycle"]
    assert back == ["s3.DeleteBucketLifecycle", "s3.PutBucketPolicy", "s3.PutBucketPolicy"]
    assert ("s3.PutObjectLockConfiguration", {"Bucket": "b", "ObjectLockConfiguration": STANDING.lock}) in door.calls
    rules = Standing(policy="{}", lock={}, lifecycle=({"ID": "mine"},))
    attempt({"r": door}, "b", CANARY, standing=rules)
    assert door.calls[-5][1].get("LifecycleConfiguration", {}) or any(
        p.get("LifecycleConfiguration") == {"Rules": [{"ID": "mine"}]} for _, p in door.calls
    )


def test_a_batch_is_refused_only_if_nothing_of_it_was_deleted():
    errors = [{"Code": "AccessDenied", "Message": "no"}]
    refused = attempt({"r": Answering({"Errors": errors})}, "b", CANARY)
    assert {each.answer for each in refused} == {"AccessDenied: no"}
    half = attempt({"r": Answering({"Errors": errors, "Deleted": [{}]})}, "b", CANARY)
    assert not any(each.refused for each in half)
    odd = attempt({"r": Answering({"Errors": [{"Code": "InternalError"}]})}, "b", CANARY)
    assert not any(each.refused for each in odd)


def test_only_the_canary_and_the_bucket_are_named():
    door = Answering(Denied("no", aws_code="AccessDenied"))
    attempt({"r": door}, "b", CANARY)
    for _, parameters in door.calls:
        assert parameters["Bucket"] == "b"
        assert parameters.get("Key", CANARY.key) == CANARY.key
        assert parameters.get("VersionId", CANARY.version) == CANARY.version
    unlocked = Stored(key="k", version="v", size_bytes=1, sha256="", sha512="")
    assert not [each for each in attacks("b", unlocked) if "lock by" in each.action]


def test_the_canary_is_planted_once():
    s3 = FakeS3()
    store = S3Store(s3.writer(), s3.examiner(), "b", StillClock())
    assert plant(store, "c") == plant(store, "c")
    assert list(s3.versions) == ["cases/c/canary/attempts.txt"]


def test_the_settings_are_read_with_or_without_a_lifecycle():
    answers = {
        "s3.GetBucketPolicy": {"Policy": "{}"},
        "s3.GetObjectLockConfiguration": {"ObjectLockConfiguration": {"a": 1}},
        "s3.GetBucketLifecycleConfiguration": {"Rules": [{"ID": "r"}]},
    }

    class Settings:
        def call(self, operation, Bucket):  # noqa: N803 - AWS writes it so
            answer = answers[operation]
            if isinstance(answer, Exception):
                raise answer
            return answer

    assert standing_of(Settings(), "b") == Standing(policy="{}", lock={"a": 1}, lifecycle=({"ID": "r"},))
    answers["s3.GetBucketLifecycleConfiguration"] = NotPossible("m", aws_code="NoSuchLifecycleConfiguration")
    assert standing_of(Settings(), "b").lifecycle == ()
    answers["s3.GetBucketLifecycleConfiguration"] = NotPossible("m", aws_code="NoSuchBucket")
    with pytest.raises(NotPossible):
        standing_of(Settings(), "b")
