"""CloudTrail's API: LookupEvents over the recorder's history, strict trails, public keys of the digests.

References:
    LookupEvents (two calls a second per account and Region, 50 results a page, 90 days), CreateTrail (the bucket policy
    must let cloudtrail.amazonaws.com write), ListPublicKeys, CloudTrail API Reference, 2026-11.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

from amberlight.lab import clock, hooks
from amberlight.lab.recorder.delivery import Delivery
from amberlight.lab.recorder.history import Entry, History
from amberlight.lab.world import World

_DAYS_90 = 90 * 86400.0
_PAGE = 50
_BURST = 2.0
"""Calls that may come at once after a pause: the quota of one second."""

_ATTRIBUTES = frozenset({"EventId", "EventName", "ReadOnly", "Username", "ResourceType", "ResourceName", "EventSource",
                         "AccessKeyId"})  # fmt: skip
Handler = Callable[[dict[str, Any]], Any]


class Quota:
    """A token bucket per account and Region."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._state: dict[tuple[str, str], tuple[float, float]] = {}

    def take(self, key: tuple[str, str], now: float) -> bool:
        """Whether one more call is within the quota."""
        capacity = max(_BURST, self._rate)
        tokens, last = self._state.get(key, (capacity, now))
        tokens = min(capacity, tokens + (now - last) * self._rate)
        allowed = tokens >= 1
        self._state[key] = (tokens - 1 if allowed else tokens, now)
        return allowed


REAL = {
    "cloudtrail.CreateTrail": "signed files and digests of the calls that were really made",
    "cloudtrail.ListPublicKeys": "the keys that verify the digests",
    "cloudtrail.LookupEvents": "the calls that were really made, with their true source",
    "cloudtrail.PutEventSelectors": "what is delivered changes",
    "cloudtrail.StartLogging": "delivery begins",
    "cloudtrail.StopLogging": "delivery ends, the history goes on",
    "cloudtrail.UpdateTrail": "delivery goes to the new place",
}


def install(world: World) -> None:
    """Put the API's operations in place."""
    history, delivery, rate = world.history, world.delivery, world.options.lookup_rate_per_s
    table = hooks.service("cloudtrail")._DISPATCH
    table["LookupEvents"] = _lookup(history, Quota(rate))
    table["ListPublicKeys"] = lambda body: _public_keys(delivery, body)
    table["GetTrailStatus"] = _status(table["GetTrailStatus"], delivery)


def _answer(data: Mapping[str, Any], status: int = 200) -> tuple[int, dict[str, str], bytes]:
    return status, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(data).encode()


def _refuse(code: str, message: str) -> tuple[int, dict[str, str], bytes]:
    return _answer({"__type": code, "message": message}, 400)


def _lookup(history: History, quota: Quota) -> Handler:
    def lookup(body: dict[str, Any]) -> Any:
        account, region, now = hooks.current_account(), hooks.current_region(), clock.now()
        if not quota.take((account, region), now):
            return _refuse("ThrottlingException", "Rate exceeded")
        attributes = {each["AttributeKey"]: each["AttributeValue"] for each in body.get("LookupAttributes") or []}
        problem = _lookup_problem(body, attributes)
        if problem:
            return problem
        start = max(float(body.get("StartTime") or 0), now - _DAYS_90)
        # Times come in whole seconds; an end time includes its second.
        window = (start, float(body.get("EndTime") or now) + 1)
        return _page(history, lambda **more: history.lookup((account, region), now, window, attributes, **more), body)

    return lookup


def _lookup_problem(body: Mapping[str, Any], attributes: Mapping[str, str]) -> Any:
    if len(attributes) > 1 or set(attributes) - _ATTRIBUTES:
        return _refuse("InvalidLookupAttributesException", "Specify a valid lookup attribute: at most one is allowed.")
    if not 1 <= int(body.get("MaxResults") or _PAGE) <= _PAGE:
        return _refuse("InvalidMaxResultsException", "Specify a value from 1 to 50.")
    start, end = body.get("StartTime"), body.get("EndTime")
    if start and end and float(start) > float(end):
        return _refuse("InvalidTimeRangeException", "The start time is after the end time.")
    return None


def _page(history: History, find: Callable[..., list[Entry]], body: Mapping[str, Any]) -> Any:
    """One page; the token names the last event given, so that new events do not move the next page."""
    size, last = int(body.get("MaxResults") or _PAGE), ""
    try:
        if body.get("NextToken"):
            last = base64.urlsafe_b64decode(str(body["NextToken"])).decode()
        entries = find(limit=size + 1, after=last)
    except (KeyError, ValueError):
        return _refuse("InvalidNextTokenException", "The token is not valid.")
    page = entries[:size]
    out: dict[str, Any] = {"Events": [_event(history, entry) for entry in page]}
    if len(entries) > size:
        out["NextToken"] = base64.urlsafe_b64encode(page[-1].keys["EventId"].encode()).decode()
    return _answer(out)


def _event(history: History, entry: Entry) -> dict[str, Any]:
    keys = {name: value for name, value in entry.keys.items() if value}
    resources = [{"ResourceType": kind, "ResourceName": name} for kind, name in entry.resources]
    return {**keys, "EventTime": int(entry.time), "Resources": resources, "CloudTrailEvent": history.read(entry)}


def _status(old: Handler, delivery: Delivery) -> Handler:
    def status(body: dict[str, Any]) -> Any:
        code, headers, raw = old(body)
        if code != 200:  # noqa: PLR2004
            return code, headers, raw
        trail = hooks.service("cloudtrail")._find_visible_trail(str(body["Name"]))[2]
        found = delivery.status(str(trail["TrailARN"]))
        return _answer({**json.loads(raw), **found})

    return status


def _public_keys(delivery: Delivery, body: Mapping[str, Any]) -> Any:
    """The Region's key, if it was valid at some time of the range that is asked about."""
    key = delivery.signer(hooks.current_region())
    start, end = float(body.get("StartTime") or 0), float(body.get("EndTime") or clock.now())
    if start > end:
        return _refuse("InvalidTimeRangeException", "The start time is after the end time.")
    if end < key.since or start > key.since + _DAYS_90:
        return _answer({"PublicKeyList": []})
    return _answer({"PublicKeyList": [{
        "Value": base64.b64encode(key.public_der).decode(), "Fingerprint": key.fingerprint,
        "ValidityStartTime": int(key.since), "ValidityEndTime": int(key.since + _DAYS_90),
    }]})  # fmt: skip
