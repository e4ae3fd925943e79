"""ASGI middleware that turns each signed call into a CloudTrail record, and gives each answer one request id."""

from __future__ import annotations

import dataclasses
import sys
import traceback
import uuid
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qs, unquote

from amberlight.lab import clock, hooks
from amberlight.lab.recorder import identity, requests, responses, shape, shape_s3
from amberlight.lab.recorder.answers import Answer
from amberlight.lab.recorder.history import Event, History, dump, resources_of
from amberlight.lab.recorder.requests import Call, Request


class Recorder:
    """Wraps the emulator; see the package's docstring."""

    def __init__(self, app: Any, history: History) -> None:
        self.emulator = app
        self._history = history
        self.wants_data: Callable[[Call, str, str, bool], bool] = lambda *_: False
        self.begins: list[Callable[[Request], None]] = []
        """Told of every request, unsigned ones too."""
        self.befores: list[Callable[[Call, str, str], None]] = []
        """Told of each call with the caller's account and Region, before the emulator has it."""
        self.counters: list[Callable[[identity.Caller, str, Call], None]] = []
        """Told of each call that was answered, denied or not, with its Region."""

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        """Serve one HTTP request."""
        headers = _headers(scope)
        query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        signature = requests.scope_of(headers, query)
        body, receive = await _read(scope, headers, query, signature, receive)
        wire = Request(scope["method"], _path(scope), query, headers, body)
        for begin in self.begins:
            begin(wire)
        if signature is None:
            await self.emulator(scope, receive, send)
            return
        caller = identity.resolve(signature.access_key_id)
        call = requests.identify(signature, wire)
        if caller is not None and call is not None:
            for before in self.befores:
                before(call, caller.account, signature.region)
        moment = clock.now()
        answer = Answer(send, is_s3=signature.signing_name == "s3")
        await self.emulator(scope, receive, answer)
        if call is None:
            sys.stderr.write(f"NOT RECORDED: no operation for {signature.signing_name} {wire.method} {wire.path}\n")
        if caller is not None and call is not None:
            self._note(_Seen(caller, call, wire, signature, answer, moment, scope["client"][0]))

    def _note(self, seen: _Seen) -> None:
        try:
            self._record(seen)
        except Exception:  # noqa: BLE001 (the caller has the answer already; the lab's log must say what is missing)
            sys.stderr.write(f"NOT RECORDED: {seen.call.service}:{seen.call.operation}\n{traceback.format_exc()}")

    def _record(self, seen: _Seen) -> None:
        answer = seen.answer
        failed = responses.error_of(answer.status, answer.headers, answer.body)
        if failed is not None and failed[0] in responses.CREDENTIAL_FAILURES:
            return
        region = shape.event_region(seen.call, seen.signature.region)
        for count in self.counters:
            count(seen.caller, region, seen.call)
        data = shape.is_data(seen.call)
        if data and not self.wants_data(seen.call, seen.caller.account, region, shape.is_read(seen.call)):
            return
        record = _record(seen, region, failed, data=data)
        owner = _owner(seen)
        shared = _shared_with(seen, failed, owner)
        if shared is not None:
            record["sharedEventID"] = str(uuid.uuid4())
        self.write(record, seen.caller.account, region, seen.moment, caller=seen.caller, call=seen.call)
        if shared is not None:
            self.write(_as_seen_there(record, seen, shared), shared, region, seen.moment, call=seen.call)

    def write(
        self, record: dict[str, Any], account: str, region: str, moment: float, *,
        caller: identity.Caller | None = None, call: Call | None = None,
    ) -> None:  # fmt: skip
        """Put a record into the history of an account and Region."""
        data = not record["managementEvent"]
        self._history.add(
            Event(record, dump(record), account, region, moment, data, caller, call, resources_of(record))
        )


@dataclasses.dataclass(frozen=True)
class _Seen:
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


def _record(seen: _Seen, region: str, failed: tuple[str, str] | None, *, data: bool) -> dict[str, Any]:
    call, answer = seen.call, seen.answer
    made = blank(seen.moment, region, seen.caller.account, shape.event_source(call), shape.event_name(call))
    made.update({
        "userIdentity": dict(seen.caller.identity), "sourceIPAddress": seen.source,
        "userAgent": seen.wire.headers.get("user-agent", ""), "readOnly": shape.is_read(call),
        "requestParameters": shape.request_parameters(call, seen.wire), "requestID": answer.request_id,
        "managementEvent": not data, "eventCategory": "Data" if data else "Management",
        "tlsDetails": {"tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256",
                       "clientProvidedHostHeader": seen.wire.headers.get("host", "")},
    })  # fmt: skip
    if failed is not None:
        made.update(shape.error(call, *failed))
        if call.operation == "AssumeRole":
            made["requestParameters"] = None
    elif not data or call.service == "s3":
        output = {} if call.service == "s3" else _output(call, answer)
        made["responseElements"] = shape.response_elements(call, output, answer.headers, answer.request_id)
    _add_particulars(made, seen, failed)
    return made


