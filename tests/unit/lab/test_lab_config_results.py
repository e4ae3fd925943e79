"""How results of AWS Config's rules are kept and add up, and which bucket policies are public."""

import json

import pytest

from amberlight.lab.awsconfig.item import Item, Reading
from amberlight.lab.awsconfig.rules import results, verdict
from amberlight.lab.awsconfig.rules.managed._buckets import public

READS = ("s3:GetObject",)


def result(compliance, ordered, ident="x"):
    return results.Result("rule", verdict.Verdict("AWS::S3::Bucket", ident, compliance, ordered), ordered, ordered)


def test_a_word_about_an_earlier_moment_does_not_count():
    kept = results.Results()
    assert kept.put(result("NON_COMPLIANT", 2.0)) == (None, True)
    assert kept.put(result("COMPLIANT", 1.0))[1] is False
    assert [each.verdict.compliance for each in kept.of(rule="rule")] == ["NON_COMPLIANT"]
    assert kept.put(result("COMPLIANT", 2.0))[1] is True
    kept.put(result("NOT_APPLICABLE", 3.0))
    assert kept.of() == []


def test_one_that_does_not_comply_decides_and_is_counted_up_to_the_cap():
    assert results.compliance([]) == {"ComplianceType": "INSUFFICIENT_DATA"}
    good = [result("COMPLIANT", 1.0)]
    assert results.compliance(good) == {"ComplianceType": "COMPLIANT"}
    bad = [result("NON_COMPLIANT", 1.0, str(number)) for number in range(30)]
    assert results.compliance(good + bad) == {
        "ComplianceType": "NON_COMPLIANT", "ComplianceContributorCount": {"CappedCount": 25, "CapExceeded": True},
    }  # fmt: skip
    added = results.summary([results.compliance(good), results.compliance(bad)], 25, 9.0)
    assert added["NonCompliantResourceCount"] == {"CappedCount": 1, "CapExceeded": False}


def bucket(statement=None, *, grant=None, **block):
    grants = [{"grantee": grant[0], "permission": grant[1]}] if grant else []
    policy = json.dumps({"Version": "2012-10-17", "Statement": statement}) if statement else None
    more = {"AccessControlList": json.dumps({"grantList": grants}), "BucketPolicy": {"policyText": policy},
            "PublicAccessBlockConfiguration": block}  # fmt: skip
    reading = Reading(id="b", arn="arn:aws:s3:::b", region="us-east-1", configuration={}, supplementary=more)
    return Item(account="1", type="AWS::S3::Bucket", status="OK", captured=1.0, state_id=1, reading=reading)


def statement(**more):
    return {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*", **more}


@pytest.mark.parametrize("item,is_public", [
    (bucket(), False), (bucket(statement()), True), (bucket([statement()]), True),
    (bucket(statement(Principal={"AWS": "*"})), True), (bucket(statement(Principal={"AWS": ["1", "*"]})), True),
    (bucket(statement(Principal={"AWS": "arn:aws:iam::1:root"})), False),
    (bucket(statement(Principal={"Service": "s3.amazonaws.com"})), False),
    (bucket(statement(Effect="Deny")), False), (bucket(statement(Action="s3:PutObject")), False),
    (bucket(statement(Action=["s3:PutObject", "S3:GET*"])), True), (bucket(statement(Action="s3:G?tObject")), True),
    (bucket(statement(Action="*")), True), (bucket(statement(Action="s3:*t*ct")), True), (bucket(statement(Action="s3:GetObject*?")), False), (bucket(statement(Action="s3.GetObject")), False), (bucket(statement(Action="*?" * 5000 + "z")), False),
    (bucket(statement(), restrictPublicBuckets=True), False),
    (bucket(statement(Condition={"StringEquals": {"aws:PrincipalOrgID": "o-1"}})), False),
    (bucket(statement(Condition={"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}})), True),
    (bucket(statement(Condition={"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "0.0.0.0/0"]}})), True),
    (bucket(statement(Condition={"StringLike": {"aws:userid": "*"}})), True),
    (bucket(statement(Condition={"Bool": {"aws:SecureTransport": "true"}})), True),
    (bucket(grant=("AllUsers", "Read")), True), (bucket(grant=("AuthenticatedUsers", "FullControl")), True),
    (bucket(grant=("AllUsers", "WriteAcp")), False), (bucket(grant=({"id": "x"}, "Read")), False),
    (bucket(grant=("AllUsers", "Read"), ignorePublicAcls=True), False),
])  # fmt: skip
def test_which_buckets_everybody_reads(item, is_public):
    assert (public(item, READS, ("Read",)) is not None) is is_public
