"""A service or a whole Region answers 503, or nothing at all. The call never reaches AWS, and no trail has it."""

from __future__ import annotations

from typing import Any

from amberlight.lab.faults import answers
from amberlight.lab.faults.cutting import cut
from amberlight.lab.faults.fault import CallFault
from amberlight.lab.faults.points import Points, facts_of
from amberlight.lab.recorder.middleware import Passing


class Unavailable(CallFault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """With `silent` the connection ends without an answer."""

    silent: bool = False


FAULT = Unavailable
EXAMPLE = """
- fault: unavailable
  region: eu-west-1
- fault: unavailable
  service: kms
  begins: 10
  ends: 25
  silent: true
"""


def install(points: Points) -> None:
    """Answer in the service's place."""

    async def gate(passing: Passing, go: Any) -> None:
        struck = points.board.strike("unavailable", facts_of(passing))
        if struck is None:
            await go(passing)
        elif isinstance(struck.fault, Unavailable) and struck.fault.silent:
            await cut(passing.scope)
        else:
            await answers.send(passing, answers.unavailable(passing))

    points.gate("refuse", gate)
