"""Trails at work: events into gzip files and digests in S3, written as cloudtrail.amazonaws.com.

`StopLogging` and `DeleteTrail` end what is collected here, never the event history.

References:
    "CloudTrail log file names" and "CloudTrail digest file structure", CloudTrail User Guide, 2026-11.
"""

from __future__ import annotations

import base64
import dataclasses
import gzip
import hashlib
import json
import secrets
import string
import threading
from collections.abc import Callable, Mapping
from typing import Any

from amberlight.lab import clock, hooks
from amberlight.lab.options import LabOptions
from amberlight.lab.recorder import digests
from amberlight.lab.recorder.history import Event
from amberlight.lab.recorder.requests import Call

_DATA_TYPES = {"s3": "AWS::S3::Object", "lambda": "AWS::Lambda::Function", "dynamodb": "AWS::DynamoDB::Table",
               "sns": "AWS::SNS::Topic", "sqs": "AWS::SQS::Queue"}  # fmt: skip


@dataclasses.dataclass
class _Stream:
    """What one trail has collected in one Region, and its chain of digests."""

    trail: Mapping[str, Any]
    account: str
    region: str
    since: float
    pending: list[Event] = dataclasses.field(default_factory=list)
    files: list[digests.LogFile] = dataclasses.field(default_factory=list)
    last: digests.Digest | None = None
    late: list[tuple[float, list[Event]]] = dataclasses.field(default_factory=list)
    """Put aside until then."""


@dataclasses.dataclass
class Parcel:
    """What a trail is about to deliver in one Region; `Delivery.changes` may change it."""

    account: str
    region: str
    trail: str
    events: list[Event]
    copies: int = 1
    """Files with these events."""
    stored: bool = True
    """Whether the files come into the bucket; digests list them anyway."""
    late: list[tuple[float, list[Event]]] = dataclasses.field(default_factory=list)
    """Events that come so many seconds later, each list in a file of its own."""


