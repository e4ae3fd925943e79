"""Playbooks, drills and what follows from them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from amberlight.model.readiness import PlannedDrill
from amberlight.model.response_plan import ResponsePlan
from amberlight.plan.check import Check, Facts, Lack


def calendar(plan: ResponsePlan) -> tuple[PlannedDrill, ...]:
    """The calendar, with the drills that are only named."""
    named = {one.drill for one in plan.practice.calendar}
    return (*plan.practice.calendar, *(PlannedDrill(drill=one) for one in plan.practice.drills if one not in named))


def playbooks(plan: ResponsePlan, _facts: Facts) -> Iterator[Lack]:
    """No playbooks, or ones that nobody finds, owns or tests."""
    if not plan.playbooks:
        yield Lack(
            where="playbooks",
            what="No playbooks.",
            risk="What was learnt last time is worked out again at night.",
            todo="Begin with the event that is likeliest here: a leaked access key.",
        )
    drills = {one.drill for one in calendar(plan)}
    for number, book in enumerate(plan.playbooks):
        for key, what in (
            ("place", "" if book.place.strip() else "does not say where it is"),
            ("owner", "" if book.owner.strip() else "has no owner"),
            (
                "drill",
                "" if book.drill in drills else f"is tested by no drill of the calendar ({book.drill or 'none'})",
            ),
        ):
            if what:
                yield Lack(
                    where=f"playbooks[{number}].{key}",
                    what=f"The playbook for {book.event!r} {what}.",
                    risk="It is found to be wrong on the night.",
                    todo=f"Set `{key}`" + ("; add the drill to `practice.calendar`." if key == "drill" else "."),
                )


def planned(plan: ResponsePlan, _facts: Facts) -> Iterator[Lack]:
    """No drills, or ones that nobody sees to."""
    if not calendar(plan):
        yield Lack(
            where="practice",
            what="No drill is planned.",
            risk="The first rehearsal is the incident.",
            todo="Add one to `practice.calendar`; `amberlight demo` runs `leaked_key`.",
        )
    for one in calendar(plan):
        if not one.owner.strip():
            yield Lack(
                where="practice.calendar",
                what=f"The drill {one.drill!r} has no owner.",
                risk="It is put off by everybody.",
                todo="Set its `owner` in `practice.calendar`.",
            )


def due(plan: ResponsePlan, facts: Facts) -> Iterator[Lack]:
    """Drills that never ran, that are overdue, or whose last day is still to come."""
    for one in calendar(plan):
        last = latest(one, facts)
        every = one.every_days if one.every_days is not None else plan.practice.every_days
        if every <= 0:
            what = f"is to run every {every} days"
        elif one.last and one.last > facts.today:
            what = f"last ran on {one.last}, which is in the future"
        elif last is None:
            what = "has never run"
        elif last + timedelta(days=every) < facts.today:
            what = f"last ran on {last} and was due on {last + timedelta(days=every)}"
        else:
            continue
        yield Lack(
            where="practice.calendar",
            what=f"The drill {one.drill!r} {what}.",
            risk="What has changed since then was never tried.",
            todo="Run it, or set `last` and `every_days` to what is true.",
        )


def latest(one: PlannedDrill, facts: Facts) -> date | None:
    """The last day on which it ran, by the plan or by results; a day to come is none."""
    days = [day for day in (one.last, facts.ran.get(one.drill)) if day and day <= facts.today]
    return max(days, default=None)


def learnt(plan: ResponsePlan, _facts: Facts) -> Iterator[Lack]:
    """Reviews without a day, an owner or a place where gaps are kept."""
    learning = plan.learning
    for key, missing, what in (
        ("review_within_days", not learning.review_within_days, "By when an incident or a drill is reviewed"),
        ("owner", not learning.owner.strip(), "Who sees to the review"),
        ("register", not learning.register.strip(), "Where gaps are kept until they are closed"),
    ):
        if missing:
            yield Lack(
                where=f"learning.{key}",
                what=f"{what} is not written down.",
                risk="The same gap is found again by the next intruder.",
                todo=f"Set `learning.{key}`.",
            )


CHECKS = (
    Check(
        id="practised.playbooks",
        asks="Is there a playbook per likely event, with an owner and a drill?",
        answers=("SEC10-BP04", "IRG-06"),
        find=playbooks,
    ),
    Check(
        id="practised.planned",
        asks="Is a drill planned, and by whom?",
        answers=("SEC10-BP07", "ID.IM-02", "IRG-07"),
        find=planned,
    ),
    Check(
        id="practised.due",
        asks="Has each drill run when it was due?",
        answers=("SEC10-BP07", "ID.IM-02", "IRG-07"),
        find=due,
    ),
    Check(
        id="practised.learnt",
        asks="Does a review follow, and are gaps kept until they are closed?",
        answers=("SEC10-BP08", "IRG-22"),
        find=learnt,
    ),
)
