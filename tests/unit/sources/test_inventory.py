"""The inventory where something around the target is denied or gone."""

from source_fakes import ACCOUNT, Context, raising

from amberlight.capture.sources.config.inventory import BUCKET, capture
from amberlight.model.errors import Denied, NotPossible
from amberlight.model.evidence import Bytes, Missing
from amberlight.model.signals import Target

HOST = Target(type="instance", account=ACCOUNT, region="us-east-1", name="i-1")
INSTANCE = {"InstanceId": "i-1", "VpcId": "vpc-1", "SecurityGroups": [{"GroupId": "sg-1"}]}


def host(**answers):
    regional = ("DescribeVolumes", "DescribeNetworkInterfaces", "DescribeSecurityGroups", "DescribeRouteTables")
    return Context(
        {
            "ec2.DescribeInstances": lambda **_: {"Reservations": [{"Instances": [INSTANCE]}]},
            "ec2.DescribeInstanceAttribute": lambda **_: {"UserData": {"Value": ""}},
            **{f"ec2.{name}": lambda **_: {} for name in regional},
            **answers,
        },
        target=HOST,
    )


def split(given):
    found = list(capture(given))
    return [one.path for one in found if isinstance(one, Bytes)], [one for one in found if isinstance(one, Missing)]


def test_an_instance_without_a_profile_is_no_obstacle():
    paths, gaps = split(host())
    assert len(paths) == 6
    assert gaps == []


def test_a_denied_instance_does_not_keep_us_from_its_volumes():
    paths, gaps = split(host(**{"ec2.DescribeInstances": raising(Denied("no", aws_code="UnauthorizedOperation"))}))
    assert "ec2.DescribeVolumes.json" in paths
    assert [gap.state for gap in gaps] == ["denied"]


def test_an_instance_that_is_gone_ends_it():
    for answer in (
        raising(NotPossible("gone", aws_code="InvalidInstanceID.NotFound")),
        lambda **_: {"Reservations": []},
    ):
        paths, gaps = split(host(**{"ec2.DescribeInstances": answer}))
        assert [gap.state for gap in gaps] == ["gone"]
        assert len(paths) <= 1


def test_an_error_of_a_bucket_that_is_not_absence_is_a_gap():
    target = Target(type="bucket", account=ACCOUNT, region="us-east-1", name="b")
    given = Context({}, target=target)
    strange = NotPossible("strange", aws_code="InvalidRequest")
    given.aws.answers = dict.fromkeys((f"s3.{name}" for name in BUCKET), raising(strange))
    paths, gaps = split(given)
    assert (paths, {gap.state for gap in gaps}, len(gaps)) == ([], {"not-possible"}, 10)
    given.aws.answers["s3.GetBucketLocation"] = raising(NotPossible("gone", aws_code="NoSuchBucket"))
    assert [gap.state for gap in split(given)[1]] == ["gone"]


def test_hostile_names_do_not_become_paths():
    target = Target(type="user", account=ACCOUNT, region="us-east-1", name="../mallory")
    given = Context({}, target=target)
    given.aws.call = lambda operation, **_: {"PolicyNames": ["a/../b"], "AttachedPolicies": []}
    paths, _ = split(given)
    assert all(".." not in path.split("/") for path in paths)
    assert any("%2E%2E" in path or "%" in path for path in paths)


def test_a_denied_profile_role_key_or_policy_is_a_gap_and_the_rest_goes_on():
    denied = raising(Denied("no", aws_code="AccessDenied"))
    profile = {**INSTANCE, "IamInstanceProfile": {"Arn": f"arn:aws:iam::{ACCOUNT}:instance-profile/web"}}
    given = host(
        **{
            "ec2.DescribeInstances": lambda **_: {"Reservations": [{"Instances": [profile]}]},
            "iam.GetInstanceProfile": denied,
        }
    )
    assert [gap.what for gap in split(given)[1]] == ["iam.GetInstanceProfile.web.json"]
    given.aws.answers["iam.GetInstanceProfile"] = lambda **_: {"InstanceProfile": {"Roles": [{"RoleName": "r"}]}}
    given.aws.answers["iam.GetRole"] = denied
    assert [gap.what for gap in split(given)[1]] == ["iam.GetRole.r.json"]
    given.aws.answers["iam.GetRole"] = lambda **_: {"Role": {}}
    given.aws.answers["iam.ListRolePolicies"] = lambda **_: {"PolicyNames": []}
    arn = f"arn:aws:iam::{ACCOUNT}:policy/team/read"
    given.aws.answers["iam.ListAttachedRolePolicies"] = lambda **_: {"AttachedPolicies": [{"PolicyArn": arn}]}
    given.aws.answers["iam.GetPolicy"] = denied
    assert [gap.what for gap in split(given)[1]] == ["iam.GetPolicy.team.read.json"]


def test_a_denied_key_ends_there_and_a_deleted_one_has_no_user():
    target = Target(type="key", account=ACCOUNT, region="us-east-1", name="AKIA1")
    given = Context({"iam.GetAccessKeyLastUsed": raising(Denied("no", aws_code="AccessDenied"))}, target=target)
    assert [gap.state for gap in split(given)[1]] == ["denied"]
    given.aws.answers["iam.GetAccessKeyLastUsed"] = lambda **_: {"AccessKeyLastUsed": {}}
    assert split(given) == (["iam.GetAccessKeyLastUsed.AKIA1.json"], [])


def test_a_denied_bucket_setting_is_one_gap():
    target = Target(type="bucket", account=ACCOUNT, region="us-east-1", name="b")
    given = Context(dict.fromkeys((f"s3.{name}" for name in BUCKET), lambda **_: {}), target=target)
    given.aws.answers["s3.GetBucketPolicy"] = raising(Denied("no", aws_code="AccessDenied"))
    paths, gaps = split(given)
    assert (len(paths), [gap.what for gap in gaps]) == (9, ["s3.GetBucketPolicy.json"])
