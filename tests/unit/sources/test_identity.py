"""IAM's reports come late, in pages, or not at all."""

import json
from datetime import timedelta

from source_fakes import ACCOUNT, UNTIL, Context, raising

from amberlight.capture.sources.identity import access_advisor, authorization
from amberlight.model.errors import Denied, NotPossible
from amberlight.model.evidence import Bytes, Missing
from amberlight.model.signals import Target

USER = Target(type="user", account=ACCOUNT, region="us-east-1", name="mallory")
ARN = {"User": {"Arn": f"arn:aws:iam::{ACCOUNT}:user/deep/mallory"}}


def advisor(*answers):
    return Context(
        {
            "iam.GetUser": lambda **_: ARN,
            "iam.GenerateServiceLastAccessedDetails": lambda **_: {"JobId": "j"},
            "iam.GetServiceLastAccessedDetails": raising(*answers),
        },
        target=USER,
    )


def service(name, *, used):
    return {"ServiceNamespace": name, **({"LastAuthenticated": UNTIL} if used else {})}


def test_the_report_is_waited_for_and_its_pages_are_joined():
    waiting = {"JobStatus": "IN_PROGRESS"}
    first = {
        "JobStatus": "COMPLETED",
        "ServicesLastAccessed": [service("s3", used=True)],
        "IsTruncated": True,
        "Marker": "m",
    }
    last = {"JobStatus": "COMPLETED", "ServicesLastAccessed": [service("ec2", used=False)]}
    given = advisor(waiting, waiting, first, last)
    (report,) = access_advisor.capture(given)
    assert [one["ServiceNamespace"] for one in json.loads(report.data)["ServicesLastAccessed"]] == ["s3", "ec2"]
    assert report.facts["used"] == ["s3"]
    assert given.aws.made("iam.GenerateServiceLastAccessedDetails")[0]["Arn"].endswith("user/deep/mallory")
    assert given.now() - UNTIL == timedelta(seconds=2.5)


def test_a_report_that_fails_or_never_ends_is_a_gap():
    failed = advisor({"JobStatus": "FAILED", "Error": {"Message": "try later", "Code": "X"}})
    (gap,) = access_advisor.capture(failed)
    assert (gap.state, "try later" in gap.reason) == ("failed", True)
    (gap,) = access_advisor.capture(advisor({"JobStatus": "IN_PROGRESS"}))
    assert gap.state == "unreachable"


def test_a_principal_that_is_gone_is_said_to_be_gone():
    given = advisor({})
    given.aws.answers["iam.GetUser"] = raising(NotPossible("no such user", aws_code="NoSuchEntity"))
    (gap,) = access_advisor.capture(given)
    assert gap.state == "gone"


def account(**answers):
    return Context(
        {
            "iam.GetAccountAuthorizationDetails": lambda **_: {
                "UserDetailList": [{"UserName": "a"}],
                "IsTruncated": False,
            },
            "iam.GenerateCredentialReport": raising({"State": "STARTED"}, {"State": "COMPLETE"}),
            "iam.GetCredentialReport": lambda **_: {"Content": b"user,arn\r\n", "GeneratedTime": UNTIL},
            "iam.GetAccountSummary": lambda **_: {"SummaryMap": {"Users": 1}},
            "iam.GetAccountPasswordPolicy": raising(NotPossible("none", aws_code="NoSuchEntity")),
            **answers,
        }
    )


def test_the_credential_report_is_raw_and_an_absent_password_policy_is_a_fact():
    found = {one.path: one for one in authorization.capture(account()) if isinstance(one, Bytes)}
    assert found["credential-report.csv"].data == b"user,arn\r\n"
    assert found["credential-report.csv"].facts == {"written": UNTIL.isoformat()}
    assert json.loads(found["account-password-policy.json"].data) == {"absent": "NoSuchEntity"}
    assert len(found) == 4


def test_one_denial_does_not_spoil_the_rest():
    given = account(**{"iam.GenerateCredentialReport": raising(Denied("no", aws_code="AccessDenied"))})
    found = list(authorization.capture(given))
    assert [one.what for one in found if isinstance(one, Missing)] == ["credential-report.csv"]
    assert len([one for one in found if isinstance(one, Bytes)]) == 3


def test_a_report_that_never_comes_is_a_gap():
    given = account(**{"iam.GenerateCredentialReport": raising({"State": "STARTED"})})
    assert [one.state for one in authorization.capture(given) if isinstance(one, Missing)] == ["unreachable"]
