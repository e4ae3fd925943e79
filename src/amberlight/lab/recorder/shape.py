"""How CloudTrail spells a call: names, parameters, answers, and what it leaves out.

References:
    Real records of 400 kinds; "CloudTrail record contents", CloudTrail User Guide, 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from amberlight.lab import hooks
from amberlight.lab.recorder import shape_ec2, shape_lambda, shape_s3
from amberlight.lab.recorder.names import FRONTED, GLOBAL, api_version, event_name, event_region, event_source
from amberlight.lab.recorder.requests import Call, Request
from amberlight.lab.recorder.shape_json import java_time_of, spell

__all__ = [
    "GLOBAL", "api_version", "error", "event_name", "event_region", "event_source", "is_data", "is_read", "java_time_of",
    "request_parameters", "response_elements",
]  # fmt: skip

_READS = re.compile(
    "^(Get|List|Describe|Head|BatchGet|Lookup|Search|Select|Query|Scan|Check|Simulate|Validate|Preview|View|Test|"
    "Generate(Credential|Service|DataKey|Random|Mac)|AssumeRole|Decode|Download|Filter|Poll|Receive)"
)
_READS_TOO = frozenset({"kms:Sign", "kms:Verify", "kms:Encrypt", "kms:Decrypt", "kms:VerifyMac", "kms:DeriveSharedSecret",
                        "kms:ReEncrypt"})  # fmt: skip
_WRITES_TOO = frozenset({"sts:GetFederationToken", "sts:GetSessionToken"})
_ANSWERED_READS = frozenset({"AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity", "GetSessionToken",
                             "GetFederationToken"})  # fmt: skip
_DATA = {
    "lambda": ("Invoke", "InvokeAsync"), "sns": ("Publish", "PublishBatch"),
    "sqs": ("SendMessage", "SendMessageBatch", "ReceiveMessage", "DeleteMessage", "DeleteMessageBatch",
            "ChangeMessageVisibility"),
    "dynamodb": ("GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan", "BatchGetItem", "BatchWriteItem"),
    "ebs": ("ListSnapshotBlocks", "ListChangedBlocks", "GetSnapshotBlock", "PutSnapshotBlock"),
    "cloudwatch": ("PutMetricData", "GetMetricData", "GetMetricStatistics", "ListMetrics", "GetMetricWidgetImage"),
}  # fmt: skip
_SURPLUS: dict[str, tuple[str, tuple[str, ...]]] = {
    "CreateRole": ("role", ("description", "maxSessionDuration", "tags")),
    "AssumeRole": ("", ("packedPolicySize",)),
}
"""What the emulator answers without being asked, and AWS does not."""

_BEYOND_THE_MODEL: dict[tuple[str, str], dict[str, Any]] = {
    ("ec2-instance-connect", "SendSerialConsoleSSHPublicKey"): {"monitorMode": False, "serialPort": 0},
    ("route53resolver", "DeleteResolverQueryLogConfig"): {"originSequenceNumber": 0},
    ("ssm", "SendCommand"): {"interactive": False},
    ("lambda", "CreateFunction"): {"environment": {}},
    ("lambda", "UpdateFunctionConfiguration"): {"environment": {}},
}
"""Parameters that the services have inside and the public models have not."""

_INSIDE_A_COMMAND = {"interactive": False, "clientName": "", "clientSourceId": "", "hasCancelCommandSignature": False,
                     "hasSendCommandSignature": False}  # fmt: skip
_DENIALS = frozenset({"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation",
                      "Client.UnauthorizedOperation"})  # fmt: skip
_ASKED_IF_DENIED = FRONTED | {"ec2", "s3", "bedrock", "bedrock-agent", "ce"}
"""Services whose records of a denied call tell what was asked; the others decide before they read it."""


def is_read(call: Call) -> bool:
    """`readOnly` of a call."""
    full = f"{call.service}:{call.operation}"
    return (bool(_READS.match(call.operation)) or full in _READS_TOO) and full not in _WRITES_TOO


def is_data(call: Call) -> bool:
    """Whether it is a data event instead of a management event."""
    return shape_s3.is_data(call) if call.service == "s3" else call.operation in _DATA.get(call.service, ())


def request_parameters(call: Call, wire: Request, *, denied: bool = False) -> dict[str, Any] | None:
    """`requestParameters`: what was asked, without secrets."""
    if denied and call.service not in _ASKED_IF_DENIED:
        return None
    if call.service == "s3":
        return shape_s3.request(call, wire)
    if call.service == "ec2":
        return shape_ec2.request(call.operation, call.params) or None
    shape = hooks.model(call.service).operation_model(call.operation).input_shape
    inside = _BEYOND_THE_MODEL.get((call.service, call.operation), {})
    return {**inside, **spell(call.params, shape, call.service)} or None


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
    shape = hooks.model(call.service).operation_model(call.operation).output_shape
    return _plain_response(call, spell(output, shape, call.service), shape) or None


def _plain_response(call: Call, shaped: dict[str, Any], shape: Any) -> dict[str, Any]:
    if call.service == "lambda":
        shape_lambda.complete(shaped)
    if "command" in shaped and call.operation == "SendCommand":
        shaped["command"].update(_INSIDE_A_COMMAND)
    outer, names = _SURPLUS.get(call.operation, ("", ()))
    for name in names:
        if name[0].upper() + name[1:] not in call.params:
            (shaped.get(outer, {}) if outer else shaped).pop(name, None)
    if call.service == "rds" and len(shaped) == 1 and _has_one_structure(shape):
        unwrapped: dict[str, Any] = next(iter(shaped.values()))
        return unwrapped
    return shaped


def _has_one_structure(shape: Any) -> bool:
    members = list(shape.members.values())
    return len(members) == 1 and members[0].type_name == "structure"


def is_denial(code: str) -> bool:
    """Whether an error says that a policy does not allow the call."""
    return code in _DENIALS


def error(call: Call, code: str, message: str) -> dict[str, Any]:
    """`errorCode` and `errorMessage` of a refused call, and how some services answer a denied one."""
    if call.service == "ec2" and not code.startswith(("Client.", "Server.")):
        code = "Client." + ("UnauthorizedOperation" if code == "AccessDenied" else code)
    elif code in ("AccessDeniedException", "AuthorizationError"):
        code = "AccessDenied"
    elif call.service != "s3":
        code = _class_of(call, code)
    if call.service in FRONTED and is_denial(code):
        return {"errorCode": code, "responseElements": None if is_read(call) else {"message": message}}
    return {"errorCode": code, **({"errorMessage": message} if message else {})}


def _class_of(call: Call, code: str) -> str:
    """A modelled error under the name of its class: `NoSuchEntityException`, where the wire has `NoSuchEntity`."""
    errors = hooks.model(call.service).operation_model(call.operation).error_shapes
    return next((str(each.name) for each in errors if each.metadata.get("error", {}).get("code") == code), code)
