"""Calls beyond a quota are refused, with each service's own code and status.

`RequestLimitExceeded` (EC2), `SlowDown` (S3), `Throttling`, `ThrottlingException`, `TooManyRequestsException`.

With `rate_per_s` there is a token bucket for each account, Region and service (with `per: operation` for each operation)
that holds `burst` tokens; without it, every call that fits is refused. A call whose signature is wrong or whose policy
does not allow it takes no token. Refused calls are in CloudTrail with their error code.

References:
    "Request throttling for the Amazon EC2 API" (token buckets per account and Region), 2026-11.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from amberlight.lab import clock
from amberlight.lab.faults import answers
from amberlight.lab.faults.board import Placed
from amberlight.lab.faults.fault import CallFault, Facts
from amberlight.lab.faults.points import Inner, Points, Reply, facts_of
from amberlight.lab.recorder.middleware import Passing

Rate = Annotated[float, msgspec.Meta(gt=0)]


class Throttle(CallFault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`burst` is the bucket's size: 1, or the rate if that is more, unless given."""

    rate_per_s: Rate | None = None
    burst: Annotated[float, msgspec.Meta(ge=1)] | None = None
    per: Literal["service", "operation"] = "service"

    def problem(self) -> str | None:
        """A bucket needs a rate at which it fills."""
        return "throttle: burst needs rate_per_s." if self.burst is not None and self.rate_per_s is None else None


FAULT = Throttle
EXAMPLE = """
- fault: throttle
  service: ec2
  rate_per_s: 5
  burst: 10
- fault: throttle
  service: s3
  operation: PutObject
  probability: 0.1
"""


def install(points: Points) -> None:
    """Refuse in the service's place, behind the checks of signature and policy."""

    async def handler(passing: Passing, inner: Inner, go: Any) -> Reply:
        facts = facts_of(passing)
        struck = points.board.strike("throttle", facts, lambda placed: _beyond(placed, facts))
        reply: Reply = answers.throttled(passing) if struck else await go(inner)
        return reply

    points.handler("refuse", handler)


def _beyond(placed: Placed, facts: Facts) -> bool:
    """Whether the bucket is empty; else a token is taken."""
    fault = placed.fault
    if not isinstance(fault, Throttle) or fault.rate_per_s is None:
        return True
    key = (facts.account, facts.region, facts.service, facts.operation if fault.per == "operation" else "")
    now, size = clock.now(), fault.burst or max(1.0, fault.rate_per_s)
    tokens, last = placed.state.get(key, (size, now))
    tokens = min(size, tokens + (now - last) * fault.rate_per_s)
    placed.state[key] = (tokens if tokens < 1 else tokens - 1, now)
    return bool(tokens < 1)
