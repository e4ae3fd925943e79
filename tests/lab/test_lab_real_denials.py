"""Denied calls: what real records say was refused, asked again by a user without rights, gives the same key paths in the lab."""

import json

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from lab_tools import client, eventually, unique
from real_records import operations, paths, records, sent

from amberlight.lab import LabCredentials
from amberlight.lab.recorder import shape

pytestmark = pytest.mark.lab
SERVICES = frozenset({"cloudtrail", "config", "ec2", "events", "guardduty", "iam", "kms", "lambda", "logs", "organizations",
                      "secretsmanager", "sns", "ssm", "sts"})  # fmt: skip
OTHER_ORDER = {
    "lambda:UpdateEventSourceMapping20150331": "the emulator looks for the mapping before it asks the policy",
    "sts:GetSessionToken": "needs no right: the real one was refused for a wrong one-time password",
}
"""Calls that are refused for another reason first."""


def denials(data):
    """One real record of a denial for each kind of call to the services; console sessions are another matter."""
    found = {}
    for record in records(data):
        service = record["eventSource"].split(".")[0]
        if service in SERVICES and shape.is_denial(record.get("errorCode", "")):
            found.setdefault(f"{service}:{record['eventName']}", record)
    return found


def ask(lab, low, real, clients):
    """Make the call of a real record; gives the request id of its refusal."""
    (call, *_) = operations(real)
    made = clients.setdefault(call.service, client(lab, call.service, low, parameter_validation=False))
    try:
        getattr(made, xform_name(call.operation))(**sent(real, call))
    except ClientError as error:
        return error.response["ResponseMetadata"]["RequestId"]
    raise AssertionError(f"{call.service}:{call.operation} was not refused")


def of_user(trail, user):
    """The records of a user, by request id."""
    pages = trail.get_paginator("lookup_events").paginate(
        LookupAttributes=[{"AttributeKey": "Username", "AttributeValue": user}]
    )
    found = [json.loads(event["CloudTrailEvent"]) for page in pages for event in page["Events"]]
    return {record["requestID"]: record for record in found}


def without_caller(record):
    """The key paths, but for those of who called and from which session."""
    return {path for path in paths(record) if not path.startswith(("userIdentity", "sessionCredential"))}


def test_denied_calls_have_the_key_paths_of_real_ones(lab, aws, shared_data):
    user, clients = unique("denied"), {}
    aws("iam").create_user(UserName=user)
    key = aws("iam").create_access_key(UserName=user)["AccessKey"]
    low = LabCredentials(key["AccessKeyId"], key["SecretAccessKey"])
    real = {kind: record for kind, record in denials(shared_data).items() if kind not in OTHER_ORDER}
    asked = {kind: ask(lab, low, record, clients) for kind, record in real.items()}
    made = eventually(lambda: (seen := of_user(aws("cloudtrail"), user)).keys() >= set(asked.values()) and seen)
    different = {
        kind: sorted(without_caller(made[ident]) ^ without_caller(real[kind]))
        for kind, ident in asked.items()
        if without_caller(made[ident]) != without_caller(real[kind])
    }
    assert different == {}, json.dumps(different)
    assert len(asked) >= 100
