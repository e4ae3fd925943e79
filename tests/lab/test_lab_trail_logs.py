"""CloudTrail into CloudWatch Logs, up to the alarm that a metric filter on it wakes."""

import json

import pytest
from lab_tools import allow, eventually, refused, trust, unique

pytestmark = pytest.mark.lab


@pytest.fixture
def parts(aws, prod):
    """A bucket, a log group, and roles: one that may write to it, and one that may not."""
    s3, iam, name = aws("s3"), aws("iam"), unique("watched")
    s3.create_bucket(Bucket=name)
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": ["s3:PutObject", "s3:GetBucketAcl"],
         "Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"]},
    ]}))  # fmt: skip
    aws("logs").create_log_group(logGroupName=name)
    roles = []
    for number, actions in enumerate([("logs:CreateLogStream", "logs:PutLogEvents"), ("logs:CreateLogStream",)]):
        role = iam.create_role(
            RoleName=f"{name}-{number}", AssumeRolePolicyDocument=trust({"Service": "cloudtrail.amazonaws.com"})
        )["Role"]["Arn"]
        iam.put_role_policy(RoleName=f"{name}-{number}", PolicyName="p", PolicyDocument=allow(*actions))
        roles.append(role)
    return name, f"arn:aws:logs:us-east-1:{prod.id}:log-group:{name}:*", roles


def test_a_trail_writes_to_its_group_and_wakes_an_alarm(aws, prod, parts):
    name, group, (role, _) = parts
    trail, logs, cloudwatch = aws("cloudtrail"), aws("logs"), aws("cloudwatch")
    logs.put_metric_filter(
        logGroupName=name, filterName="stops", metricTransformations=[
            {"metricName": "Stops", "metricNamespace": name, "metricValue": "1"}],
        filterPattern='{ ($.eventName = "StopLogging") && $.userIdentity.userName = "admin" && $.errorCode NOT EXISTS }',
    )  # fmt: skip
    cloudwatch.put_metric_alarm(
        AlarmName=name, Namespace=name, MetricName="Stops", Statistic="Sum", Period=300, EvaluationPeriods=1, Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
    )  # fmt: skip
    made = trail.create_trail(Name=name, S3BucketName=name, CloudWatchLogsLogGroupArn=group, CloudWatchLogsRoleArn=role)
    assert (made["CloudWatchLogsLogGroupArn"], made["CloudWatchLogsRoleArn"]) == (group, role)
    assert trail.get_trail(Name=name)["Trail"]["CloudWatchLogsLogGroupArn"] == group
    aws("sts").get_caller_identity()
    trail.start_logging(Name=name)
    made = aws("sts").get_caller_identity()["ResponseMetadata"]["RequestId"]
    trail.stop_logging(Name=name)
    aws("iam").list_users()

    def events():
        return [
            json.loads(each["message"])
            for each in logs.get_log_events(logGroupName=name, logStreamName=f"{prod.id}_CloudTrail_us-east-1")[
                "events"
            ]
        ]

    eventually(lambda: logs.describe_log_streams(logGroupName=name)["logStreams"])
    eventually(lambda: any(each["eventName"] == "StopLogging" for each in events()))
    assert made in {each["requestID"] for each in events()}
    assert [each["requestID"] for each in events() if each["eventName"] == "GetCallerIdentity"] == [made]
    assert "ListUsers" not in {each["eventName"] for each in events()}
    assert trail.get_trail_status(Name=name)["LatestCloudWatchLogsDeliveryTime"]
    assert eventually(lambda: cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"] == "ALARM")
    trail.delete_trail(Name=name)


def test_groups_and_roles_are_checked(aws, parts):
    name, group, (role, weak) = parts
    trail = aws("cloudtrail")
    create = {"Name": name, "S3BucketName": name, "CloudWatchLogsLogGroupArn": group}
    assert refused(trail.create_trail, **create, CloudWatchLogsRoleArn=weak) == "InvalidCloudWatchLogsRoleArnException"
    assert refused(trail.create_trail, **create) == "InvalidCloudWatchLogsRoleArnException"
    create["CloudWatchLogsLogGroupArn"] = group.replace(name, "none")
    assert refused(trail.create_trail, **create, CloudWatchLogsRoleArn=role) == (
        "InvalidCloudWatchLogsLogGroupArnException"
    )
    assert refused(trail.get_trail, Name=name) == "TrailNotFoundException"
    trail.create_trail(Name=name, S3BucketName=name, CloudWatchLogsLogGroupArn=group, CloudWatchLogsRoleArn=role)
    assert refused(trail.update_trail, Name=name, CloudWatchLogsRoleArn=weak) == "InvalidCloudWatchLogsRoleArnException"
    trail.update_trail(Name=name, CloudWatchLogsLogGroupArn="", CloudWatchLogsRoleArn="")
    assert not trail.get_trail(Name=name)["Trail"].get("CloudWatchLogsLogGroupArn")
    trail.delete_trail(Name=name)


def test_a_trail_says_why_it_cannot_write(aws, parts):
    name, group, (role, _) = parts
    trail, iam = aws("cloudtrail"), aws("iam")
    trail.create_trail(Name=name, S3BucketName=name, CloudWatchLogsLogGroupArn=group, CloudWatchLogsRoleArn=role)
    iam.delete_role_policy(RoleName=f"{name}-0", PolicyName="p")
    trail.start_logging(Name=name)
    aws("sts").get_caller_identity()
    error = eventually(lambda: trail.get_trail_status(Name=name).get("LatestCloudWatchLogsDeliveryError"))
    assert error == "Access denied."
    assert aws("logs").describe_log_streams(logGroupName=name)["logStreams"] == []
    trail.delete_trail(Name=name)