def _output(call: Call, answer: Answer) -> Mapping[str, Any]:
    return responses.parse(call.service, call.operation, answer.status, answer.headers, answer.body)


def _add_particulars(made: dict[str, Any], seen: _Seen, failed: tuple[str, str] | None) -> None:
    """`resources` and `additionalEventData`, where real records have them."""
    call = seen.call
    if call.service == "s3":
        received = int(seen.wire.headers.get("content-length") or 0)
        made["additionalEventData"] = shape_s3.additional(
            seen.signature, sent=seen.answer.size, received=received, headers=seen.answer.headers
        )
        found = shape_s3.resources(call, _owner(seen))
        if found:
            made["resources"] = found
    elif call.operation == "AssumeRole" and failed is None:
        arn = str(call.params.get("RoleArn", ""))
        made["resources"] = [{"accountId": arn.split(":")[4], "type": "AWS::IAM::Role", "ARN": arn}]
    elif failed is None:
        found = _named_resources(seen)
        if found:
            made["resources"] = found


def _named_resources(seen: _Seen) -> list[dict[str, str]]:
    call, account = seen.call, seen.caller.account
    if call.service == "kms" and "KeyId" in call.params:
        arn = _key_arn(str(call.params["KeyId"]), seen)
        return [{"accountId": arn.split(":")[4], "type": "AWS::KMS::Key", "ARN": arn}] if arn else []
    if call.service == "ssm" and call.operation in ("GetParameter", "GetParameters"):
        names = call.params.get("Names") or [call.params.get("Name", "")]
        prefix = f"arn:aws:ssm:{seen.signature.region}:{account}:parameter/"
        return [{"accountId": account, "ARN": prefix + str(name).lstrip("/")} for name in names]
    return []


def _key_arn(key: str, seen: _Seen) -> str:
    if key.startswith("arn:"):
        return key
    with hooks.acting_for(seen.caller.account, seen.signature.region):
        found = hooks.service("kms")._resolve_key(key)
    return str(found["Arn"]) if found else ""


def _owner(seen: _Seen) -> str | None:
    """The account that owns what the call is about, where that can be another than the caller's."""
    if seen.call.service == "s3" and "Bucket" in seen.call.params:
        found = hooks.service("s3")._bucket_owner_account(seen.call.params["Bucket"])
        return str(found) if found else None
    if seen.call.operation == "AssumeRole":
        parts = str(seen.call.params.get("RoleArn", "")).split(":")
        return parts[4] if len(parts) > 5 else None  # noqa: PLR2004
    return None


def _shared_with(seen: _Seen, failed: tuple[str, str] | None, owner: str | None) -> str | None:
    """The other account whose trail has the event too, or None."""
    known = {account for account, _ in hooks.service("iam")._users.to_dict()}
    if failed is not None or owner is None or owner == seen.caller.account or owner not in known:
        return None
    return owner


def _as_seen_there(record: Mapping[str, Any], seen: _Seen, account: str) -> dict[str, Any]:
    """The same event in the trail of the account whose resource it was: the caller is only an account there."""
    foreign = {"type": "AWSAccount", "principalId": seen.caller.identity["principalId"],
               "accountId": seen.caller.account}  # fmt: skip
    return {**record, "userIdentity": foreign, "recipientAccountId": account, "eventID": str(uuid.uuid4())}


def _headers(scope: Mapping[str, Any]) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


def _path(scope: Mapping[str, Any]) -> str:
    raw = scope.get("raw_path")
    # Labels are unquoted one by one: a key may hold an encoded slash or question mark.
    return raw.decode("latin-1").split("?", 1)[0] if raw else unquote(scope["path"])


async def _read(
    scope: Mapping[str, Any], headers: Mapping[str, str], query: Mapping[str, Any],
    signature: requests.Scope | None, receive: Any,
) -> tuple[bytes, Any]:  # fmt: skip
    """The body, and a `receive` that gives it again; an object on its way to S3 is not held."""
    if headers.get("content-length") in (None, "0") and "transfer-encoding" not in headers:
        return b"", receive
    if _is_upload(scope, query, signature):
        return b"", receive
    messages = []
    while True:
        message = await receive()
        messages.append(message)
        if message["type"] != "http.request" or not message.get("more_body"):
            break
    replay = iter(list(messages))

    async def again() -> Any:
        return next(replay, None) or await receive()

    return b"".join(message.get("body", b"") for message in messages), again


def _is_upload(scope: Mapping[str, Any], query: Mapping[str, Any], signature: requests.Scope | None) -> bool:
    if scope["method"] != "PUT" or (signature is not None and signature.signing_name != "s3"):
        return False
    has_key = "/" in scope["path"].strip("/")
    return has_key and not ({"retention", "legal-hold", "tagging", "acl"} & set(query))
