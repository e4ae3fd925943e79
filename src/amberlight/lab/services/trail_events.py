"""EventBridge: what a trail records is also an event on the account's default bus, so that rules on API calls fire.

Only while a trail records the call. What only reads, by its name, reaches those rules alone whose state is
`ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS`.

References:
    "Events from AWS services delivered via CloudTrail", EventBridge User Guide, 2026-11: detail types, a trail must be on, `List`,
    `Get` and `Describe` are not processed but for two operations of STS, the state that lets them through on the default bus.
"""

from __future__ import annotations

import sys
import traceback
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from amberlight.lab import hooks
from amberlight.lab.recorder.history import Event
from amberlight.lab.world import World

EVERYTHING = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
REAL = {"events.PutRule": "API calls that a trail records fire it"}
_TYPES = {"AwsApiCall": "AWS API Call", "AwsConsoleSignIn": "AWS Console Sign In", "AwsServiceEvent": "AWS Service Event",
          "AwsConsoleAction": "AWS Console Action"}  # fmt: skip
_READS_THAT_PASS = frozenset({"GetFederationToken", "GetSessionToken"})


def install(world: World) -> None:
    """Put events on the bus as they come, and let rules in the wider state fire."""
    waiting: deque[Event] = deque()
    world.delivery.takers.append(waiting.append)
    world.jobs.append(lambda: _send(waiting))
    _fire_wider_rules()


def _send(waiting: deque[Event]) -> None:
    while waiting:
        event = waiting.popleft()
        try:
            _tell(event)
        except Exception:  # noqa: BLE001 (a target's mistake keeps no other event back; the lab's log says it)
            sys.stderr.write(f"NOT ON THE BUS: {event.record['eventName']}\n{traceback.format_exc()}")


def _tell(event: Event) -> None:
    record = event.record
    read = _only_reads(record)
    if read and event.data:
        return
    entry = {
        "Source": f"aws.{record['eventSource'].split('.')[0]}", "Detail": event.text, "Resources": [],
        "DetailType": f"{_TYPES[record['eventType']]} via CloudTrail",
    }  # fmt: skip
    with hooks.acting_for(event.account, event.region), _wider_only(read):
        hooks.service("eventbridge")._put_events({"Entries": [entry]}, allow_aws_source=True)


def _only_reads(record: Mapping[str, Any]) -> bool:
    name = str(record["eventName"])
    return name.startswith(("List", "Get", "Describe")) and name not in _READS_THAT_PASS


@contextmanager
def _wider_only(read: bool) -> Iterator[None]:  # noqa: FBT001
    """While an event that only reads is told, rules in the usual state rest."""
    rules = [rule for rule in hooks.service("eventbridge")._rules.values() if read and rule.get("State") == "ENABLED"]
    for rule in rules:
        rule["State"] = "RESTS"
    try:
        yield
    finally:
        for rule in rules:
            rule["State"] = "ENABLED"


def _fire_wider_rules() -> None:
    """The emulator fires rules that are `ENABLED` and no other."""

    def dispatch(event: Any, view: Any = None) -> Any:
        rules = [rule for rule in hooks.service("eventbridge")._rules.values() if rule.get("State") == EVERYTHING]
        for rule in rules:
            rule["State"] = "ENABLED"
        try:
            return old(event, view)
        finally:
            for rule in rules:
                rule["State"] = EVERYTHING

    old = hooks.replace("services.eventbridge", "_dispatch_event", dispatch)
