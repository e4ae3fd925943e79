"""Every management event of 90 days, as LookupEvents finds it; texts and index lie on disk."""

from __future__ import annotations

import dataclasses
import json
import os
import sqlite3
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
class Entry:
    """One event as LookupEvents finds it."""

    time: float
    offset: int
    length: int
    keys: Mapping[str, str]
    resources: tuple[tuple[str, str], ...]


class History:
    """The event history of all accounts and Regions, and the events' subscribers.

    Nothing of it stays in memory: a lab may be called for days.
    """

    def __init__(self, path: Path, delay_s: float) -> None:
        """An empty history; *path* is the file of the texts, and the index lies beside it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w+b", buffering=0)
        self._end = 0
        self._delay = delay_s
        self._index = _index(path.with_suffix(".sqlite"))
        self._lock = threading.Lock()
        self._listeners: list[Callable[[Event], None]] = []

    def close(self) -> None:
        """Let go of the files."""
        self._index.close()
        self._file.close()

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
        raw, record = event.text.encode(), event.record
        with self._lock:
            os.pwrite(self._file.fileno(), raw, self._end)
            row = (
                event.account, event.region, event.time, self._end, len(raw), record["eventID"], record["eventName"],
                record["eventSource"], "true" if record["readOnly"] else "false",
                record["userIdentity"].get("accessKeyId", ""), event.caller.name if event.caller else "",
            )  # fmt: skip
            number = self._index.execute(_INSERT, row).lastrowid
            if event.resources:
                rows = ((number, kind, name) for kind, name in event.resources)
                self._index.executemany("INSERT INTO resource VALUES (?, ?, ?)", rows)
            self._end += len(raw)

    def lookup(
        self, place: tuple[str, str], now: float, window: tuple[float, float], attributes: Mapping[str, str], *,
        limit: int, after: str = "",
    ) -> list[Entry]:  # fmt: skip
        """Visible events of an account and Region, newest first.

        Args:
            place: Account and Region.
            now: An event is visible when it is old enough.
            window: First and last moment.
            attributes: What must be equal, by LookupEvents' names.
            limit: So many at most.
            after: The id of an event, to go on behind it.

        Raises:
            KeyError: There is no such event *after* which to go on.
        """
        start, end = window
        where, values = ["account = ? AND region = ? AND time BETWEEN ? AND ?"], [
            *place, start, min(end, now - self._delay)]  # fmt: skip
        for name, wanted in attributes.items():
            where.append(_CONDITIONS[name])
            values.append(wanted)
        with self._lock:
            if after:
                where.append("n < ?")
                values.append(self._number(place, after))
            text = f"SELECT * FROM event WHERE {' AND '.join(where)} ORDER BY n DESC LIMIT ?"  # noqa: S608 (fixed texts)
            return [self._entry(row) for row in self._index.execute(text, (*values, limit)).fetchall()]

    def _number(self, place: tuple[str, str], event_id: str) -> int:
        asked = "SELECT n FROM event WHERE id = ? AND account = ? AND region = ?"
        found = self._index.execute(asked, (event_id, *place)).fetchone()
        if found is None:
            raise KeyError(event_id)
        return int(found[0])

    def _entry(self, row: tuple[Any, ...]) -> Entry:
        number, _, _, time, offset, length, *keys = row
        found = self._index.execute("SELECT type, name FROM resource WHERE n = ? ORDER BY rowid", (number,))
        return Entry(time, offset, length, dict(zip(_KEYS, keys, strict=True)), tuple(found.fetchall()))

    def read(self, entry: Entry) -> str:
        """The JSON text of an entry."""
        return os.pread(self._file.fileno(), entry.length, entry.offset).decode()


_KEYS = ("EventId", "EventName", "EventSource", "ReadOnly", "AccessKeyId", "Username")
_CONDITIONS = {
    **dict(zip(_KEYS, ("id = ?", "name = ?", "source = ?", "readonly = ?", "key = ?", "user = ?"), strict=True)),
    "ResourceName": "n IN (SELECT n FROM resource WHERE name = ?)",
    "ResourceType": "n IN (SELECT n FROM resource WHERE type = ?)",
}
_INSERT = "INSERT INTO event VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_TABLES = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA cache_size = -4000;
CREATE TABLE event (n INTEGER PRIMARY KEY, account, region, time, offset, length, id, name, source, readonly, key, user);
CREATE TABLE resource (n, type, name);
CREATE INDEX by_place ON event (account, region, n);
CREATE INDEX by_name ON event (account, region, name, n);
CREATE INDEX by_id ON event (id);
CREATE INDEX resource_of ON resource (n);
CREATE INDEX resource_by_name ON resource (name);
BEGIN;
"""
"""One transaction that never ends: the file is worth nothing after the lab, and its pages need not be safe on disk."""


def _index(path: Path) -> sqlite3.Connection:
    path.unlink(missing_ok=True)
    made = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    made.executescript(_TABLES)
    return made


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
