"""Many different calls refused.

A principal is refused many different operations within minutes: somebody finds out what a key may do. A deployment that lacks
a right is refused the same operation again and again, and does not count.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from amberlight.aware.memory import Activity, Memory
from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, events

BOX = timedelta(minutes=15)
LEAST = 5


def find(activity: Activity, memory: Memory) -> Iterator[Match]:  # noqa: ARG001 - a rule's signature
    """The first box with enough different refusals."""
    rows = sorted(activity.denied.items(), key=lambda row: (row[1].first, row[0]))
    for start, (_, span) in enumerate(rows):
        near = [row for row in rows[start:] if row[1].first - span.first <= BOX]
        if len(near) >= LEAST:
            yield Match(
                reason=f"{len(near)} different operations were refused within {BOX.seconds // 60} minutes",
                event_ids=tuple(one.id for _, one in near),
            )
            return


NAMES = ("iam:CreateUser", "s3:ListBuckets", "ec2:RunInstances", "kms:ListKeys", "iam:ListUsers")
RULE = Rule(
    id="refusals",
    title="Many different calls refused",
    tactic="discovery",
    techniques=("T1580", "T1087.004"),
    points=20,
    severity="medium",
    false_triggers="a new role whose rights are still being found out; a scanner without rights",
    references=("https://attack.mitre.org/techniques/T1580/",),
    on_activity=find,
    examples=(events(*(event(name, None, errorCode="AccessDenied") for name in NAMES)),),
    near_misses=(
        events(*(event("kms:ListKeys", None, errorCode="AccessDenied") for _ in range(60))),
        events(*(event(name, None) for name in NAMES)),
    ),
)
