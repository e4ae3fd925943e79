"""How CloudTrail spells a call: names, parameters, answers, and what it leaves out.

References:
    310 real records (stratus detonations); "CloudTrail record contents", CloudTrail User Guide, 2026-11.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any

from amberlight.lab.options import REGION
from amberlight.lab.recorder import shape_ec2, shape_s3
from amberlight.lab.recorder.requests import Call, Request

_READS = re.compile(
    "^(Get|List|Describe|Head|BatchGet|Lookup|Search|Select|Query|Scan|Check|Simulate|Validate|Preview|View|Test|"
    "Generate(Credential|Service|DataKey|Random|Mac)|AssumeRole|Decode|Download|Filter|Poll|Receive)"
)
_READS_TOO = frozenset({"kms:Sign", "kms:Verify", "kms:Encrypt", "kms:Decrypt", "kms:VerifyMac", "kms:DeriveSharedSecret",
                        "kms:ReEncrypt"})  # fmt: skip
_WRITES_TOO = frozenset({"sts:GetFederationToken"})
_ANSWERED_READS = frozenset({"AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity", "GetSessionToken",
                             "GetFederationToken"})  # fmt: skip
_DATA = {
    "lambda": ("Invoke", "InvokeAsync"), "sns": ("Publish", "PublishBatch"),
    "sqs": ("SendMessage", "SendMessageBatch", "ReceiveMessage", "DeleteMessage", "DeleteMessageBatch",
            "ChangeMessageVisibility"),
    "dynamodb": ("GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan", "BatchGetItem", "BatchWriteItem"),
    "cloudwatch": ("PutMetricData", "GetMetricData", "GetMetricStatistics", "ListMetrics", "GetMetricWidgetImage"),
}  # fmt: skip
_LAMBDA = {
    "CreateFunction": "20150331", "DeleteFunction": "20150331", "ListFunctions": "20150331",
    "GetFunction": "20150331v2", "GetFunctionConfiguration": "20150331v2", "UpdateFunctionCode": "20150331v2",
    "UpdateFunctionConfiguration": "20150331v2", "AddPermission": "20150331v2", "RemovePermission": "20150331v2",
    "GetPolicy": "20150331v2", "CreateEventSourceMapping": "20150331", "PublishVersion": "20150331",
    "PublishLayerVersion": "20181031", "AddLayerVersionPermission": "20181031", "GetLayerVersion": "20181031",
    "Invoke": "",
}  # fmt: skip
_SOURCES = {"cloudwatch": "monitoring", "stepfunctions": "states", "elbv2": "elasticloadbalancing",
            "elb": "elasticloadbalancing", "sesv2": "ses", "resourcegroupstaggingapi": "tagging"}  # fmt: skip
_ABSENT = re.compile(
    "^(secretAccessKey|password|newPassword|oldPassword|secretString|secretBinary|plaintext|privateKey|"
    "serialNumberSecret|zipFile|message|plaintextKey)$"
)
_MARKED = {("ssm", "parameters"), ("ssm", "value"), ("lambda", "variables"), ("ssm", "tokenValue")}
HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"
_SURPLUS: dict[str, tuple[str, tuple[str, ...]]] = {
    "CreateRole": ("role", ("description", "maxSessionDuration", "tags")),
    "AssumeRole": ("", ("packedPolicySize",)),
}
"""What the emulator answers without being asked, and AWS does not."""

GLOBAL = frozenset({"iam", "organizations", "cloudfront", "route53", "support", "account"})
"""Services without a Region of their own; their events appear in us-east-1."""


def event_source(call: Call) -> str:
    """`eventSource` of a call."""
    return f"{_SOURCES.get(call.service, call.service)}.amazonaws.com"


def event_name(call: Call) -> str:
    """`eventName` of a call."""
    if call.service == "lambda":
        return call.operation + _LAMBDA.get(call.operation, "20150331")
    return shape_s3.event_name(call.operation) if call.service == "s3" else call.operation


def event_region(call: Call, signed: str) -> str:
    """The Region whose history has the event."""
    return REGION if call.service in GLOBAL else signed


def is_read(call: Call) -> bool:
    """`readOnly` of a call."""
    full = f"{call.service}:{call.operation}"
    return (bool(_READS.match(call.operation)) or full in _READS_TOO) and full not in _WRITES_TOO


def is_data(call: Call) -> bool:
    """Whether it is a data event instead of a management event."""
    return shape_s3.is_data(call) if call.service == "s3" else call.operation in _DATA.get(call.service, ())


def request_parameters(call: Call, wire: Request) -> dict[str, Any] | None:
    """`requestParameters`: what was asked, without secrets."""
    if call.service == "s3":
        return shape_s3.request(call, wire)
    if call.service == "ec2":
        return shape_ec2.request(call.operation, call.params) or None
    shaped = camel(call.params, call.service)
    if call.service == "lambda" and isinstance(shaped.get("environment"), dict):
        shaped["environment"] = {}
    return shaped or None


def response_elements(
    call: Call, output: Mapping[str, Any], headers: Mapping[str, str], request_id: str
) -> dict[str, Any] | None:
    """`responseElements`: null for what only reads, except for the calls that hand out sessions."""
    if is_read(call) and call.operation not in _ANSWERED_READS:
        return None
    if call.service == "s3":
        return shape_s3.response(headers)
    if call.service == "ec2":
        return shape_ec2.response(call.operation, output, request_id)
    return _plain_response(call, camel(output, call.service)) or None


def _plain_response(call: Call, shaped: dict[str, Any]) -> dict[str, Any]:
    outer, names = _SURPLUS.get(call.operation, ("", ()))
    for name in names:
        if name[0].upper() + name[1:] not in call.params:
            (shaped.get(outer, {}) if outer else shaped).pop(name, None)
    if call.service == "lambda" and isinstance(shaped.get("environment"), dict):
        shaped["environment"] = {}
    if call.service == "rds" and len(shaped) == 1:
        unwrapped: dict[str, Any] = next(iter(shaped.values()))
        return unwrapped
    return shaped


def error(call: Call, code: str, message: str) -> dict[str, str]:
    """`errorCode` and `errorMessage` of a refused call."""
    if call.service == "ec2" and not code.startswith(("Client.", "Server.")):
        code = "Client." + ("UnauthorizedOperation" if code == "AccessDenied" else code)
    elif code == "AccessDeniedException":
        code = "AccessDenied"
    return {"errorCode": code, **({"errorMessage": message} if message else {})}


def camel(value: Any, service: str) -> Any:
    """Names with a small first letter, blobs and secrets left out, times as Java prints them."""
    if isinstance(value, Mapping):
        found = {}
        for name, inner in value.items():
            wire = name[:1].lower() + name[1:]
            if _ABSENT.match(wire) or isinstance(inner, (bytes, bytearray)):
                continue
            found[wire] = HIDDEN if (service, wire) in _MARKED else camel(inner, service)
        return found
    if isinstance(value, list):
        return [camel(item, service) for item in value]
    if isinstance(value, dt.datetime):
        return java_time(value)
    return value


def java_time(moment: dt.datetime) -> str:
    """A time as the services' Java code prints it: `Jul 31, 2024, 8:07:33 PM`."""
    return moment.astimezone(dt.UTC).strftime("%b %-d, %Y, %-I:%M:%S %p")


def java_time_of(moment: float) -> str:
    """Seconds since the epoch in the same form."""
    return java_time(dt.datetime.fromtimestamp(moment, dt.UTC))
