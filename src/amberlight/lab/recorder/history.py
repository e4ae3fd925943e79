"""Every management event of 90 days, as LookupEvents finds it; the texts lie on disk, an index in memory."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from amberlight.lab.recorder.identity import Caller
from amberlight.lab.recorder.requests import Call


@dataclasses.dataclass(frozen=True)
class Event:
    """One written record, with what others need to know of it."""

    record: Mapping[str, Any]
    text: str
    account: str
    region: str
    time: float
    data: bool
    caller: Caller | None
    call: Call | None
    resources: tuple[tuple[str, str], ...]


@dataclasses.dataclass(frozen=True, slots=True)
class _Entry:
    time: float
    offset: int
    length: int
    keys: Mapping[str, str]
    resources: tuple[tuple[str, str], ...]


class History:
    """The event history of all accounts and Regions, and the events' subscribers."""

    def __init__(self, path: Path, delay_s: float) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w+b")
        self._delay = delay_s
        self._entries: dict[tuple[str, str], list[_Entry]] = {}
        self._lock = threading.Lock()
        self._listeners: list[Callable[[Event], None]] = []

    def subscribe(self, listener: Callable[[Event], None]) -> None:
        """Have *listener* called with each event from now on."""
        self._listeners.append(listener)

    def add(self, event: Event) -> None:
        """Take an event in."""
        if not event.data:
            self._keep(event)
        for listener in self._listeners:
            listener(event)

    def _keep(self, event: Event) -> None:
        raw = event.text.encode()
        record = event.record
        identity = record["userIdentity"]
        keys = {
            "EventId": record["eventID"], "EventName": record["eventName"], "EventSource": record["eventSource"],
            "ReadOnly": "true" if record["readOnly"] else "false", "AccessKeyId": identity.get("accessKeyId", ""),
            "Username": event.caller.name if event.caller else "",
        }  # fmt: skip
        with self._lock:
            self._file.seek(0, 2)
            entry = _Entry(event.time, self._file.tell(), len(raw), keys, event.resources)
            self._file.write(raw)
            self._entries.setdefault((event.account, event.region), []).append(entry)

    def lookup(
        self, account: str, region: str, now: float, window: tuple[float, float], attributes: Mapping[str, str]
    ) -> list[_Entry]:
        """The visible entries of an account and Region, newest first."""
        entries = self._entries.get((account, region), [])
        start, end = window
        latest = now - self._delay
        return [
            entry
            for entry in reversed(entries)
            if entry.time <= latest and start <= entry.time <= end and _matches(entry, attributes)
        ]

    def read(self, entry: _Entry) -> str:
        """The JSON text of an entry."""
        with self._lock:
            self._file.seek(entry.offset)
            return self._file.read(entry.length).decode()


def _matches(entry: _Entry, attributes: Mapping[str, str]) -> bool:
    for name, wanted in attributes.items():
        if name == "ResourceName":
            found = any(resource == wanted for _, resource in entry.resources)
        elif name == "ResourceType":
            found = any(kind == wanted for kind, _ in entry.resources)
        else:
            found = entry.keys.get(name) == wanted
        if not found:
            return False
    return True


_RESOURCE_TYPES = {
    "userName": "AWS::IAM::User", "roleName": "AWS::IAM::Role", "accessKeyId": "AWS::IAM::AccessKey",
    "instanceId": "AWS::EC2::Instance", "volumeId": "AWS::EC2::Volume", "snapshotId": "AWS::EC2::Snapshot",
    "groupId": "AWS::EC2::SecurityGroup", "imageId": "AWS::EC2::Ami", "bucketName": "AWS::S3::Bucket",
    "policyArn": "AWS::IAM::Policy", "roleArn": "AWS::IAM::Role", "trailARN": "AWS::CloudTrail::Trail",
    "groupName": "AWS::IAM::Group", "keyId": "AWS::KMS::Key", "functionName": "AWS::Lambda::Function",
    "instanceProfileName": "AWS::IAM::InstanceProfile", "networkInterfaceId": "AWS::EC2::NetworkInterface",
    "subnetId": "AWS::EC2::Subnet", "vpcId": "AWS::EC2::VPC",
}  # fmt: skip


def resources_of(record: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The resources that LookupEvents lists for a record: type and name."""
    found: dict[tuple[str, str], None] = {}
    for part in ("requestParameters", "responseElements"):
        _collect(record.get(part), found)
    if record["eventSource"] == "cloudtrail.amazonaws.com" and isinstance(record.get("requestParameters"), dict):
        name = record["requestParameters"].get("name")
        if isinstance(name, str):
            found["AWS::CloudTrail::Trail", name] = None
    return tuple(found)


def _collect(value: Any, found: dict[tuple[str, str], None]) -> None:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name in _RESOURCE_TYPES and isinstance(inner, str):
                found[_RESOURCE_TYPES[name], inner] = None
            else:
                _collect(inner, found)
    elif isinstance(value, list):
        for item in value:
            _collect(item, found)


def dump(record: Mapping[str, Any]) -> str:
    """A record as compact JSON."""
    return json.dumps(record, separators=(",", ":"), default=str)
