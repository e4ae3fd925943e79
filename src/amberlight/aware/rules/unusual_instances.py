"""Costly instances started.

Instances with graphics or accelerator chips, or of the largest sizes, are started directly: what miners and model thieves
want. Refused tries count, since they are the usual first sign.
"""

from __future__ import annotations

import re

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, members, text
from amberlight.trail import Event


def match(found: Event) -> Match | None:
    """Types by their family and size. A refused call records none: then the message may, or the call says little."""
    asked = found.request
    types = sorted(set(TYPES.findall(str(asked))))
    costly = [one for one in types if is_costly(one)]
    if not costly:
        return None
    items = members(found.response, "instancesSet") if not found.failed else []
    started = [text(one.get("instanceId")) for one in items if isinstance(one, dict)]
    tried = " (refused)" if found.failed else ""
    return Match(
        reason=f"{len(started) or 'some'} instance(s) of {', '.join(costly)} started{tried}",
        resources=tuple(f"instance/{one}" for one in started if one),
    )


def is_costly(kind: str) -> bool:
    """Accelerated families, and sizes from 24xlarge on or bare metal."""
    family, _, size = kind.partition(".")
    number = re.match(r"(\d+)xlarge", size)
    return bool(ACCELERATED.match(family)) or "metal" in size or (number is not None and int(number[1]) >= LARGE)


TYPES = re.compile(r"\b[a-z]{1,4}\d?[a-z0-9-]*\.(?:\d+xlarge|xlarge|large|medium|small|metal[-\w]*)\b")
ACCELERATED = re.compile(r"(p\d|g\d|gr\d|inf\d|trn\d|dl\d|vt\d|f\d|u-)")
LARGE = 24


RULE = Rule(
    id="unusual_instances",
    title="Costly instances started",
    tactic="impact",
    techniques=("T1496", "T1578.002"),
    points=70,
    severity="high",
    denied=True,
    false_triggers="machine learning teams: launches on several days count as habit, and managed services do not count",
    references=(
        "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html",
        "https://docs.aws.amazon.com/ec2/latest/instancetypes/ac.html",
    ),
    events=(
        "ec2:RunInstances",
        "ec2:RequestSpotInstances",
        "ec2:CreateFleet",
        "ec2:RequestSpotFleet",
    ),
    on_event=match,
    examples=(
        event("ec2:RunInstances", {"instanceType": "p3.2xlarge"}),
        event("ec2:RunInstances", {"instanceType": "c5.24xlarge"}),
    ),
    near_misses=(
        event("ec2:RunInstances", {"instanceType": "t3.large"}),
        event("ec2:RunInstances", {"instanceType": "m5.2xlarge"}),
    ),
)
