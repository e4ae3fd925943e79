"""Calls that Systems Manager makes for somebody: with an assumed role's rights, or with those of the caller.

They go through signature, policy and recorder like any other call; the record says ssm.amazonaws.com as source and user agent.

References:
    "Configuring a service role (assume role) access for automations", AWS Systems Manager User Guide, 2026-11.
"""

from __future__ import annotations

import uuid
from typing import Any, cast
from urllib.parse import urlencode

import botocore.parsers
import botocore.serialize
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from amberlight.lab import clock, hooks, inside, metadata
from amberlight.lab.own import Refused
from amberlight.lab.recorder import shape
from amberlight.lab.recorder.middleware import Recorder
from amberlight.lab.recorder.record import blank

SERVICE = "ssm.amazonaws.com"
_SESSION_S = 3600.0


class CallError(Exception):
    """A call that was refused; the message says how, as the service said it."""


def own(key: str) -> Credentials:
    """The credentials with which the current request was signed."""
    found = hooks.emulator("core.iam_evaluator").resolve_credential(key, hooks.current_account())
    session = hooks.service("sts")._sessions.get(key) or {}
    return Credentials(key, found.secret_access_key, session.get("SessionToken"))


def assumed(recorder: Recorder, arn: str, session: str) -> Credentials:
    """Credentials of a role that lets Systems Manager take it.

    Raises:
        Refused: There is no such role in the account, or it does not.
    """
    account, region = hooks.current_account(), hooks.current_region()
    role = hooks.service("iam")._roles.get(arn.rsplit("/", 1)[-1])
    if role is None or role["Arn"] != arn or not _trusts(role):
        raise Refused("InvalidAutomationExecutionParametersException",
                      "The defined assume role is unable to be assumed.")  # fmt: skip
    made = metadata.issue(account, role, session, _SESSION_S)
    moment = clock.now()
    record = blank(moment, region, account, "sts.amazonaws.com", "AssumeRole")
    record.update({
        "eventVersion": "1.08", "userIdentity": {"type": "AWSService", "invokedBy": SERVICE},
        "sourceIPAddress": SERVICE, "userAgent": SERVICE, "readOnly": True,
        "requestParameters": {"roleArn": arn, "roleSessionName": session},
        "responseElements": {"credentials": {
            "accessKeyId": made["key"], "sessionToken": made["token"][:100],
            "expiration": shape.java_time_of(made["expires"])}},
        "requestID": str(uuid.uuid4()), "sharedEventID": str(uuid.uuid4()),
        "resources": [{"accountId": account, "type": "AWS::IAM::Role", "ARN": arn}],
    })  # fmt: skip
    recorder.write(record, account, region, moment)
    return Credentials(made["key"], made["secret"], made["token"])


def _trusts(role: dict[str, Any]) -> bool:
    evaluator = hooks.emulator("core.iam_evaluator")
    context = evaluator.EvalContext(
        principal_arn=SERVICE, principal_type="Service", principal_account="", action="sts:AssumeRole",
        resource_arn="*", region=hooks.current_region(),
        service_context={"aws:sourceaccount": hooks.current_account()},
    )  # fmt: skip
    found = evaluator.evaluate_resource_policy(role.get("AssumeRolePolicyDocument"), context, service=SERVICE)
    return bool(found.decision == "Allow")


async def call(
    recorder: Recorder, credentials: Credentials, operation: str, params: dict[str, Any], region: str
) -> dict[str, Any]:
    """Call an operation of AWS inside the lab, named `service.Operation`.

    Raises:
        CallError: It was refused, or the parameters do not fit it.
    """
    service, _, name = operation.partition(".")
    model = hooks.model(service)
    made = model.operation_model(name)
    try:
        wire = botocore.serialize.create_serializer(model.protocol).serialize_to_request(params, made)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CallError(f"Invalid parameters for {operation}: {error}") from error
    request = AWSRequest(
        method=wire["method"], url="http://127.0.0.1" + _target(wire), data=_body(wire["body"]),
        headers={**wire["headers"], "User-Agent": SERVICE},
    )  # fmt: skip
    status, headers, body = await inside.call(
        recorder, request, credentials, service=model.signing_name, region=region, source=SERVICE
    )
    parser = botocore.parsers.create_parser(model.protocol)
    parsed = parser.parse({"status_code": status, "headers": headers, "body": body}, made.output_shape)
    if status >= 300:  # noqa: PLR2004
        told = parsed.get("Error") or {}
        raise CallError(f"{told.get('Code')}: {told.get('Message')}")
    return cast("dict[str, Any]", parsed)


def _target(wire: dict[str, Any]) -> str:
    query = urlencode(wire["query_string"] or {}, doseq=True)
    path = str(wire["url_path"])
    return path + (("&" if "?" in path else "?") + query if query else "")


def _body(body: Any) -> bytes:
    if isinstance(body, dict):
        return urlencode(body).encode()
    return body.encode() if isinstance(body, str) else bytes(body or b"")
