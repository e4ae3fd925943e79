"""What an account shows: read in full, by declared calls alone, with everything named that could not be read."""

from datetime import UTC, datetime

import botocore.session
import pytest
from botocore.validate import ParamValidator

from amberlight.model.errors import CredentialsError, Denied, NotPossible
from amberlight.plan.drafting import draft, jewels, notes
from amberlight.plan.survey import CALLS, MOST_BUCKETS, Bucket, Found, Survey, Trail

NOW = datetime(2026, 11, 24, tzinfo=UTC)
HOME, AWAY = "us-east-1", "eu-west-1"
ARN = "arn:aws:cloudtrail:us-east-1:111111111111:trail/all"


def instance(number, state="running", **more):
    return {"InstanceId": f"i-{number}", "State": {"Code": 16, "Name": state}, **more}


ANSWERS = {
    ("sts.GetCallerIdentity", HOME): {"Account": "111111111111", "UserId": "AIDAEXAMPLEEXAMPLE12", "Arn": "arn:aws:iam::111111111111:user/a"},
    ("iam.ListAccountAliases", HOME): {"AccountAliases": ["prod"], "IsTruncated": False},
    ("ec2.DescribeRegions", HOME): {"Regions": [{"RegionName": HOME}, {"RegionName": AWAY}, {"RegionName": "sa-east-1"}]},
    ("cloudtrail.DescribeTrails", HOME): {"trailList": [
        {"Name": "all", "TrailARN": ARN, "S3BucketName": "logs", "S3KeyPrefix": "org", "IsMultiRegionTrail": True,
         "HomeRegion": HOME}]},
    ("cloudtrail.DescribeTrails", AWAY): {"trailList": [
        {"Name": "all", "TrailARN": ARN, "S3BucketName": "logs", "S3KeyPrefix": "org", "IsMultiRegionTrail": True,
         "HomeRegion": HOME},
        {"Name": "one", "TrailARN": ARN + "2", "S3BucketName": "here", "IsMultiRegionTrail": False, "HomeRegion": AWAY}]},
    ("cloudwatch.DescribeAlarms", AWAY): {"MetricAlarms": [{"AlarmName": "burst"}],
                                          "CompositeAlarms": [{"AlarmName": "both"}]},
    ("ec2.DescribeInstances", HOME): {"Reservations": [{"Instances": [
        instance(1, PublicIpAddress="192.0.2.7", Tags=[{"Key": "Name", "Value": "web"}]), instance(2),
        instance(3, "terminated", PublicIpAddress="192.0.2.8")]}]},
    ("s3.ListBuckets", HOME): {"Buckets": [
        {"Name": "small", "BucketRegion": HOME}, {"Name": "large", "BucketRegion": "sa-east-1"}, {"Name": "bare"}]},
    ("cloudwatch.GetMetricStatistics", "sa-east-1"): {"Datapoints": [
        {"Timestamp": datetime(2026, 11, 22, tzinfo=UTC), "Average": 1.0},
        {"Timestamp": datetime(2026, 11, 23, tzinfo=UTC), "Average": 3.0 * (1 << 30)}]},
    ("account.GetAlternateContact", "SECURITY"): {"AlternateContact": {
        "Name": "Ann", "Title": "t", "EmailAddress": "ann@x.example", "PhoneNumber": "+00 1",
        "AlternateContactType": "SECURITY"}},
    ("s3.GetBucketTagging", "small"): {"TagSet": [{"Key": "a", "Value": "b"}, {"Key": "c", "Value": "d"}]},
}  # fmt: skip
NOTHING = {
    "cloudtrail.DescribeTrails": {"trailList": []}, "cloudwatch.DescribeAlarms": {"MetricAlarms": [], "CompositeAlarms": []},
    "ec2.DescribeInstances": {"Reservations": []}, "cloudwatch.GetMetricStatistics": {"Datapoints": []},
}  # fmt: skip
NONE_SET = {
    "account.GetAlternateContact": "ResourceNotFoundException", "s3.GetBucketTagging": "NoSuchTagSet",
}  # fmt: skip


