"""One call as a CloudTrail record: who, from where, what was asked and answered, about which resources.

References:
    "CloudTrail record contents" and "CloudTrail userIdentity element", CloudTrail User Guide, 2026-11; real records.
"""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Mapping
from typing import Any

from amberlight.lab import clock, hooks
from amberlight.lab.recorder import identity, requests, responses, shape, shape_s3
from amberlight.lab.recorder.answers import Answer
from amberlight.lab.recorder.names import FRONTED
from amberlight.lab.recorder.requests import Call, Request

_ARN_PARTS = 6


@dataclasses.dataclass(frozen=True)
class Seen:
    """A signed call that was answered."""

    caller: identity.Caller
    call: Call
    wire: Request
    signature: requests.Scope
    answer: Answer
    moment: float
    source: str


def blank(moment: float, region: str, account: str, source: str, name: str) -> dict[str, Any]:
    """The fields that every record has."""
    return {
        "eventVersion": "1.09", "userIdentity": {}, "eventTime": clock.iso(moment), "eventSource": source,
        "eventName": name, "awsRegion": region, "sourceIPAddress": "", "userAgent": "", "requestParameters": None,
        "responseElements": None, "requestID": "", "eventID": str(uuid.uuid4()), "readOnly": False,
        "eventType": "AwsApiCall", "managementEvent": True, "recipientAccountId": account,
        "eventCategory": "Management",
    }  # fmt: skip


def write(seen: Seen, region: str, failed: tuple[str, str] | None, *, data: bool) -> dict[str, Any]:
    """The record of a call; *failed* is the error's code and message."""
    call, answer = seen.call, seen.answer
    made = blank(seen.moment, region, seen.caller.account, shape.event_source(call), shape.event_name(call))
    denied = failed is not None and shape.is_denial(failed[0])
    made.update({
        "userIdentity": dict(seen.caller.identity), "sourceIPAddress": seen.source, "userAgent": _agent(seen),
        "readOnly": shape.is_read(call), "requestID": answer.request_id,
        "requestParameters": shape.request_parameters(call, seen.wire, denied=denied),
        "managementEvent": not data, "eventCategory": "Data" if data else "Management",
    })  # fmt: skip
    if call.service not in FRONTED:
        made["tlsDetails"] = {"tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256",
                              "clientProvidedHostHeader": seen.wire.headers.get("host", "")}  # fmt: skip
    output: Mapping[str, Any] = {}
    if failed is not None:
        made.update(shape.error(call, *failed))
    else:
        output = {} if call.service == "s3" else _output(call, answer)
        if not data or call.service == "s3":
            made["responseElements"] = shape.response_elements(call, output, answer.headers, answer.request_id)
        if version := shape.api_version(call):
            made["apiVersion"] = version
    _add_particulars(made, seen, output, failed)
    return made


def _agent(seen: Seen) -> str:
    said = seen.wire.headers.get("user-agent", "")
    return f"[{said}]" if seen.call.service == "s3" else said


def _output(call: Call, answer: Answer) -> Mapping[str, Any]:
    return responses.parse(call.service, call.operation, answer.status, answer.headers, answer.body)


def _add_particulars(
    made: dict[str, Any], seen: Seen, output: Mapping[str, Any], failed: tuple[str, str] | None
) -> None:
    """`resources` and `additionalEventData`, where real records have them."""
    found: list[dict[str, str]] | None = None
    if seen.call.service == "s3":
        received = int(seen.wire.headers.get("content-length") or 0)
        made["additionalEventData"] = shape_s3.additional(
            seen.signature, sent=seen.answer.size, received=received, headers=seen.answer.headers
        )
        found = shape_s3.resources(seen.call, owner(seen))
    elif failed is None:
        found = _named_resources(seen, output)
    if found:
        made["resources"] = found


def _named_resources(seen: Seen, output: Mapping[str, Any]) -> list[dict[str, str]]:
    call, account, region = seen.call, seen.caller.account, seen.signature.region
    if call.operation == "AssumeRole":
        return [_resource(str(call.params.get("RoleArn", "")), "AWS::IAM::Role")]
    if call.service == "kms":
        arn = _key_arn(seen, output)
        return [_resource(arn, "AWS::KMS::Key")] if arn else []
    if call.service == "ssm" and call.operation in ("GetParameter", "GetParameters"):
        names = call.params.get("Names") or [call.params.get("Name", "")]
        prefix = f"arn:aws:ssm:{region}:{account}:parameter/"
        return [{"accountId": account, "ARN": prefix + str(name).lstrip("/")} for name in names]
    if call.service == "ebs" and shape.is_data(call):
        name = call.params.get("SnapshotId") or call.params.get("SecondSnapshotId")
        return [{"accountId": account, "type": "AWS::EC2::Snapshot", "ARN": f"arn:aws:ec2:{region}::snapshot/{name}"}]
    if call.service == "dynamodb" and isinstance(call.params.get("TableName"), str):
        arn = call.params["TableName"].rsplit("/", 1)[-1]
        return [_resource(f"arn:aws:dynamodb:{region}:{account}:table/{arn}", "AWS::DynamoDB::Table")]
    return []


def _resource(arn: str, kind: str) -> dict[str, str]:
    return {"accountId": arn.split(":")[4], "type": kind, "ARN": arn}


def _key_arn(seen: Seen, output: Mapping[str, Any]) -> str:
    """The key that a call used or made; one that nobody named is in the answer."""
    key = str(seen.call.params.get("KeyId") or output.get("KeyId") or output.get("KeyMetadata", {}).get("Arn") or "")
    if not key or (key.startswith("arn:aws:kms:") and ":key/" in key):
        return key
    with hooks.acting_for(seen.caller.account, seen.signature.region):
        found = hooks.service("kms")._resolve_key(key)
    return str(found["Arn"]) if found else ""


def owner(seen: Seen) -> str | None:
    """The account that owns what the call is about, where that can be another than the caller's."""
    if seen.call.service == "s3" and "Bucket" in seen.call.params:
        found = hooks.service("s3")._bucket_owner_account(seen.call.params["Bucket"])
        return str(found) if found else None
    named = {"sts": "RoleArn", "kms": "KeyId"}.get(seen.call.service, "")
    parts = str(seen.call.params.get(named, "")).split(":")
    return parts[4] if len(parts) >= _ARN_PARTS else None


def shared_with(seen: Seen, failed: tuple[str, str] | None) -> str | None:
    """The other account whose trail has the event too, or None."""
    known = {account for account, _ in hooks.service("iam")._users.to_dict()}
    other = owner(seen)
    if failed is not None or other is None or other == seen.caller.account or other not in known:
        return None
    return other


def as_seen_there(record: Mapping[str, Any], seen: Seen, account: str) -> dict[str, Any]:
    """The same event in the trail of the account whose resource it was: the caller is only an account there."""
    foreign = {"type": "AWSAccount", "principalId": seen.caller.identity["principalId"],
               "accountId": seen.caller.account}  # fmt: skip
    return {**record, "userIdentity": foreign, "recipientAccountId": account, "eventID": str(uuid.uuid4())}
