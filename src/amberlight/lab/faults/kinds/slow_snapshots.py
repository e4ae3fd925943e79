"""EBS snapshots stay `pending` for so many seconds, new ones and copies alike (AWS: minutes to hours, by what changed)."""

from __future__ import annotations

import re
from typing import Any

from amberlight.lab import clock, hooks
from amberlight.lab.faults.fault import CallFault, Patterns, Seconds
from amberlight.lab.faults.points import Inner, Points, Reply, facts_of
from amberlight.lab.recorder.middleware import Passing

_MAKERS = ("CreateSnapshot", "CreateSnapshots", "CopySnapshot")
_ID = re.compile(rb"<snapshotId>(snap-[0-9a-f]+)</snapshotId>")


class SlowSnapshots(CallFault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`seconds` from the call on."""

    service: Patterns = "ec2"
    operation: Patterns = _MAKERS
    seconds: Seconds


FAULT = SlowSnapshots
EXAMPLE = """
- fault: slow-snapshots
  account: prod
  seconds: 30
"""


def install(points: Points) -> None:
    """Move the end of a snapshot that was just begun."""

    async def handler(passing: Passing, inner: Inner, go: Any) -> Reply:
        facts = facts_of(passing)
        reply: Reply = await go(inner)
        if facts.service != "ec2" or facts.operation not in _MAKERS or reply[0] != 200:  # noqa: PLR2004
            return reply
        struck = points.board.strike("slow-snapshots", facts)
        if struck is not None and isinstance(struck.fault, SlowSnapshots):
            begun = hooks.service("ec2")._snapshots
            for found in _ID.findall(reply[2]):
                begun[found.decode()].update(State="pending", _done_at=clock.now() + struck.fault.seconds)
        return reply

    points.handler("answer", handler)
