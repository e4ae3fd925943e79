"""The CloudTrail record inside an envelope: LookupEvents, EventBridge, SNS, a log shipper, an Elastic hit.

References:
    LookupEvents API reference (`CloudTrailEvent` is a text of JSON); EventBridge user guide, "AWS API call via
    CloudTrail" (`detail`); Elastic Common Schema (`event.original`), 2026-11.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from amberlight.trail.event import Event

LISTS = ("Records", "Events", "records", "events")
INSIDE = ("CloudTrailEvent", "cloudTrailEvent", "cloudtrail_event", "detail", "event", "Event", "original", "_source",
          "message", "Message", "body", "log")  # fmt: skip
TIMES = ("eventTime", "@timestamp", "EventTime", "event_time", "timestamp")
UNZONED = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?")
DEEPEST = 6
DECODER = msgspec.json.Decoder(Event)
LOOSE = ("sessionContext", "userIdentity")
NO_JSON = (msgspec.DecodeError, UnicodeError, RecursionError)
"""What decoding raises: msgspec does not turn a text that is no UTF-8 (or half of a surrogate pair) into an error of its own."""


class Malformed(Exception):
    """Something is a CloudTrail record, and one of its fields makes no sense; the text says which."""


def events(value: bytes) -> list[Event]:
    """Events in one JSON value: one as a rule, none where it is something else.

    Raises:
        Malformed: it is a record, and cannot be read as one; or it is no JSON.
    """
    try:
        return [named(DECODER.decode(value), value)]
    except NO_JSON:
        pass
    try:
        found = msgspec.json.decode(value)
    except NO_JSON as problem:
        raise Malformed(f"not valid JSON: {problem}") from problem
    return [event_of(record) for record in records(found, 0)]


def event_from_lookup(item: dict[str, Any]) -> Event:
    """An item of the `Events` of a LookupEvents answer.

    Raises:
        Malformed: there is no readable record in it.
    """
    for record in records(item, 0):
        return event_of(record)
    raise Malformed("LookupEvents item holds no CloudTrailEvent")


def records(value: Any, depth: int) -> Iterator[dict[str, Any]]:
    """Every record in a value, however wrapped."""
    if isinstance(value, str):
        value = parsed(value)
    if isinstance(value, list) and depth < DEEPEST:
        for member in value:
            yield from records(member, depth + 1)
    if not isinstance(value, dict) or depth > DEEPEST:
        return
    if is_record(value):
        yield value
        return
    for name in LISTS:
        if isinstance(value.get(name), list):
            yield from records(value[name], depth + 1)
            return
    yield from enveloped(value, depth)


def enveloped(value: dict[str, Any], depth: int) -> Iterator[dict[str, Any]]:
    """The first envelope field that holds a record."""
    for name in INSIDE:
        if name in value:
            inner = list(records(value[name], depth + 1))
            if inner:
                yield from inner
                return


def is_record(value: dict[str, Any]) -> bool:
    """Whether this has the two fields that every CloudTrail record has."""
    return isinstance(value.get("eventName"), str) and isinstance(value.get("eventSource"), str)


def parsed(text: str) -> Any:
    """A text that may be JSON, or None."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return msgspec.json.decode(text)
    except NO_JSON:
        return None


def event_of(record: dict[str, Any]) -> Event:
    """The typed event, with the time where shippers put it, and without identity parts of a wrong type.

    Raises:
        Malformed: time, name or another field makes no sense.
    """
    tried = {**record, "eventTime": moment_of(record)}
    problem: Exception | None = None
    for drop in (None, *LOOSE):
        if drop is not None:
            tried = without(tried, drop)
        try:
            encoded = msgspec.json.encode(tried)
            return named(DECODER.decode(encoded), encoded)
        except NO_JSON as found:
            problem = problem or found
    raise Malformed(str(problem)) from problem


def moment_of(record: dict[str, Any]) -> Any:
    """The time of a record; CloudTrail's times are UTC, so a shipper's time without a zone is too.

    Raises:
        Malformed: there is none.
    """
    moment = next((record[name] for name in TIMES if record.get(name)), None)
    if moment is None:
        raise Malformed("the record has no eventTime")
    return f"{moment}Z" if isinstance(moment, str) and UNZONED.fullmatch(moment) else moment


def without(record: dict[str, Any], name: str) -> dict[str, Any]:
    """The record without a part whose type is wrong."""
    identity = record.get("userIdentity")
    if name == "sessionContext" and isinstance(identity, dict):
        return {**record, "userIdentity": {k: v for k, v in identity.items() if k != name}}
    return {k: v for k, v in record.items() if k != name}


def named(event: Event, value: bytes) -> Event:
    """The event with an id: where it has none, one that is the same each time it is read."""
    if event.id:
        return event
    return msgspec.structs.replace(event, id=f"sha256:{hashlib.sha256(value).hexdigest()[:32]}")
