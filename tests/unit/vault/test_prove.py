"""Attacks on the vault: a refusal is the store's word, never ours."""

from datetime import UTC, datetime

import pytest
from fakes import FakeS3, StillClock

from amberlight.model.custody import Stored
from amberlight.model.errors import CredentialsError, Denied, NotPossible, Undeclared, Unreachable
from amberlight.vault import S3Store
from amberlight.vault.prove import Standing, Target, assault, attacks, attempt, lawful, plant, standing_of
from amberlight.vault.store import Exists

CANARY = Stored(key="cases/c/canary/x", version="v1", size_bytes=1, sha256="", sha512="",
                retain_until=datetime(2026, 12, 1, tzinfo=UTC))  # fmt: skip
TARGET = Target(bucket="b", stored=CANARY)
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
    assert len(made) == len([each for each in attacks(TARGET) if not lawful("prod root", each, inside=True)])
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
    names = {"s3.DeleteBucketLifecycle", "s3.DeleteBucketReplication", "s3.DeleteBucketWebsite"}
    back = [name for name, p in door.calls if p.get("Policy") == "{}" or name in names]
    assert back == ["s3.DeleteBucketLifecycle", "s3.PutBucketPolicy", "s3.PutBucketPolicy", "s3.DeleteBucketWebsite",
                    "s3.DeleteBucketReplication"]  # fmt: skip
    assert ("s3.PutObjectLockConfiguration", {"Bucket": "b", "ObjectLockConfiguration": STANDING.lock}) in door.calls
    rules = Standing(policy="{}", lock={}, lifecycle=({"ID": "mine"},))
    attempt({"r": door}, "b", CANARY, standing=rules)
    assert any(p.get("LifecycleConfiguration") == {"Rules": [{"ID": "mine"}]} for _, p in door.calls)


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
        key = parameters.get("Key", CANARY.key)
        assert key == CANARY.key or (key.startswith("cases/c/canary/") and parameters["IfNoneMatch"] == "*")
        assert parameters.get("VersionId", CANARY.version) == CANARY.version
    unlocked = Stored(key="k", version="v", size_bytes=1, sha256="", sha512="")
    assert not [each for each in attacks(Target(bucket="b", stored=unlocked)) if "lock by" in each.action]


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
        "s3.GetPublicAccessBlock": NotPossible("m", aws_code="NoSuchPublicAccessBlockConfiguration"),
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


KEY = "arn:aws:kms:r:222233334444:key/k"
WHOLE = Target(bucket="b", stored=CANARY, account="222233334444", signing_key=KEY, data_key=KEY, trail="arn:trail",
               roles=("arn:aws:iam::222233334444:role/AmberlightWriter",), expendable=True)  # fmt: skip


class Inside(Answering):
    account = "222233334444"


class Outside(Answering):
    account = "111122223333"


def test_what_is_a_roles_work_is_not_tried_and_said():
    came = assault({"writer": Inside({}), "signer": Inside({}), "vault root": Inside({})}, WHOLE, STANDING)
    assert {(each.role, each.action) for each in came.lawful} == {
        ("writer", "plant an object"), ("signer", "sign with the signing key"),
        *((role, "read the bucket's policy") for role in ("writer", "signer", "vault root")),
    }  # fmt: skip
    tried = {(each.role, each.action) for each in came.attempts}
    assert not tried & {(each.role, each.action) for each in came.lawful}
    assert ("signer", "plant an object") in tried


def test_what_is_let_through_is_put_back_by_the_same_door():
    door = Inside({"GrantId": "g"})
    came = assault({"vault root": door}, WHOLE, STANDING)
    assert not came.unsettled
    assert not any(each.refused for each in came.attempts)
    made = [name for name, _ in door.calls]
    for one, other in (("kms.DisableKey", "kms.EnableKey"), ("kms.ScheduleKeyDeletion", "kms.CancelKeyDeletion"),
                       ("kms.CreateGrant", "kms.RevokeGrant"), ("iam.PutRolePolicy", "iam.DeleteRolePolicy"),
                       ("iam.CreateUser", "iam.DeleteUser"), ("cloudtrail.StopLogging", "cloudtrail.StartLogging"),
                       ("s3.DeletePublicAccessBlock", "s3.PutPublicAccessBlock")):  # fmt: skip
        assert made.index(one) < made.index(other)


