"""ASGI middleware that turns each signed call into a CloudTrail record, and gives each answer one request id."""

from __future__ import annotations

import dataclasses
import sys
import traceback
import uuid
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from functools import partial
from typing import Any
from urllib.parse import parse_qs, unquote

from amberlight.lab import clock
from amberlight.lab.recorder import identity, record, requests, responses, shape
from amberlight.lab.recorder.answers import Answer
from amberlight.lab.recorder.history import Event, History, dump, resources_of
from amberlight.lab.recorder.record import Seen, blank
from amberlight.lab.recorder.requests import Call, Request

__all__ = ["Gate", "Passing", "Recorder", "blank"]


@dataclasses.dataclass
class Passing:
    """A signed call on its way to the emulator and back."""

    caller: identity.Caller | None
    call: Call | None
    signature: requests.Scope
    wire: Request
    scope: MutableMapping[str, Any]
    receive: Any
    send: Any
    answer: Answer | None = None
    """What came back; None as long as the call has not reached the emulator."""
    moment: float = 0.0


Gate = Callable[..., Awaitable[None]]
"""`gate(passing, go)` awaits `go(passing)`, or answers by itself through `passing.send`."""


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
        self.gates: list[Gate] = []
        """Around each signed call, the first one outermost; a call that a gate lets not go on never reached AWS, and
        nothing of it is recorded."""
        self.answered: list[Callable[[Call, str], None]] = []
        """Told of each call that was answered, with its error code or nothing."""

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
        passing = Passing(caller, call, signature, wire, scope, receive, send)
        go: Callable[[Passing], Awaitable[None]] = self._emulate
        for gate in reversed(self.gates):
            go = partial(gate, go=go)
        await go(passing)
        if passing.answer is None:
            return
        if call is None:
            sys.stderr.write(f"NOT RECORDED: no operation for {signature.signing_name} {wire.method} {wire.path}\n")
        if caller is not None and call is not None:
            seen = Seen(caller, call, wire, signature, passing.answer, passing.moment, scope["client"][0])
            self._note(seen)

    async def _emulate(self, passing: Passing) -> None:
        if passing.caller is not None and passing.call is not None:
            for before in self.befores:
                before(passing.call, passing.caller.account, passing.signature.region)
        passing.moment = clock.now()
        passing.answer = Answer(passing.send, is_s3=passing.signature.signing_name == "s3")
        await self.emulator(passing.scope, passing.receive, passing.answer)

    def _note(self, seen: Seen) -> None:
        try:
            self._record(seen)
        except Exception:  # noqa: BLE001 (the caller has the answer already; the lab's log must say what is missing)
            sys.stderr.write(f"NOT RECORDED: {seen.call.service}:{seen.call.operation}\n{traceback.format_exc()}")

    def _record(self, seen: Seen) -> None:
        answer = seen.answer
        failed = responses.error_of(answer.status, answer.headers, answer.body)
        if failed is not None and failed[0] in responses.CREDENTIAL_FAILURES:
            return
        region = shape.event_region(seen.call, seen.signature.region)
        for count in self.counters:
            count(seen.caller, region, seen.call)
        for tell in self.answered:
            tell(seen.call, failed[0] if failed else "")
        data = shape.is_data(seen.call)
        if data and not self.wants_data(seen.call, seen.caller.account, region, shape.is_read(seen.call)):
            return
        made = record.write(seen, region, failed, data=data)
        shared = record.shared_with(seen, failed)
        if shared is not None:
            made["sharedEventID"] = str(uuid.uuid4())
        self.write(made, seen.caller.account, region, seen.moment, caller=seen.caller, call=seen.call)
        if shared is not None:
            self.write(record.as_seen_there(made, seen, shared), shared, region, seen.moment, call=seen.call)

    def write(
        self, record: dict[str, Any], account: str, region: str, moment: float, *,
        caller: identity.Caller | None = None, call: Call | None = None,
    ) -> None:  # fmt: skip
        """Put a record into the history of an account and Region."""
        data = not record["managementEvent"]
        self._history.add(
            Event(record, dump(record), account, region, moment, data, caller, call, resources_of(record))
        )


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
