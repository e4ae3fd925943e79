"""AWS Health: events that AWS tells an account, abuse notices among them.

Nothing in the lab makes them by itself: the owner plants them (`RunningLab.control("health", account=ID, events=[...])`), as they
would be written by AWS, and reach the default event bus as `AWS Health Event`. An event is what DescribeEvents and DescribeEventDetails say of it: `service`, `eventTypeCode`,
`eventTypeCategory`, and if wanted `region`, `statusCode`, `startTime` (seconds since 1970), `description`, `entities`.

References:
    "AWS Health events Amazon EventBridge schema", AWS Health User Guide, 2026-11.
    "AWS Health API Reference", 2026-11: DescribeEvents, DescribeEventDetails, DescribeAffectedEntities, their filters and limits.
    Abuse notices: service `ABUSE`, for example `AWS_ABUSE_DOS_REPORT`; "Concepts for AWS Health", 2026-11.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from amberlight.lab import clock, hooks
from amberlight.lab.detection import bus
from amberlight.lab.options import REGION
from amberlight.lab.own import Refused, paged, serve
from amberlight.lab.world import World

_NEEDED = ("service", "eventTypeCode", "eventTypeCategory")
_FILTERS = {
    "eventArns": "arn", "eventTypeCodes": "eventTypeCode", "services": "service", "regions": "region",
    "eventTypeCategories": "eventTypeCategory", "eventStatusCodes": "statusCode",
}  # fmt: skip
_UNREADABLE = {"startTimes", "endTimes", "lastUpdatedTimes", "availabilityZones", "entityArns", "entityValues", "tags"}
_MOST = 100


class Told:
    """Events by account."""

    def __init__(self) -> None:
        self._events: dict[str, dict[str, dict[str, Any]]] = {}

    def plant(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Take events for an account; gives their ARNs."""
        arns = [self._take(str(data["account"]), each) for each in data["events"]]
        return {"arns": arns}

    def _take(self, account: str, event: Mapping[str, Any]) -> str:
        if missing := [name for name in _NEEDED if not event.get(name)]:
            raise ValueError(f"an event of AWS Health needs {', '.join(missing)}")
        now, region = clock.now(), event.get("region", REGION)
        arn = f"arn:aws:health:{region}::event/{event['service']}/{event['eventTypeCode']}/{uuid.uuid4()}"
        filled = {"region": region, "statusCode": "open", "startTime": now, "lastUpdatedTime": now, "entities": [],
                  "description": "", "eventScopeCode": "ACCOUNT_SPECIFIC", **event, "arn": arn}  # fmt: skip
        self._events.setdefault(account, {})[arn] = filled
        bus.tell((account, region), "aws.health", "AWS Health Event", _as_told(filled, account), filled["entities"])
        return arn

    def of_caller(self) -> list[dict[str, Any]]:
        """The events of the account that asks, newest first."""
        return sorted(self._events.get(hooks.current_account(), {}).values(), key=lambda event: -event["startTime"])


def _as_told(event: Mapping[str, Any], account: str) -> dict[str, Any]:
    """The event as EventBridge has it; its times are those of HTTP headers."""
    start, updated = (
        format_datetime(datetime.fromtimestamp(event[name], UTC), usegmt=True)
        for name in ("startTime", "lastUpdatedTime")
    )
    return {
        "eventArn": event["arn"], "service": event["service"], "eventTypeCode": event["eventTypeCode"],
        "eventTypeCategory": event["eventTypeCategory"], "eventScopeCode": event["eventScopeCode"],
        "statusCode": event["statusCode"], "eventRegion": event["region"], "startTime": start, "lastUpdatedTime": updated,
        "eventDescription": [{"language": "en_US", "latestDescription": event["description"]}],
        "affectedEntities": [{"entityValue": each, "tags": {}} for each in event["entities"]],
        "affectedAccount": account, "page": "1", "totalPages": "1",
    }  # fmt: skip


def install(world: World) -> None:
    """Serve the API."""
    told = Told()
    world.control.offer("health", told.plant)
    serve("health", {
        "DescribeEvents": lambda asked: _page("events", _matching(told, asked.get("filter") or {}), asked),
        "DescribeEventDetails": lambda asked: _details(told, asked["eventArns"]),
        "DescribeAffectedEntities": lambda asked: _page("entities", _entities(told, asked["filter"]), asked),
    })  # fmt: skip


def _matching(told: Told, wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
    if strange := _UNREADABLE & set(wanted):
        raise Refused("ValidationException", f"The lab does not filter by {', '.join(sorted(strange))}.")
    hidden = ("entities", "description")
    return [
        {name: value for name, value in event.items() if name not in hidden}
        for event in told.of_caller()
        if all(event[field] in wanted[name] for name, field in _FILTERS.items() if wanted.get(name))
    ]


def _details(told: Told, arns: list[str]) -> dict[str, Any]:
    events = {event["arn"]: event for event in told.of_caller()}
    hidden = ("entities", "description")
    found = [
        {"event": {name: value for name, value in events[arn].items() if name not in hidden},
         "eventDescription": {"latestDescription": events[arn]["description"]}}
        for arn in arns if arn in events
    ]  # fmt: skip
    failed = [
        {"eventArn": arn, "errorName": "InvalidArn", "errorMessage": "There is no such event."}
        for arn in arns if arn not in events
    ]  # fmt: skip
    return {"successfulSet": found, "failedSet": failed}


def _entities(told: Told, wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"entityArn": f"{event['arn']}/{number}", "eventArn": event["arn"], "entityValue": value,
         "awsAccountId": hooks.current_account(), "lastUpdatedTime": event["lastUpdatedTime"], "statusCode": "IMPAIRED"}
        for event in told.of_caller() if event["arn"] in wanted["eventArns"]
        for number, value in enumerate(event["entities"])
    ]  # fmt: skip


def _page(name: str, items: list[dict[str, Any]], asked: Mapping[str, Any]) -> dict[str, Any]:
    page, following = paged(
        items, asked.get("nextToken"), asked.get("maxResults"), most=_MOST, code="InvalidPaginationToken"
    )
    return {name: page, "nextToken": following}
