"""Helpers of the tests of AWS Config, which runs in the security account, away from other tests."""

import contextlib
import json

from lab_tools import allow, client, eventually, trust

ROLE = "recorder"


def ready(lab, region):
    """The security account's role and bucket for AWS Config."""
    account = lab.accounts["security"]
    iam, s3 = client(lab, "iam", account.admin), client(lab, "s3", account.admin, region=region)
    with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
        iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=trust({"Service": "config.amazonaws.com"}))
        iam.put_role_policy(RoleName=ROLE, PolicyName="p", PolicyDocument=allow("sns:Publish"))
    bucket = f"config-{account.id}-{region}"
    if all(each["Name"] != bucket for each in s3.list_buckets()["Buckets"]):
        where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        s3.create_bucket(Bucket=bucket, **where)
        services = ["config.amazonaws.com", "cloudtrail.amazonaws.com"]
        statement = {"Effect": "Allow", "Principal": {"Service": services}, "Action": ["s3:PutObject", "s3:GetBucketAcl"],
                     "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]}  # fmt: skip
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    return f"arn:aws:iam::{account.id}:role/{ROLE}", bucket


def run_recorder(lab, region, group, **channel):
    """Start recorder and channel, if they do not run; gives clients of the account in that Region."""
    account = lab.accounts["security"]

    def at(service):
        return client(lab, service, account.admin, region=region)

    role, bucket = ready(lab, region)
    config = at("config")
    config.put_configuration_recorder(
        ConfigurationRecorder={"name": "default", "roleARN": role, "recordingGroup": group}
    )
    config.put_delivery_channel(DeliveryChannel={"name": "default", "s3BucketName": bucket, **channel})
    config.start_configuration_recorder(ConfigurationRecorderName="default")
    return at


def recorder_role(at):
    """The role of the recorder."""
    return at("config").describe_configuration_recorders()["ConfigurationRecorders"][0]["roleARN"]


def items_of(config, kind, ident, least):
    """The items of a resource, newest first, as soon as there are so many."""

    def read():
        try:
            return config.get_resource_config_history(resourceType=kind, resourceId=ident, limit=100)[
                "configurationItems"
            ]
        except config.exceptions.ResourceNotDiscoveredException:
            if not least:
                raise
            return []

    return eventually(lambda: (found := read()) and len(found) >= least and found)


def statuses(items):
    """Their statuses."""
    return [each["configurationItemStatus"] for each in items]
