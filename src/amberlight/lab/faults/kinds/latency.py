"""Calls take longer, before anything of them happens: a fixed time, one drawn from a range, or one from a long tail.

The time of the record in CloudTrail is that at which AWS began to work on the call, after the wait.
"""

from __future__ import annotations

import asyncio
import math
from typing import Annotated, Any

import msgspec

from amberlight.lab.faults.board import Placed
from amberlight.lab.faults.fault import CallFault, Seconds
from amberlight.lab.faults.points import Points, facts_of
from amberlight.lab.recorder.middleware import Passing

_MOST_S = 3600.0


class Latency(CallFault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of `seconds`, `between` (least and most) and `median_s`; with the last, `sigma` of the lognormal."""

    seconds: Seconds | None = None
    between: tuple[Seconds, Seconds] | None = None
    median_s: Annotated[float, msgspec.Meta(gt=0)] | None = None
    sigma: Annotated[float, msgspec.Meta(gt=0)] = 0.5

    def problem(self) -> str | None:
        """One way to say how long, and not two."""
        if sum(each is not None for each in (self.seconds, self.between, self.median_s)) != 1:
            return "latency needs exactly one of seconds, between and median_s."
        if self.between is not None and self.between[0] > self.between[1]:
            return "latency: between names the least first."
        return None


FAULT = Latency
EXAMPLE = """
- fault: latency
  service: ec2
  operation: Describe*
  between: [0.2, 1.5]
- fault: latency
  region: eu-west-1
  median_s: 0.3
  sigma: 0.8
"""


def install(points: Points) -> None:
    """Wait before a call goes on."""

    async def gate(passing: Passing, go: Any) -> None:
        struck = points.board.strike("latency", facts_of(passing))
        if struck is not None:
            await asyncio.sleep(drawn(struck))
        await go(passing)

    points.gate("wait", gate)


def drawn(placed: Placed) -> float:
    """Seconds to wait."""
    fault = placed.fault
    if not isinstance(fault, Latency):
        raise TypeError(fault)
    if fault.seconds is not None:
        return fault.seconds
    if fault.between is not None:
        return placed.chance.uniform(*fault.between)
    return min(placed.chance.lognormvariate(math.log(fault.median_s or 1), fault.sigma), _MOST_S)
