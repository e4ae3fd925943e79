"""Operations that read items: history, lists, counts, current configurations.

References:
    GetResourceConfigHistory (newest first unless asked, 10 a page, at most 100), ListDiscoveredResources (100), and their kin,
    AWS Config API Reference, 2026-11.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from amberlight.lab import hooks
from amberlight.lab.awsconfig.book import Book
from amberlight.lab.awsconfig.engine import Engine
from amberlight.lab.awsconfig.item import Item
from amberlight.lab.awsconfig.serving import Operation, page
from amberlight.lab.own import Refused

_MOST, _DEFAULT = 100, 10


def operations(engine: Engine) -> Mapping[str, Operation]:
    """The operations of this file."""

    def book() -> Book:
        return engine.book(hooks.current_account(), hooks.current_region())

    def recorded() -> Book:
        if engine.settings.of(hooks.current_account(), hooks.current_region()).recorder is None:
            raise Refused(
                "NoAvailableConfigurationRecorderException",
                "There are no customer managed configuration recorders available.",
            )
        return book()

    return {
        "GetResourceConfigHistory": lambda asked: _history(recorded(), asked),
        "ListDiscoveredResources": lambda asked: _listed(recorded(), asked),
        "GetDiscoveredResourceCounts": lambda asked: _counts(book(), asked),
        "BatchGetResourceConfig": lambda asked: _batch(recorded(), asked["resourceKeys"]),
    }


def _history(book: Book, asked: Mapping[str, Any]) -> dict[str, Any]:
    earlier, later = float(asked.get("earlierTime") or 0), float(asked.get("laterTime") or "inf")
    if earlier > later:
        raise Refused(
            "InvalidTimeRangeException", "The specified time range is not valid: earlierTime is after laterTime."
        )
    items = book.history(asked["resourceType"], asked["resourceId"])
    if not items:
        raise Refused(
            "ResourceNotDiscoveredException",
            f"Resource {asked['resourceId']} of resourceType:{asked['resourceType']} is unknown or has not been discovered",
        )
    found = [each.api() for each in items if earlier <= each.captured <= later]
    if asked.get("chronologicalOrder") != "Forward":
        found.reverse()
    return page("configurationItems", found, {**asked, "limit": asked.get("limit") or _DEFAULT}, _MOST, "limit")


def _listed(book: Book, asked: Mapping[str, Any]) -> dict[str, Any]:
    idents, name = asked.get("resourceIds"), asked.get("resourceName")
    if idents and name:
        raise Refused("ValidationException", "Use resourceIds or resourceName, not both.")
    kind, deleted = asked["resourceType"], bool(asked.get("includeDeletedResources"))
    found = [
        _identifier(each) for each in book.latest()
        if each.type == kind and (deleted or not each.deleted)
        and (not idents or each.reading.id in idents) and (not name or each.reading.name == name)
    ]  # fmt: skip
    return page("resourceIdentifiers", found, asked, _MOST, "limit")


def _identifier(item: Item) -> dict[str, Any]:
    gone = {"resourceDeletionTime": item.captured} if item.deleted else {}
    return {"resourceType": item.type, "resourceId": item.reading.id, "resourceName": item.reading.name, **gone}


def _counts(book: Book, asked: Mapping[str, Any]) -> dict[str, Any]:
    wanted = asked.get("resourceTypes")
    counts = Counter(each.type for each in book.latest() if not each.deleted and (not wanted or each.type in wanted))
    found = [{"resourceType": kind, "count": number} for kind, number in counts.most_common()]
    return {"totalDiscoveredResources": counts.total(), **page("resourceCounts", found, asked, _MOST, "limit")}


def _batch(book: Book, keys: list[dict[str, str]]) -> dict[str, Any]:
    found, missing = [], []
    for key in keys:
        items = book.history(key["resourceType"], key["resourceId"])
        if items:
            found.append(items[-1].base())
        else:
            missing.append(key)
    return {"baseConfigurationItems": found, "unprocessedResourceKeys": missing}
