"""How responders get in, and how when the usual sign-on is down or the intruder's."""

from __future__ import annotations

from collections.abc import Iterator

from amberlight.model.response_plan import ResponsePlan
from amberlight.plan.check import Check, Facts, Lack, aged

KEEPERS = 2


def prepared(plan: ResponsePlan, facts: Facts) -> Iterator[Lack]:
    """No usual way, no break-glass, too few who keep it, or not tried."""
    access = plan.access
    for key, text, risk in (
        ("usual", access.usual, "Responders borrow somebody's rights on the night."),
        ("break_glass", access.break_glass, "When the sign-on is down or the intruder's, nobody gets in."),
    ):
        if not text.strip():
            yield Lack(where=f"access.{key}", what=f"`access.{key}` says nothing.", risk=risk, todo=f"Set `{key}`.")
    if access.break_glass and len({*access.kept_by}) < KEEPERS:
        yield Lack(
            where="access.kept_by",
            what=f"Break-glass is kept by {len({*access.kept_by})} people; {KEEPERS} are needed.",
            risk="When that person sleeps, nobody gets in.",
            todo="Name two people under `kept_by`.",
        )
    when = aged(access.tested, facts.today)
    if access.break_glass and when:
        yield Lack(
            where="access.tested",
            what=f"Break-glass was last tried {when}.",
            risk="Keys expire, and a new policy shuts it.",
            todo="Get in with it, see that the alarm rings, then set `tested` to that day.",
        )


CHECKS = (
    Check(
        id="access.prepared",
        asks="Is there a usual way in and a break-glass that was tried within half a year?",
        answers=("SEC10-BP05", "PR.AA-05", "IRG-11"),
        find=prepared,
    ),
)