def test_a_stranger_is_not_asked_for_what_only_the_account_can_name():
    door = Outside(Denied("no", aws_code="AccessDenied"))
    came = assault({"prod root": door}, WHOLE)
    assert not {name for name, _ in door.calls} & {"iam.PutRolePolicy", "cloudtrail.StopLogging"}
    assert {"sts.AssumeRole", "kms.DisableKey"} <= {name for name, _ in door.calls}
    assert len(came.attempts) == len(door.calls)


def test_a_policy_that_is_none_is_refused_only_to_who_was_let_through():
    answer = NotPossible("m", aws_code="MalformedPolicyDocument")
    came = assault({"vault root": Inside(answer)}, WHOLE)
    assert {each.action for each in came.attempts if not each.refused} == {
        "change the policy of the signing key", "change the policy of the evidence key", "change who may take on a role",
    }  # fmt: skip
    assert {each.problem for each in came.unsettled} == {"m"}


@pytest.mark.parametrize("problem", [Unreachable("gone"), CredentialsError("gone"), NotPossible("gone", aws_code="X")])
def test_what_gives_no_answer_is_counted(problem):
    came = assault({"vault root": Inside(problem)}, WHOLE)
    assert came.attempts == ()
    assert {each.problem for each in came.unsettled} == {"gone"}


def test_what_cannot_be_put_back_is_said():
    class Half(Inside):
        def call(self, operation, **parameters):
            if operation == "kms.EnableKey":
                raise Denied("not you", aws_code="AccessDenied")
            return {"GrantId": "g"}

    came = assault({"vault root": Half({})}, WHOLE, STANDING)
    assert "let through, and could not be put back: not you" in {each.answer for each in came.attempts}


def test_a_trail_that_cannot_be_brought_back_is_not_deleted():
    import dataclasses

    standing_trail = dataclasses.replace(WHOLE, expendable=False)
    assert "cloudtrail.DeleteTrail" not in {each.operation for each in attacks(standing_trail)}
    assert "cloudtrail.DeleteTrail" in {each.operation for each in attacks(WHOLE)}


def test_after_a_success_a_missing_canary_hides_nothing():
    class Gone(Answering):
        def call(self, operation, **parameters):
            super().call(operation, **parameters)
            if len(self.calls) > 1:
                raise NotPossible("gone", aws_code="NoSuchVersion")
            return {}

    made = attempt({"r": Gone({})}, "b", CANARY)
    assert [each.refused for each in made] == [False]


def test_a_canary_that_is_said_to_be_there_and_is_not_is_no_canary():
    class Lying:
        def put(self, *_, **__):
            raise Exists("there", "look")

        def find(self, key):
            return None

    with pytest.raises(Exists):
        plant(Lying(), "c")


def test_what_is_blocked_of_public_access_is_read_or_left_to_the_strictest():
    def settings(answer):
        class Settings:
            def call(self, operation, Bucket):  # noqa: N803 - AWS writes it so
                if operation == "s3.GetPublicAccessBlock":
                    if isinstance(answer, Exception):
                        raise answer
                    return answer
                if operation == "s3.GetBucketLifecycleConfiguration":
                    return {"Rules": []}
                return {"Policy": "{}", "ObjectLockConfiguration": {}}

        return standing_of(Settings(), "b").public_access

    assert settings({"PublicAccessBlockConfiguration": {"BlockPublicAcls": True}}) == {"BlockPublicAcls": True}
    assert settings(Denied("no", aws_code="AccessDenied")) == {}
    assert settings(NotPossible("none", aws_code="NoSuchPublicAccessBlockConfiguration")) == {}


def test_who_was_let_through_to_a_complaint_is_told_so():
    answer = NotPossible("m", aws_code="MalformedPolicyDocument", request_id="r1")
    came = assault({"vault root": Inside(answer)}, WHOLE)
    let_in = [each for each in came.attempts if not each.refused]
    assert {each.answer for each in let_in} == {"let through as far as MalformedPolicyDocument: m"}
    assert {each.request_id for each in let_in} == {"r1"}