class Delivery:
    """All trails of all accounts."""

    def __init__(self, options: LabOptions) -> None:
        self.changes: list[Callable[[Parcel], None]] = []
        """Told of each parcel before it is delivered."""
        self.digest_changes: list[Callable[[str, str, str, digests.Digest], digests.Digest | None]] = []
        """From account, Region, trail and digest, the digest to store, or None to store nothing."""
        self._options = options
        self._streams: dict[tuple[str, str, str], _Stream] = {}
        self._signers: dict[str, digests.Signer] = {}
        self._status: dict[tuple[str, str], dict[str, Any]] = {}
        self._lock = threading.Lock()
        self._logging: dict[str, list[Mapping[str, Any]]] = {}
        self._began = clock.now()
        self._next_log = clock.now() + options.delivery_interval_s
        self._next_digest = clock.now() + options.digest_interval_s

    def signer(self, region: str) -> digests.Signer:
        """The key with which this Region signs its digests."""
        if region not in self._signers:
            # A key is there before the first digest that it signs ends.
            self._signers[region] = digests.Signer(self._began)
        return self._signers[region]

    def before(self, call: Call, account: str, region: str) -> None:
        """Note which trails are on before a call: StopLogging itself still reaches the trail that it stops."""
        del region
        if call.service == "cloudtrail":
            self._logging[account] = _active(account)

    def wants_data(self, call: Call, account: str, region: str, read: bool) -> bool:  # noqa: FBT001
        """Whether a trail's selectors ask for this data event."""
        owner = _bucket_owner(call) or account
        return any(
            _selects_data(trail, who, call, read=read)
            for who in {account, owner}
            for trail in _active(who)
            if _covers(trail, region)
        )

    def take(self, event: Event) -> None:
        """Give an event to every trail that is on and asks for it."""
        trails = self._logging.pop(event.account, None) or _active(event.account)
        for trail in trails:
            if _covers(trail, event.region) and _selects(trail, event):
                key = (event.account, str(trail["TrailARN"]), event.region)
                with self._lock:
                    stream = self._streams.get(key)
                    if stream is None:
                        stream = _Stream(dict(trail), event.account, event.region, event.time)
                        self._streams[key] = stream
                    # UpdateTrail can have sent it to another place.
                    stream.trail = dict(trail)
                    stream.pending.append(event)

    def tick(self) -> None:
        """Deliver what is due; called often from one thread."""
        now = clock.now()
        if now >= self._next_log:
            self._next_log = now + self._options.delivery_interval_s
            self.deliver(now)
        if now >= self._next_digest:
            self._next_digest = now + self._options.digest_interval_s
            self.digest(now)

    def deliver(self, now: float) -> None:
        """Write every pending event to S3."""
        for stream in list(self._streams.values()):
            with self._lock:
                events, stream.pending = stream.pending, []
            due = [lot for when, lot in stream.late if when <= now]
            stream.late = [(when, lot) for when, lot in stream.late if when > now]
            for lot in due:
                self._write_log(stream, lot, now)
            if events:
                self._send(stream, events, now)

    def _send(self, stream: _Stream, events: list[Event], now: float) -> None:
        parcel = Parcel(stream.account, stream.region, str(stream.trail["Name"]), events)
        for change in self.changes:
            change(parcel)
        stream.late += [(now + seconds, lot) for seconds, lot in parcel.late]
        for _ in range(parcel.copies if parcel.events else 0):
            self._write_log(stream, parcel.events, now, stored=parcel.stored)

    def _write_log(self, stream: _Stream, events: list[Event], now: float, *, stored: bool = True) -> None:
        unique = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(16))
        name = f"{stream.account}_CloudTrail_{stream.region}_{clock.compact(now, seconds=False)}_{unique}.json.gz"
        key = f"{_prefix(stream, 'CloudTrail')}/{clock.day(now)}/{name}"
        plain = ('{"Records":[' + ",".join(event.text for event in events) + "]}").encode()
        if stored and not self._store(stream, key, gzip.compress(plain), {}, now):
            return
        times = sorted(clock.iso(event.time) for event in events)
        digest = hashlib.sha256(plain).hexdigest()
        stream.files.append(digests.LogFile(stream.trail["S3BucketName"], key, digest, times[0], times[-1]))

    def digest(self, now: float) -> None:
        """Close the interval: one signed digest per stream whose trail validates its files."""
        for (account, arn, _), stream in list(self._streams.items()):
            active = any(trail["TrailARN"] == arn for trail in _active(account))
            if not stream.trail.get("LogFileValidationEnabled") or not (active or stream.files):
                continue
            files, stream.files = stream.files, []
            self._write_digest(stream, files, now)

    def _write_digest(self, stream: _Stream, files: list[digests.LogFile], now: float) -> None:
        trail = stream.trail
        name = (
            f"{stream.account}_CloudTrail-Digest_{stream.region}_{trail['Name']}_{trail['HomeRegion']}_"
            f"{clock.compact(now, seconds=True)}.json.gz"
        )
        key = f"{_prefix(stream, 'CloudTrail-Digest')}/{clock.day(now)}/{name}"
        place = (stream.account, str(trail["S3BucketName"]), key)
        made = digests.make(place, (stream.since, now), files, stream.last, self.signer(stream.region))
        sent: digests.Digest | None = made
        for change in self.digest_changes:
            sent = change(stream.account, stream.region, str(trail["Name"]), sent) if sent is not None else None
        if sent is None or self._store(stream, key, sent.body, sent.metadata, now):
            stream.last, stream.since = made, now
        else:
            stream.files = files + stream.files

    def _store(self, stream: _Stream, key: str, body: bytes, metadata: Mapping[str, str], now: float) -> bool:
        bucket = str(stream.trail["S3BucketName"])
        owner = hooks.service("s3")._bucket_owner_account(bucket)
        kind = "Digest" if metadata else ""
        problem = "NoSuchBucket" if owner is None else None
        if owner is not None and not may_deliver(owner, bucket, key):
            problem = "AccessDenied"
        if problem is None:
            problem = _put((str(owner), stream.region), bucket, key, body, metadata)
        status = self._status.setdefault((stream.account, str(stream.trail["Name"])), {})
        if problem is None:
            status[f"Latest{kind}DeliveryTime"] = now
            status.pop(f"Latest{kind}DeliveryError", None)
        else:
            status[f"Latest{kind}DeliveryError"] = problem
        return problem is None

    def status(self, account: str, name: str) -> dict[str, Any]:
        """When a trail last delivered, or why it could not."""
        return dict(self._status.get((account, name), {}))


def may_deliver(owner: str, bucket: str, key: str) -> bool:
    """Whether the bucket's policy lets CloudTrail write that key."""
    evaluator = hooks.emulator("core.iam_evaluator")
    context = evaluator.EvalContext(
        principal_arn="cloudtrail.amazonaws.com", principal_type="Service", principal_account="",
        action="s3:PutObject", resource_arn=f"arn:aws:s3:::{bucket}/{key}", region=hooks.current_region(),
        service_context={"s3:x-amz-acl": "bucket-owner-full-control"},
    )  # fmt: skip
    # A condition on the trail's own ARN or account is met: it is that trail that writes.
    text = hooks.service("s3")._bucket_policies.get_scoped(owner, None, bucket) or "{}"
    policy = json.loads(text)
    for statement in policy.get("Statement", []) if isinstance(policy.get("Statement"), list) else []:
        for block in (statement.get("Condition") or {}).values():
            for name in [n for n in block if n.lower() in ("aws:sourcearn", "aws:sourceaccount")]:
                del block[name]
    result = evaluator.evaluate_resource_policy(policy, context, service="cloudtrail.amazonaws.com")
    return bool(result.decision == "Allow")


