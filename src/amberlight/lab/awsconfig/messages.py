"""The messages of AWS Config, to topics and to the event bus.

References:
    "Notifications that AWS Config Sends to an Amazon SNS topic", AWS Config Developer Guide, 2026-11, and real messages; a message
    above 256 KiB carries a summary and where the whole lies.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amberlight.lab.awsconfig import diff
from amberlight.lab.awsconfig.item import Item, iso

MOST_BYTES = 256 * 1024


def changed(item: Item, last: Item | None, now: float) -> dict[str, Any]:
    """ConfigurationItemChangeNotification."""
    return {
        "configurationItemDiff": diff.between(last, item), "configurationItem": item.document(),
        "notificationCreationTime": iso(now), "messageType": "ConfigurationItemChangeNotification",
        "recordVersion": "1.3",
    }  # fmt: skip


def subject(item: Item, region: str) -> str:
    """The subject of its mail: what was there before the recorder began is `Discovered`."""
    created = "Discovered" if item.found else "Created"
    word = {"ResourceDiscovered": created, "ResourceDeleted": "Deleted"}.get(item.status, "Updated")
    return f"[AWS Config:{region}] {item.type} {item.reading.id} {word} in Account {item.account}"


def summary(item: Item, last: Item | None) -> dict[str, Any]:
    """What an oversized message says of the item."""
    left_out = ("configuration", "supplementaryConfiguration", "tags", "relationships", "relatedEvents")
    told = {name: value for name, value in item.document().items() if name not in left_out}
    return {"changeType": diff.between(last, item)["changeType"], **told}


def oversized(item: Item, last: Item | None, now: float, place: Mapping[str, Any]) -> dict[str, Any]:
    """OversizedConfigurationItemChangeNotification; *place* says where the whole lies, or why it does not."""
    return {
        "configurationItemSummary": summary(item, last),
        "s3DeliverySummary": {"s3BucketLocation": None, "errorCode": None, "errorMessage": None, **place},
        "notificationCreationTime": iso(now), "messageType": "OversizedConfigurationItemChangeNotification",
        "recordVersion": "1.0",
    }  # fmt: skip


def delivered(kind: str, now: float, **members: Any) -> dict[str, Any]:
    """`ConfigurationSnapshotDeliveryStarted`, `…Completed`, `ConfigurationHistoryDeliveryCompleted`."""
    return {**members, "notificationCreationTime": iso(now), "messageType": kind, "recordVersion": "1.1"}
