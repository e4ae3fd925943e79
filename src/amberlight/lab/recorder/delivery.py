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
from amberlight.lab.recorder import digests, selectors
from amberlight.lab.recorder.history import Event
from amberlight.lab.recorder.requests import Call


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
        self.organisation: selectors.Organisation | None = None
        """Whose trails take the events of its members too."""
        self.takers: list[Callable[[Event], None]] = []
        """Told of each event that a trail takes."""
        self._options = options
        self._streams: dict[tuple[str, str, str], _Stream] = {}
        self._signers: dict[str, digests.Signer] = {}
        self._status: dict[str, dict[str, Any]] = {}
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
            self._logging[account] = selectors.active(account, self.organisation)

    def wants_data(self, call: Call, account: str, region: str, read: bool) -> bool:  # noqa: FBT001
        """Whether a trail's selectors ask for this data event."""
        owner = selectors.bucket_owner(call) or account
        return any(
            selectors.selects_data(trail, call, who, region, read=read)
            for who in {account, owner}
            for trail in selectors.active(who, self.organisation)
            if selectors.covers(trail, region)
        )

    def take(self, event: Event) -> None:
        """Give an event to every trail that is on and asks for it."""
        trails = self._logging.pop(event.account, None) or selectors.active(event.account, self.organisation)
        wanted = [
            trail for trail in trails if selectors.covers(trail, event.region) and selectors.selects(trail, event)
        ]
        for trail in wanted:
            key = (event.account, str(trail["TrailARN"]), event.region)
            with self._lock:
                stream = self._streams.get(key)
                if stream is None:
                    stream = _Stream(dict(trail), event.account, event.region, event.time)
                    self._streams[key] = stream
                # UpdateTrail can have sent it to another place.
                stream.trail = dict(trail)
                stream.pending.append(event)
        for tell in self.takers if wanted else ():
            tell(event)

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
        key = f"{self._prefix(stream, 'CloudTrail')}/{clock.day(now)}/{name}"
        plain = ('{"Records":[' + ",".join(event.text for event in events) + "]}").encode()
        if stored and not self._store(stream, key, gzip.compress(plain), {}, now):
            return
        times = sorted(clock.iso(event.time) for event in events)
        digest = hashlib.sha256(plain).hexdigest()
        stream.files.append(digests.LogFile(stream.trail["S3BucketName"], key, digest, times[0], times[-1]))

    def digest(self, now: float) -> None:
        """Close the interval: one signed digest per stream whose trail validates its files."""
        for (account, arn, _), stream in list(self._streams.items()):
            active = any(trail["TrailARN"] == arn for trail in selectors.active(account, self.organisation))
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
        key = f"{self._prefix(stream, 'CloudTrail-Digest')}/{clock.day(now)}/{name}"
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
            headers = {f"x-amz-meta-{name}": value for name, value in metadata.items()}
            # A digest is encrypted with keys of S3's own, whatever its trail says.
            problem = _sealed(stream, headers) if not metadata else None
            problem = problem or _put((str(owner), stream.region), bucket, key, body, headers)
        self._note(str(stream.trail["TrailARN"]), kind, problem, now)
        return problem is None

    def _prefix(self, stream: _Stream, kind: str) -> str:
        """Where in the bucket files lie; those of an organisation's trail below its id."""
        prefix = str(stream.trail.get("S3KeyPrefix") or "")
        whole = self.organisation if stream.trail.get("IsOrganizationTrail") else None
        under = f"{whole.ident()}/" if whole else ""
        return (f"{prefix}/" if prefix else "") + f"AWSLogs/{under}{stream.account}/{kind}/{stream.region}"

    def _note(self, arn: str, kind: str, problem: str | None, now: float) -> None:
        status = self._status.setdefault(arn, {})
        if not kind:
            status["LatestDeliveryAttemptTime"] = clock.iso(now)
        if problem is not None:
            status[f"Latest{kind}DeliveryError"] = problem
            return
        status[f"Latest{kind}DeliveryTime"] = now
        status.pop(f"Latest{kind}DeliveryError", None)
        if not kind:
            status["LatestDeliveryAttemptSucceeded"] = clock.iso(now)

    def status(self, arn: str) -> dict[str, Any]:
        """When a trail last delivered, or why it could not."""
        return dict(self._status.get(arn, {}))


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


def _sealed(stream: _Stream, headers: dict[str, str]) -> str | None:
    """Have a file encrypted with the trail's key, if it has one; gives the error of a key that cannot."""
    arn = str(stream.trail.get("KmsKeyId") or "")
    if not arn:
        return None
    with hooks.acting_for(arn.split(":")[4], arn.split(":")[3]):
        found = hooks.service("kms")._resolve_key(arn)
    if found is None or found.get("KeyState") != "Enabled":
        return "KMS.NotFoundException" if found is None else "KMS.DisabledException"
    headers.update({"x-amz-server-side-encryption": "aws:kms", "x-amz-server-side-encryption-aws-kms-key-id": arn})
    return None


def _put(place: tuple[str, str], bucket: str, key: str, body: bytes, more: Mapping[str, str]) -> str | None:
    """Store an object the way AWS itself does: inside, without a recorded call; gives the error code, if any."""
    headers = {
        "content-type": "application/json", "content-encoding": "gzip",
        "content-md5": base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode(),
        **more,
    }  # fmt: skip
    with hooks.acting_for(*place):
        status, _, answer = hooks.service("s3")._put_object(bucket, key, body, headers)
    return None if status < 300 else str(answer[:200])  # noqa: PLR2004
