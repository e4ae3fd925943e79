"""`amberlight plan init --from-account` and `plan check --live` against real calls, in accounts of the lab."""

import json
import os
import subprocess
import sys

import pytest
from lab_tools import allow, client, eventually, unique
from msgspec.structs import replace

from amberlight.plan import dump, load

pytestmark = pytest.mark.lab


def run(lab, keys, *argv):
    """The command with an account's keys and the lab's endpoint; no terminal, nothing else of the environment."""
    keep = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    token = {"AWS_SESSION_TOKEN": keys.session_token} if keys.session_token else {}
    return subprocess.run(
        [sys.executable, "-m", "amberlight.cli", "plan", *map(str, argv)],
        capture_output=True, text=True, timeout=100, check=False, stdin=subprocess.DEVNULL,
        env={
            **keep, "AWS_ENDPOINT_URL": lab.endpoint, "AWS_ACCESS_KEY_ID": keys.access_key_id,
            "AWS_SECRET_ACCESS_KEY": keys.secret_access_key, "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true", **token,
        },
    )  # fmt: skip


@pytest.fixture(scope="module")
def estate(lab, aws, host):
    """A tagged bucket, an alarm in the other Region, and the host of the session."""
    bucket, alarm = unique("customers"), unique("burst")
    aws("s3").create_bucket(Bucket=bucket)
    tags = [{"Key": f"k{number}", "Value": "v"} for number in range(9)]
    aws("s3").put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
    aws("cloudwatch", region="eu-west-1").put_metric_alarm(
        AlarmName=alarm, Namespace="AWS/Usage", MetricName="CallCount", Statistic="Sum", Period=60, EvaluationPeriods=1,
        Threshold=99.0, ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    return bucket, alarm


@pytest.mark.proves("cloudwatch.GetMetricStatistics", "s3.GetBucketTagging", "iam.ListAccountAliases")
def test_a_plan_out_of_an_account(lab, prod, estate, tmp_path):
    bucket, alarm = estate
    path = tmp_path / "p.yaml"
    done = run(lab, prod.admin, "init", path, "--from-account")
    assert done.returncode == 0, done.stderr
    plan = load(path)
    assert [(one.id, one.use) for one in plan.accounts] == [(prod.id, "subject")]
    assert {"us-east-1", "eu-west-1"} <= set(plan.accounts[0].regions)
    assert f"bucket/{bucket}" in {jewel.resource for jewel in plan.crown_jewels}
    assert f"alarm: {alarm} in eu-west-1" in path.read_text()
    assert "NOT READ" not in done.stderr
    checked = run(lab, prod.admin, "check", path, "--json")
    assert checked.returncode == 3
    assert any(bucket in point["what"] for point in json.loads(checked.stdout)["open"])


def test_reading_an_account_changes_nothing(lab, prod, aws, estate):
    user, keys = made(aws, prod)
    aws("iam").put_user_policy(UserName=user, PolicyName="all", PolicyDocument=allow("*"))
    assert run(lab, keys, "init", "-", "--from-account").returncode == 0

    def events():
        asked = [{"AttributeKey": "Username", "AttributeValue": user}]
        pages = aws("cloudtrail").get_paginator("lookup_events").paginate(LookupAttributes=asked)
        found = [json.loads(event["CloudTrailEvent"]) for page in pages for event in page["Events"]]
        return found if {"ListBuckets", "DescribeInstances"} <= {event["eventName"] for event in found} else None

    assert {(event["eventName"], event["readOnly"]) for event in eventually(events) if not event["readOnly"]} == set()


def made(aws, prod):
    """A user without rights, and its keys."""
    user = unique("reader")
    aws("iam").create_user(UserName=user)
    key = aws("iam").create_access_key(UserName=user)["AccessKey"]
    return user, type(prod.admin)(
        access_key_id=key["AccessKeyId"], secret_access_key=key["SecretAccessKey"], session_token=None
    )


def test_keys_that_may_nothing_get_a_plan_that_says_so(lab, prod, aws, tmp_path):
    _, nobody = made(aws, prod)
    done = run(lab, nobody, "init", tmp_path / "p.yaml", "--from-account")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("NOT READ") > 5
    assert load(tmp_path / "p.yaml").crown_jewels == ()


def test_keys_of_nobody_end_with_6_and_write_nothing(lab, prod, tmp_path):
    wrong = type(prod.admin)(access_key_id="AKIAIOSFODNN7EXAMPLE", secret_access_key="x" * 40, session_token=None)
    done = run(lab, wrong, "init", tmp_path / "p.yaml", "--from-account")
    assert done.returncode == 6, done.stderr
    assert not (tmp_path / "p.yaml").exists()


def test_roles_are_taken_on_only_where_they_open(lab, prod, vault, tmp_path):
    """The capture role opens, the vault's are not there."""
    iam = client(lab, "iam", prod.admin)
    role = unique("inventory")
    trusted = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{prod.id}:root"}, "Action": "sts:AssumeRole"}
    iam.create_role(
        RoleName=role, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trusted]})
    )
    path = tmp_path / "p.yaml"
    (tmp_path / "a.yaml").write_text(
        f"accounts: [{{id: '{prod.id}', name: prod, use: subject}}, {{id: '{vault.id}', name: v, use: vault}}]\n"
        f"capture: {{capture_role: {role}}}\nvault: {{bucket: b, region: us-east-1, writer_role: {unique('none')}}}\n"
    )
    assert run(lab, prod.admin, "init", path, "--answers", tmp_path / "a.yaml").returncode == 0
    shut = points(run(lab, prod.admin, "check", path, "--live", "--json"))
    assert not any(role in text for text in shut)
    assert len(shut) == 4
    assert all(vault.id in text for text in shut)
    plan = load(path)
    path.write_text(dump(replace(plan, capture=replace(plan.capture, capture_role=unique("gone")))))
    assert len(points(run(lab, prod.admin, "check", path, "--live", "--json"))) == 5
    assert points(run(lab, prod.admin, "check", path, "--json")) == []


def points(done):
    """What was said of roles."""
    assert done.returncode == 3, done.stderr
    return [point["what"] for point in json.loads(done.stdout)["open"] if point["check"] == "evidence.roles"]
