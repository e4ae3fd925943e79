"""Helpers of the tests of faults: each test puts its own faults in force, and none stays."""

import contextlib
import json

from botocore.exceptions import ClientError, HTTPClientError

ONCE = {"retries": {"total_max_attempts": 1}}


@contextlib.contextmanager
def in_force(lab, *faults):
    """Faults for the length of a block."""
    lab.control("faults", set=list(faults))
    try:
        yield
    finally:
        lab.control("faults", set=[])


def struck(lab, name):
    """How often a kind of fault has struck since the list was set."""
    return sum(each["struck"] for each in lab.control("faults")["faults"] if each["fault"] == name)


def outcome(call, **parameters):
    """Status and code of a call's answer; `(0, name of the exception)` where there was none."""
    try:
        answer = call(**parameters)
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]
    except HTTPClientError as error:
        return 0, type(error).__name__
    return answer["ResponseMetadata"]["HTTPStatusCode"], ""


def delivery_policy_for(bucket):
    """A bucket policy that lets CloudTrail write."""
    return json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"},
        "Action": ["s3:PutObject", "s3:GetBucketAcl"],
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
    }]})  # fmt: skip