class FakeDoor:
    """Answers as AWS does; what is in `refused` is denied."""

    region = HOME

    def __init__(self, answers=ANSWERS, refused=()):
        self.answers, self.refused, self.asked = answers, frozenset(refused), []

    def call(self, operation, *, region=None, **parameters):
        self.asked.append(operation)
        where = parameters.get("AlternateContactType") or parameters.get("Bucket") or region or self.region
        if operation in self.refused or (operation, where) in self.refused:
            raise Denied(f"{operation} was refused.", aws_code="AccessDenied")
        if (operation, where) in self.answers:
            return self.answers[operation, where]
        if operation in NONE_SET:
            raise NotPossible(f"{operation}: none", aws_code=NONE_SET[operation])
        return NOTHING[operation]

    def pages(self, operation, *, region=None, **parameters):
        yield self.call(operation, region=region, **parameters)


def survey(door):
    return Survey(door, NOW).run()


@pytest.mark.parametrize("operation, answer", [(key[0], value) for key, value in ANSWERS.items()])
def test_the_fakes_answers_have_the_shapes_of_aws(operation, answer):
    service, _, name = operation.partition(".")
    model = botocore.session.get_session().get_service_model(service).operation_model(name)
    assert not ParamValidator().validate(answer, model.output_shape).has_errors()


def test_an_account_is_read_in_full():
    door = FakeDoor()
    found = survey(door)
    assert found == Found(
        account="111111111111", name="prod", regions=(AWAY, "sa-east-1", HOME),
        trails=(Trail(name="all", place="s3://logs/org", region=""), Trail(name="one", place="s3://here", region=AWAY)),
        alarms=(f"burst in {AWAY}", f"both in {AWAY}"), exposed=(f"i-1 (web) at 192.0.2.7 in {HOME}",),
        buckets=(Bucket(name="large", size_bytes=3.0 * (1 << 30), tags=None), Bucket(name="small", size_bytes=None, tags=2),
                 Bucket(name="bare", size_bytes=None, tags=None)),
        people=found.people, unread=(),
    )  # fmt: skip
    assert [(one.kind, one.name, one.telephone, one.mail) for one in found.people] == [
        ("security", "Ann", "+00 1", "ann@x.example")
    ]
    assert set(door.asked) == CALLS


@pytest.mark.parametrize("operation", sorted(CALLS - {"sts.GetCallerIdentity"}))
def test_what_is_refused_is_named_and_the_rest_is_read(operation):
    found = survey(FakeDoor(refused={operation}))
    assert found.account == "111111111111"
    assert any(operation in text for text in found.unread)
    assert any("NOT READ" in line and operation in line for line in notes(found))


def test_a_refusal_in_one_region_leaves_the_others():
    found = survey(FakeDoor(refused={("cloudtrail.DescribeTrails", AWAY)}))
    assert [trail.name for trail in found.trails] == ["all"]
    assert len(found.unread) == 1
    assert AWAY in found.unread[0]


def test_without_an_identity_there_is_no_survey():
    door = FakeDoor()

    def broken(*_args, **_kwargs):
        raise CredentialsError("none")

    door.call = broken
    with pytest.raises(CredentialsError):
        survey(door)


def test_buckets_beyond_the_bound_are_counted():
    many = {"Buckets": [{"Name": f"b{number}"} for number in range(MOST_BUCKETS + 3)]}
    found = survey(FakeDoor({**ANSWERS, ("s3.ListBuckets", HOME): many}))
    assert len(found.buckets) == MOST_BUCKETS
    assert found.unread == (f"buckets: 3 of {MOST_BUCKETS + 3} were not looked at",)


def test_the_draft_holds_what_was_found_and_no_more():
    plan = draft(survey(FakeDoor()), {})
    assert [(one.id, one.name, one.use) for one in plan.accounts] == [("111111111111", "prod", "subject")]
    assert [(jewel.resource, jewel.why, jewel.owner) for jewel in plan.crown_jewels] == [
        ("bucket/large", "", ""), ("bucket/small", "", ""),
    ]  # fmt: skip
    assert [(log.place, log.covers, log.kept_days) for log in plan.logs] == [
        ("s3://logs/org", (), None), ("s3://here", (AWAY,), None),
    ]  # fmt: skip
    assert [(one.role, one.reach, one.also, one.reviewed) for one in plan.contacts] == [
        ("AWS security contact", "+00 1", ("ann@x.example",), "")
    ]
    assert (plan.organisation, plan.duties, plan.clocks) == ("", (), {})


def test_only_the_heaviest_buckets_are_proposed():
    buckets = tuple(Bucket(name=f"b{n}", size_bytes=1.0, tags=0) for n in range(7))
    assert len(jewels(Found(account="1", buckets=buckets))) == 5
    assert jewels(Found(account="1", buckets=(Bucket(name="b", size_bytes=0.0, tags=0),))) == ()
