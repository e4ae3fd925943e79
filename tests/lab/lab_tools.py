"""Helpers of the lab's tests."""

import itertools
import json
import time
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from amberlight.lab.netns import why_no_namespaces

NO_NAMESPACES = why_no_namespaces()
needs_namespaces = pytest.mark.skipif(NO_NAMESPACES is not None, reason=f"no namespaces: {NO_NAMESPACES}")
CONFIG = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1, "mode": "standard"})
_numbers = itertools.count(1)


def client(lab, service, credentials, region="us-east-1", **more):
    """A client without retries, so that a refusal is seen as it is."""
    return boto3.client(
        service, endpoint_url=lab.endpoint, region_name=region, aws_access_key_id=credentials.access_key_id,
        aws_secret_access_key=credentials.secret_access_key, aws_session_token=credentials.session_token,
        config=CONFIG.merge(Config(**more)) if more else CONFIG,
    )  # fmt: skip


def refused(call, *args, **kwargs):
    """The error code with which a call is refused."""
    with pytest.raises(ClientError) as caught:
        call(*args, **kwargs)
    return caught.value.response["Error"]["Code"]


def eventually(probe, timeout=30.0):
    """The first truthy answer of *probe*."""
    deadline = time.monotonic() + timeout
    while True:
        found = probe()
        if found:
            return found
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)  # noqa: TID251 (tests wait for a real process)


def unique(prefix):
    """A name that no other test of this worker uses."""
    return f"{prefix}-{next(_numbers)}"


def lookup(trail, **attribute):
    """Records of the event history with one attribute, newest first."""
    ((key, value),) = attribute.items()
    events = trail.lookup_events(LookupAttributes=[{"AttributeKey": key, "AttributeValue": value}])["Events"]
    return [json.loads(event["CloudTrailEvent"]) for event in events]


def trust(*principals):
    """A trust policy."""
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"} for principal in principals
    ]})  # fmt: skip


def allow(*actions):
    """An identity policy."""
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    ]})  # fmt: skip


def sleeping(number):
    """Processes anywhere that run our sleep."""
    found = set()
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "cmdline").read_bytes() == f"sleep\0{number}\0".encode():
                found.add(int(entry.name))
        except OSError:
            continue
    return found
