"""What a delivery channel brings: snapshot and history files in S3, messages on a topic, events on the bus.

Months and days stand in keys without zeros. An hour of AWS is `digest_interval_s` of the lab: history files come every six.

References:
    Real keys and files: `AWSLogs/ACCOUNT/Config/REGION/2018/12/16/ConfigHistory/…_20181216T101127Z_20181216T101127Z_1.json.gz`;
    "Delivering Configuration Snapshots", "Viewing the Delivery Channel", AWS Config Developer Guide, 2026-11.
"""

from __future__ import annotations

import gzip
import uuid
from functools import partial
from typing import Any

from amberlight.lab import clock, hooks
from amberlight.lab.awsconfig import files, messages
from amberlight.lab.awsconfig.engine import Engine
from amberlight.lab.awsconfig.item import Item, dump
from amberlight.lab.awsconfig.line import Line
from amberlight.lab.awsconfig.permitted import permitted
from amberlight.lab.awsconfig.recorders import Channel, Setting
from amberlight.lab.detection import bus
from amberlight.lab.own import Refused

_HOURS = {"One_Hour": 1, "Three_Hours": 3, "Six_Hours": 6, "Twelve_Hours": 12, "TwentyFour_Hours": 24}
_HISTORY_HOURS = 6


class Delivery:
    """All channels of all accounts."""

    def __init__(self, engine: Engine, hour_s: float) -> None:
        self._engine = engine
        self._hour = hour_s
        self._line = Line("deliver")
        self._pending: dict[tuple[str, str], list[Item]] = {}
        self._history_due = clock.now() + _HISTORY_HOURS * hour_s
        self._snapshot_due: dict[tuple[str, str], float] = {}
        engine.told.append(self._take)

    async def check(self, setting: Setting, channel: Channel) -> None:
        """Whether a channel could deliver; AWS writes an empty file to see.

        Raises:
            Refused: There is no such bucket or topic, or it may not write there.
        """
        bucket, topic = str(channel.given.get("s3BucketName") or ""), str(channel.given.get("snsTopicARN") or "")
        if hooks.service("s3")._bucket_owner_account(bucket) is None:
            raise Refused(
                "NoSuchBucketException", f"Cannot find a S3 bucket with an empty bucket name or named {bucket}."
            )
        key = f"{files.prefix(channel)}AWSLogs/{setting.account}/Config/{files.WRITABLE}"
        if await files.put(setting, channel, key, b"") is not None:
            raise Refused(
                "InsufficientDeliveryPolicyException",
                f"Insufficient delivery policy to s3 bucket: {bucket}, unable to write to bucket, provided s3 key prefix is "
                f"'{channel.given.get('s3KeyPrefix')}'.",
            )
        if topic and _topic(topic) is None:
            raise Refused("InvalidSNSTopicARNException", f"The sns topic arn '{topic}' is not valid.")

    def snapshot(self, setting: Setting) -> str:
        """Begin a snapshot; gives its id."""
        ident = str(uuid.uuid4())
        self._line.add(ident, lambda: self._snapshot(setting, ident))
        return ident

    def tick(self) -> None:
        """Deliver what is due."""
        now = clock.now()
        if now >= self._history_due:
            self._history_due = now + _HISTORY_HOURS * self._hour
            for setting in self._engine.settings.every():
                self._line.add(("history", setting.account, setting.region), partial(self._history, setting))
        for setting in self._engine.settings.every():
            self._snapshot_if_due(setting, now)
        self._line.wake()

    def _snapshot_if_due(self, setting: Setting, now: float) -> None:
        place, every = (setting.account, setting.region), _HOURS.get(_frequency(setting), 0) * self._hour
        if not every or not setting.running:
            self._snapshot_due.pop(place, None)
        elif now >= self._snapshot_due.setdefault(place, now + every):
            self._snapshot_due[place] = now + every
            self.snapshot(setting)

    def _take(self, setting: Setting, item: Item, last: Item | None) -> None:
        place = (setting.account, setting.region)
        self._pending.setdefault(place, []).append(item)
        now = clock.now()
        message = messages.changed(item, last, now)
        bus.tell(place, "aws.config", "Config Configuration Item Change", message, [item.reading.arn])
        channel = setting.channel
        if channel is not None and channel.given.get("snsTopicARN"):
            about = messages.subject(item, setting.region)
            self._line.add(uuid.uuid4(), lambda: self._tell_change(setting, channel, about, item, last))

    def tell(self, setting: Setting, about: str, message: dict[str, Any]) -> None:
        """Send a message to the channel's topic, after all that were sent before."""
        channel = setting.channel
        if channel is not None and channel.given.get("snsTopicARN"):
            self._line.add(uuid.uuid4(), lambda: self._publish(setting, channel, about, dump(message)))

    async def _tell_change(self, setting: Setting, channel: Channel, about: str, item: Item, last: Item | None) -> None:
        text = dump(messages.changed(item, last, clock.now()))
        if len(text.encode()) > messages.MOST_BYTES:
            now = clock.now()
            ident, moment = item.reading.id.replace("/", "_"), files.stamp(item.captured)
            name = f"ChangeNotification_{item.type}_{ident}_{moment}_{item.state_id}.json.gz"
            key = files.key(setting, channel, now, f"OversizedChangeNotification/{item.type}/{ident}", name)
            problem = await files.put(setting, channel, key, gzip.compress(text.encode()))
            bucket = str(channel.given["s3BucketName"])
            place = {"errorCode": problem} if problem else {"s3BucketLocation": f"{bucket}/{key}"}
            text = dump(messages.oversized(item, last, now, place))
        await self._publish(setting, channel, about, text)

    async def _publish(self, setting: Setting, channel: Channel, about: str, text: str) -> None:
        arn, now = str(channel.given["snsTopicARN"]), clock.now()
        topic, owner, region = _topic(arn), arn.split(":")[4], arn.split(":")[3]
        problem = "NotFound" if topic is None else None
        if topic is not None and not await permitted(
            setting, "sns:Publish", arn, owner, topic["attributes"].get("Policy")
        ):
            problem = "AuthorizationError"
        if problem is None:
            with hooks.acting_for(owner, region):
                hooks.service("sns").publish_internal(arn, text, about[:100])
        note = _result(problem)
        known = channel.status.get("configStreamDeliveryInfo", {})
        changed = now if known.get("lastStatus") != note["lastStatus"] else known.get("lastStatusChangeTime", now)
        channel.status["configStreamDeliveryInfo"] = {**note, "lastStatusChangeTime": changed}

    async def _snapshot(self, setting: Setting, ident: str) -> None:
        channel = setting.channel
        if channel is None:
            return
        now = clock.now()
        await self._tell_file(setting, channel, "ConfigurationSnapshotDeliveryStarted", configSnapshotId=ident)
        items = [each for each in self._engine.book(setting.account, setting.region).latest() if not each.deleted]
        key = files.key(setting, channel, now, "ConfigSnapshot", f"ConfigSnapshot_{files.stamp(now)}_{ident}.json.gz")
        body = files.content(items, configSnapshotId=ident)
        problem = await files.put(setting, channel, key, body)
        _note_file(channel, "configSnapshotDeliveryInfo", now, problem)
        if problem is None:
            await self._tell_file(
                setting, channel, "ConfigurationSnapshotDeliveryCompleted", configSnapshotId=ident, s3ObjectKey=key,
                s3Bucket=channel.given["s3BucketName"],
            )  # fmt: skip

    async def _history(self, setting: Setting) -> None:
        items = self._pending.pop((setting.account, setting.region), [])
        channel = setting.channel
        if channel is None:
            return
        by_type: dict[str, list[Item]] = {}
        for item in items:
            by_type.setdefault(item.type, []).append(item)
        for kind, found in by_type.items():
            now = clock.now()
            span = f"{files.stamp(found[0].captured)}_{files.stamp(found[-1].captured)}"
            key = files.key(setting, channel, now, "ConfigHistory", f"ConfigHistory_{kind}_{span}_1.json.gz")
            problem = await files.put(setting, channel, key, files.content(found))
            _note_file(channel, "configHistoryDeliveryInfo", now, problem)
            if problem is None:
                await self._tell_file(
                    setting, channel, "ConfigurationHistoryDeliveryCompleted", s3ObjectKey=key,
                    s3Bucket=channel.given["s3BucketName"],
                )  # fmt: skip

    async def _tell_file(self, setting: Setting, channel: Channel, kind: str, **members: Any) -> None:
        if channel.given.get("snsTopicARN"):
            about = f"[AWS Config:{setting.region}] {_FILES[kind]} Account {setting.account}"
            await self._publish(setting, channel, about, dump(messages.delivered(kind, clock.now(), **members)))