def _put(place: tuple[str, str], bucket: str, key: str, body: bytes, metadata: Mapping[str, str]) -> str | None:
    """Store an object the way AWS itself does: inside, without a recorded call; gives the error code, if any."""
    headers = {
        "content-type": "application/json", "content-encoding": "gzip",
        "content-md5": base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode(),
        **{f"x-amz-meta-{name}": value for name, value in metadata.items()},
    }  # fmt: skip
    with hooks.acting_for(*place):
        status, _, answer = hooks.service("s3")._put_object(bucket, key, body, headers)
    return None if status < 300 else str(answer[:200])  # noqa: PLR2004


def _prefix(stream: _Stream, kind: str) -> str:
    prefix = str(stream.trail.get("S3KeyPrefix") or "")
    return (f"{prefix}/" if prefix else "") + f"AWSLogs/{stream.account}/{kind}/{stream.region}"


def _active(account: str) -> list[Mapping[str, Any]]:
    found = hooks.service("cloudtrail")._account_trail_items(account)
    return [dict(trail) for _, _, trail in found if trail.get("IsLogging")]


def _covers(trail: Mapping[str, Any], region: str) -> bool:
    return bool(trail.get("IsMultiRegionTrail")) or trail["HomeRegion"] == region


def _selectors(trail: Mapping[str, Any], account: str) -> list[Mapping[str, Any]]:
    module = hooks.service("cloudtrail")
    found = module._event_selectors.get_scoped(account, trail["HomeRegion"], trail["Name"])
    return list(found or module._DEFAULT_EVENT_SELECTORS)


def _account_of(trail: Mapping[str, Any]) -> str:
    return str(trail["TrailARN"]).split(":")[4]


def _selects(trail: Mapping[str, Any], event: Event) -> bool:
    read = bool(event.record["readOnly"])
    if event.data:
        return event.call is not None and _selects_data(trail, _account_of(trail), event.call, read=read)
    if event.call is not None and event.call.service in ("iam", "sts") and not trail["IncludeGlobalServiceEvents"]:
        return False
    return any(_selects_management(one, event, read=read) for one in _selectors(trail, _account_of(trail)))


def _selects_management(selector: Mapping[str, Any], event: Event, *, read: bool) -> bool:
    if "FieldSelectors" in selector:
        return _advanced(selector, {"eventCategory": "Management", "readOnly": str(read).lower(),
                                    "eventSource": event.record["eventSource"]})  # fmt: skip
    excluded = event.record["eventSource"] in selector.get("ExcludeManagementEventSources", [])
    return bool(selector.get("IncludeManagementEvents", True)) and not excluded and _kind(selector, read=read)


def _kind(selector: Mapping[str, Any], *, read: bool) -> bool:
    return selector.get("ReadWriteType", "All") in ("All", "ReadOnly" if read else "WriteOnly")


def _selects_data(trail: Mapping[str, Any], account: str, call: Call, *, read: bool) -> bool:
    kind = _DATA_TYPES.get(call.service, "")
    arn = _data_arn(call)
    for selector in _selectors(trail, account):
        if "FieldSelectors" in selector:
            fields = {"eventCategory": "Data", "resources.type": kind, "resources.ARN": arn,
                      "readOnly": str(read).lower(), "eventName": call.operation}  # fmt: skip
            if _advanced(selector, fields):
                return True
            continue
        for resource in selector.get("DataResources", []) if _kind(selector, read=read) else []:
            if resource["Type"] == kind and any(arn.startswith(value) for value in resource["Values"]):
                return True
    return False


_TESTS: dict[str, Callable[[str, list[str]], bool]] = {
    "Equals": lambda value, wanted: value in wanted,
    "StartsWith": lambda value, wanted: value.startswith(tuple(wanted)),
    "EndsWith": lambda value, wanted: value.endswith(tuple(wanted)),
    "NotEquals": lambda value, wanted: value not in wanted,
    "NotStartsWith": lambda value, wanted: not value.startswith(tuple(wanted)),
    "NotEndsWith": lambda value, wanted: not value.endswith(tuple(wanted)),
}


def _advanced(selector: Mapping[str, Any], fields: Mapping[str, str]) -> bool:
    return all(
        test(fields.get(each["Field"], ""), each[name])
        for each in selector["FieldSelectors"]
        for name, test in _TESTS.items()
        if each.get(name)
    )


def _data_arn(call: Call) -> str:
    if call.service == "s3":
        return f"arn:aws:s3:::{call.params.get('Bucket', '')}/{call.params.get('Key', '')}"
    return str(call.params.get("FunctionName") or call.params.get("TopicArn") or call.params.get("TableName") or "")


def _bucket_owner(call: Call) -> str | None:
    bucket = call.params.get("Bucket") if call.service == "s3" else None
    owner = hooks.service("s3")._bucket_owner_account(bucket) if bucket else None
    return str(owner) if owner else None
