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
    """Make answers of list operations shorter."""

    async def handler(passing: Passing, inner: Inner, go: Any) -> Reply:
        plan = paging.plan_of(answers.call_of(passing))
        if plan is None:
            other: Reply = await go(inner)
            return other
        inner, own, start = paging.begin(plan, inner)
        struck = points.board.strike("small-pages", facts_of(passing))
        size = struck.fault.size if struck is not None and isinstance(struck.fault, SmallPages) else None
        reply, asked_less = await _asked(plan, inner, None if start else size, go)
        if reply[0] != 200 or not isinstance(reply[2], bytes) or not reply[2]:  # noqa: PLR2004
            shortened = False
        else:
            reply, was_cut = paging.cut(plan, reply, own, start, size)
            shortened = was_cut or (asked_less and paging.leads_on(plan, reply))
        if struck is not None and not shortened:
            struck.spare()
        return reply

    points.handler("carry", handler)


async def _asked(plan: paging.Plan, inner: Inner, size: int | None, go: Any) -> tuple[Reply, bool]:
    """The service's answer, and whether it was asked for fewer items than the caller asked for."""
    smaller = paging.lowered(plan, inner, size) if size is not None else None
    reply: Reply = await go(smaller or inner)
    if smaller is not None and reply[0] >= 400:  # noqa: PLR2004
        # Some limits have a least value. Lists change nothing, so asking again does no harm.
        return await go(inner), False
    return reply, smaller is not None