_FILES = {
    "ConfigurationSnapshotDeliveryStarted": "Configuration Snapshot Delivery Started for",
    "ConfigurationSnapshotDeliveryCompleted": "Configuration Snapshot Delivery Completed for",
    "ConfigurationHistoryDeliveryCompleted": "Configuration History Delivery Completed for",
}


def _topic(arn: str) -> dict[str, Any] | None:
    parts = arn.split(":")
    if len(parts) != 6:  # noqa: PLR2004
        return None
    found: dict[str, Any] | None = hooks.service("sns")._topics.get_scoped(parts[4], parts[3], arn)
    return found


def _frequency(setting: Setting) -> str:
    given = setting.channel.given if setting.channel else {}
    return str((given.get("configSnapshotDeliveryProperties") or {}).get("deliveryFrequency", ""))


def _result(problem: str | None) -> dict[str, Any]:
    if problem is None:
        return {"lastStatus": "SUCCESS"}
    return {"lastStatus": "FAILURE", "lastErrorCode": problem, "lastErrorMessage": "AWS Config could not deliver."}


def _note_file(channel: Channel, name: str, now: float, problem: str | None) -> None:
    successful = {"lastSuccessfulTime": now} if problem is None else {}
    known = {key: value for key, value in channel.status.get(name, {}).items() if key == "lastSuccessfulTime"}
    channel.status[name] = {**known, **_result(problem), "lastAttemptTime": now, **successful}
