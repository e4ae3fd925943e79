"""Many things looked at for the first time.

A principal lists and describes across services, operations that it had not used before, within minutes: somebody gets to know
the account. Browsing in the console fans out in the same way and does not count. An administrator with a command line does
it too, so it never pages; without a history a first time says little, and counts half.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from amberlight.aware.memory import WARM_UP, Activity, Memory, Name, Span
from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, events

READS = re.compile(r"(List|Describe|Get|Head|Search|Lookup|BatchGet)")
BOX = timedelta(minutes=15)
LEAST_OPERATIONS = 6
LEAST_SERVICES = 3
Row = tuple[Name, Span]


def find(activity: Activity, memory: Memory) -> Iterator[Match]:
    """The densest box of first uses, done and refused alike."""
    if activity.kind == "service" or all(use.console for use in activity.uses.values()):
        return
    rows = [row for table in (activity.calls, activity.denied) for row in table.items() if READS.match(row[0][1])]
    best = densest(sorted(rows, key=lambda row: (row[1].first, row[0])))
    services = {name[0].partition(".")[0] for name, _ in best}
    if len({name for name, _ in best}) < LEAST_OPERATIONS or len(services) < LEAST_SERVICES:
        return
    known = best[0][1].first - activity.span.first >= WARM_UP
    early = "" if known else "; there is no history to compare with"
    yield Match(
        reason=f"{len(best)} kinds of look at {len(services)} services within {BOX.seconds // 60} minutes, "
        f"not used before{early}",
        points=RULE.points if known or memory.watched < WARM_UP else RULE.points / 2,
        event_ids=tuple(span.id for _, span in best),
    )


def densest(rows: list[Row]) -> list[Row]:
    """The window with most first uses."""
    best: list[Row] = []
    start = 0
    for end, row in enumerate(rows):
        while row[1].first - rows[start][1].first > BOX:
            start += 1
        if end - start + 1 > len(best):
            best = rows[start : end + 1]
    return best


LOOKS = (
    "s3:ListBuckets",
    "iam:ListUsers",
    "iam:ListRoles",
    "ec2:DescribeInstances",
    "ec2:DescribeVpcs",
    "kms:ListKeys",
)
RULE = Rule(
    id="reconnaissance",
    title="Many things looked at for the first time",
    tactic="discovery",
    techniques=("T1580", "T1526", "T1087.004"),
    points=15,
    severity="low",
    false_triggers="administrators with a command line; inventory and posture scanners on their first run",
    references=("https://attack.mitre.org/techniques/T1580/",),
    on_activity=find,
    examples=(events(*(event(name, None) for name in LOOKS)),),
    near_misses=(
        events(*(event(name, None, sessionCredentialFromConsole="true") for name in LOOKS)),
        events(*(event("ec2:DescribeInstances", None) for _ in range(50))),
    ),
)
