"""A change that the principal never made before, or from a network it never used.

After at least seven days of history of a principal: its first use of an operation that changes something, or its first call
from another network. New work looks the same, so it adds little.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from amberlight.aware.memory import WARM_UP, Activity, Memory, network
from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, events

WRITES = re.compile(r"(Create|Put|Attach|Update|Modify|Delete|Run|Send|Start|Stop|Add|Authorize|Disable|Enable|Share)")
SHOWN = 10


def find(activity: Activity, memory: Memory) -> Iterator[Match]:  # noqa: ARG001 - a rule's signature
    """First changes, and first networks, after the warm-up."""
    ready = activity.span.first + WARM_UP
    if activity.span.last < ready:
        return
    new = sorted(
        (span.first, name[1], span.id)
        for name, span in activity.calls.items()
        if span.first >= ready and WRITES.match(name[1])
    )
    if new:
        yield Match(
            reason=f"first use after a week or more of history: {', '.join(name for _, name, _ in new[:SHOWN])}",
            event_ids=tuple(i for _, _, i in new[:SHOWN]),
        )
    for when, address, event_id in networks(activity)[1:]:
        if when >= ready:
            yield Match(
                reason=f"first call from another network after a week or more of history: {address}",
                event_ids=(event_id,),
            )
            return


def networks(activity: Activity) -> list[tuple[datetime, str, str]]:
    """First use, address and event of each outside network, by time."""
    seen: dict[str, tuple[datetime, str, str]] = {}
    for (_, address, _), use in sorted(activity.uses.items(), key=lambda one: (one[1].span.first, one[0])):
        if network(address):
            seen.setdefault(network(address), (use.span.first, address, use.span.id))
    return sorted(seen.values())


OLD = event("s3:ListBuckets", None, eventTime="2026-11-01T00:00:00Z", sourceIPAddress="192.0.2.9")
RULE = Rule(
    id="first_time",
    title="First time after a week or more",
    tactic="initial-access",
    techniques=("T1078.004",),
    points=12,
    severity="low",
    false_triggers="new work, a new office, a deployment of something new",
    references=("https://attack.mitre.org/techniques/T1078/004/",),
    on_activity=find,
    examples=(
        events(OLD, event("iam:CreateUser", {"userName": "x"}, eventTime="2026-11-10T00:00:00Z")),
        events(OLD, event("s3:ListBuckets", None, eventTime="2026-11-10T00:00:00Z")),
    ),
    near_misses=(
        events(OLD, event("iam:CreateUser", {"userName": "x"}, eventTime="2026-11-02T00:00:00Z")),
        events(OLD, event("s3:ListBuckets", None, eventTime="2026-11-10T00:00:00Z", sourceIPAddress="192.0.2.8")),
    ),
)
