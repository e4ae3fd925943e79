"""A call has its effect, and its caller does not learn of it: the connection ends, or the answer is a 500.

What a retry must survive: "500 after having stored". The record in CloudTrail says what the service did, not what arrived.
A call that the service refused is answered as it is.
"""

from __future__ import annotations

from typing import Any, Literal

from amberlight.lab.faults import answers
from amberlight.lab.faults.cutting import cut
from amberlight.lab.faults.fault import CallFault
from amberlight.lab.faults.points import Points, facts_of
from amberlight.lab.recorder.middleware import Passing


class AnsweredThenLost(CallFault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`answer`: `cut` for no answer, `error` for a 500."""

    answer: Literal["cut", "error"] = "cut"


FAULT = AnsweredThenLost
EXAMPLE = """
- fault: answered-then-lost
  service: ec2
  operation: CreateSnapshots
  count: 1
- fault: answered-then-lost
  service: s3
  operation: [PutObject, CompleteMultipartUpload]
  every: 5
  answer: error
"""


def install(points: Points) -> None:
    """Hold the answer back until it is known whether the call worked."""

    async def gate(passing: Passing, go: Any) -> None:
        if not points.board.may_strike("answered-then-lost", facts_of(passing)):
            await go(passing)
            return
        held, original = _Held(), passing.send
        passing.send = held
        await go(passing)
        passing.send = original
        worked = passing.answer is not None and passing.answer.status < 300  # noqa: PLR2004
        struck = points.board.strike("answered-then-lost", facts_of(passing)) if worked else None
        if struck is None:
            for message in held.messages:
                await original(message)
        elif isinstance(struck.fault, AnsweredThenLost) and struck.fault.answer == "error":
            await answers.send(passing, answers.failed(passing))
        else:
            await cut(passing.scope)

    points.gate("answer", gate)


class _Held:
    """An ASGI `send` that keeps everything."""

    def __init__(self) -> None:
        self.messages: list[Any] = []

    async def __call__(self, message: Any) -> None:
        self.messages.append(message)
