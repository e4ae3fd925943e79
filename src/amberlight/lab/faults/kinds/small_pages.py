"""List operations give pages of so many items at most, whatever the caller asked for, with a token for the next one.

AWS may always do that ("might return fewer results even if there are more"); whoever reads only the first page misses the rest.
It holds for every operation that botocore can page through.
"""

from __future__ import annotations

from typing import Any

from amberlight.lab.faults import answers, paging
from amberlight.lab.faults.fault import CallFault, Count
from amberlight.lab.faults.points import Inner, Points, Reply, facts_of
from amberlight.lab.recorder.middleware import Passing


class SmallPages(CallFault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`size` items a page."""

    size: Count


FAULT = SmallPages
EXAMPLE = """
- fault: small-pages
  service: [ec2, iam, s3, cloudtrail]
  size: 2
"""


def install(points: Points) -> None:
    """Cut answers of list operations."""

    async def handler(passing: Passing, inner: Inner, go: Any) -> Reply:
        plan = paging.plan_of(answers.call_of(passing))
        reply: Reply
        if plan is None:
            reply = await go(inner)
            return reply

        def size() -> int | None:
            struck = points.board.strike("small-pages", facts_of(passing))
            return struck.fault.size if struck is not None and isinstance(struck.fault, SmallPages) else None

        if plan.limit is not None:
            wanted = size() if points.board.may_strike("small-pages", facts_of(passing)) else None
            smaller = paging.lowered(plan, inner, wanted) if wanted is not None else None
            reply = await go(smaller or inner)
            return reply
        inner, own, start = paging.begin(plan, inner)
        reply = await go(inner)
        return paging.cut(plan, reply, own, start, size) if reply[0] == 200 else reply  # noqa: PLR2004

    points.handler("carry", handler)
