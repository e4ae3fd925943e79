"""A configuration item: what a resource was at one moment, in the forms in which AWS tells it.

References:
    "Components of a configuration item", AWS Config Developer Guide, 2026-11: since version 1.3 the MD5 field is empty and
    `relatedEvents` too. GetResourceConfigHistory gives `configuration` as a JSON text; files and messages give an object, with
    `awsAccountId`, `ARN` and `configurationStateId` as a number.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

VERSION = "1.3"
GLOBAL = "global"
"""`awsRegion` of a resource that no Region has."""


@dataclasses.dataclass(frozen=True)
class Relation:
    """One resource as another one names it; `id` is empty where only the name is known."""

    name: str
    type: str
    id: str = ""
    resource_name: str | None = None

    def api(self) -> dict[str, Any]:
        """As the API tells it."""
        told = {"resourceType": self.type, "resourceId": self.id or None, "resourceName": self.resource_name}
        return {**{key: value for key, value in told.items() if value}, "relationshipName": self.name}

    def document(self) -> dict[str, Any]:
        """As files and messages tell it."""
        return {"resourceId": self.id or None, "resourceName": self.resource_name, "resourceType": self.type,
                "name": self.name}  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reading:
    """A resource, read back."""

    id: str
    arn: str
    name: str | None = None
    region: str
    zone: str = "Not Applicable"
    created: str | None = None
    """ISO 8601 with milliseconds."""
    configuration: Mapping[str, Any]
    supplementary: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    tags: Mapping[str, str] = dataclasses.field(default_factory=dict)
    relations: tuple[Relation, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Item:
    """A reading with its place in the history of the resource; *reading* of a deleted one is its last."""

    account: str
    type: str
    status: str
    """`ResourceDiscovered`, `OK` or `ResourceDeleted`."""
    captured: float
    state_id: int
    """Milliseconds; grows with each item of the resource."""
    reading: Reading
    found: bool = False
    """Whether it was there when the recorder looked around, instead of being named by a call."""

    @property
    def deleted(self) -> bool:
        """Whether the resource is gone."""
        return self.status == "ResourceDeleted"

    @property
    def key(self) -> tuple[str, str]:
        """Type and id."""
        return self.type, self.reading.id

    def api(self) -> dict[str, Any]:
        """As GetResourceConfigHistory tells it."""
        reading = self.reading
        return {
            **self.base(), "relatedEvents": [], "configurationItemMD5Hash": "",
            "tags": {} if self.deleted else dict(reading.tags),
            "relationships": [] if self.deleted else [each.api() for each in reading.relations],
            "configuration": None if self.deleted else dump(reading.configuration),
            "supplementaryConfiguration": {name: dump(value) for name, value in self._supplementary().items()},
            "recordingFrequency": "CONTINUOUS", "configurationItemDeliveryTime": self.captured,
        }  # fmt: skip

    def base(self) -> dict[str, Any]:
        """As BatchGetResourceConfig tells it, which leaves tags and relationships out."""
        reading = self.reading
        return {
            "version": VERSION, "accountId": self.account, "configurationItemCaptureTime": self.captured,
            "configurationItemStatus": self.status, "configurationStateId": str(self.state_id), "arn": reading.arn,
            "resourceType": self.type, "resourceId": reading.id, "resourceName": reading.name,
            "awsRegion": reading.region, "availabilityZone": reading.zone,
            "resourceCreationTime": None if self.deleted else seconds(reading.created),
            "configuration": None if self.deleted else dump(reading.configuration),
            "supplementaryConfiguration": {name: dump(value) for name, value in self._supplementary().items()},
            "configurationItemDeliveryTime": self.captured, "recordingFrequency": "CONTINUOUS",
        }  # fmt: skip

    def document(self) -> dict[str, Any]:
        """As snapshot files, history files and messages tell it."""
        reading = self.reading
        return {
            "relatedEvents": [], "relationships": [] if self.deleted else [each.document() for each in reading.relations],
            "configuration": None if self.deleted else reading.configuration,
            "supplementaryConfiguration": self._supplementary(), "tags": {} if self.deleted else dict(reading.tags),
            "configurationItemVersion": VERSION, "configurationItemCaptureTime": iso(self.captured),
            "configurationStateId": self.state_id, "awsAccountId": self.account,
            "configurationItemStatus": self.status, "resourceType": self.type, "resourceId": reading.id,
            "resourceName": reading.name, "ARN": reading.arn, "awsRegion": reading.region,
            "availabilityZone": None if self.deleted else reading.zone, "configurationStateMd5Hash": "",
            "resourceCreationTime": None if self.deleted else reading.created,
        }  # fmt: skip

    def _supplementary(self) -> dict[str, Any]:
        return {} if self.deleted else dict(self.reading.supplementary)


def dump(value: Any) -> str:
    """JSON without spaces, as AWS Config writes it."""
    return json.dumps(value, separators=(",", ":"))


def iso(moment: float) -> str:
    """A moment with milliseconds and a Z."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def seconds(text: str | None) -> float | None:
    """The moment that `iso` wrote."""
    return datetime.fromisoformat(text).timestamp() if text else None
