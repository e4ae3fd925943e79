"""The plan as a whole: what counts as what, its revision, its owner and its age."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from amberlight.model.response_plan import ResponsePlan
from amberlight.plan.check import Check, Facts, Lack, aged

YEAR = timedelta(days=366)


def words(plan: ResponsePlan, _facts: Facts) -> Iterator[Lack]:
    """Event and incident without words."""
    for key, text in (("event_is", plan.event_is), ("incident_is", plan.incident_is)):
        if not text.strip():
            yield Lack(
                where=key,
                what=f"`{key}` says nothing.",
                risk="Everybody draws the line somewhere else, and the clock starts late.",
                todo="Write one sentence that two people would decide by in the same way.",
            )


def kept_up(plan: ResponsePlan, facts: Facts) -> Iterator[Lack]:
    """No owner, no revision, not read within a year."""
    for key, text, risk in (
        ("owner", plan.owner, "Nobody keeps it up."),
        ("revision", plan.revision, "Nobody can say by which plan an incident was handled."),
    ):
        if not text.strip():
            yield Lack(where=key, what=f"The plan has no {key}.", risk=risk, todo=f"Set `{key}`.")
    when = aged(plan.reviewed, facts.today, YEAR)
    if when:
        yield Lack(
            where="reviewed",
            what=f"The plan as a whole was last reviewed {when}.",
            risk="It describes accounts and people of another time.",
            todo="Read it with its owner, then set `reviewed` to that day.",
        )


CHECKS = (
    Check(
        id="whole.words",
        asks="Is it written what an event is, and what an incident?",
        answers=("SEC10-BP02", "DE.AE-08", "IRG-04"),
        find=words,
    ),
    Check(
        id="whole.kept_up",
        asks="Does the plan have an owner, a revision, and a review within a year?",
        answers=("SEC10-BP02", "ID.IM-04", "IRG-04"),
        find=kept_up,
    ),
)
