"""Who may decide, and whether somebody else can agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import get_args

from amberlight.model.readiness import ActName, Authority
from amberlight.model.response_plan import ResponsePlan
from amberlight.plan.check import Check, Facts, Lack, people_of

TWO_PEOPLE: frozenset[ActName] = frozenset({"capture-beyond-limits", "contain", "hand-off", "lift-hold"})
"""Acts that disturb, give away or end something: a second person agrees."""


def decided(plan: ResponsePlan, _facts: Facts) -> Iterator[Lack]:
    """Acts that nobody may decide, and acts that stand there twice."""
    count = Counter(one.act for one in plan.authority)
    nobody = [act for act in get_args(ActName) if not any(one.decide for one in plan.authority if one.act == act)]
    if nobody:
        yield Lack(
            where="authority",
            what=f"Nobody may decide on {', '.join(nobody)}.",
            risk="At night it is either not done, or done by whoever is awake.",
            todo="Add an entry with `act` and `decide` for each.",
        )
    for act in [act for act, often in count.items() if often > 1]:
        yield Lack(
            where="authority",
            what=f"{act!r} stands there {count[act]} times.",
            risk="Which one holds is disputed when it matters.",
            todo="Make one entry of them.",
        )


def agreed(plan: ResponsePlan, _facts: Facts) -> Iterator[Lack]:
    """Acts that need a second person, where there is none."""
    for number, one in enumerate(plan.authority):
        if one.act in TWO_PEOPLE and not one.approve:
            what, todo = f"{one.act!r} needs nobody's agreement.", "Name roles under `approve`."
        elif one.approve and not second(plan, one):
            what, todo = (
                f"{one.act!r} is agreed to by the one person who asks for it.",
                "Name a role with other people under `approve`.",
            )
        else:
            continue
        yield Lack(
            where=f"authority[{number}]",
            what=what,
            risk="One person, or one stolen sign-on, is enough to disturb, give away or end something.",
            todo=todo,
        )


def second(plan: ResponsePlan, one: Authority) -> bool:
    """Whether for each person who may ask there is another one who may agree."""
    ask = frozenset[str]().union(*(people_of(plan, role) for role in one.decide))
    agree = frozenset[str]().union(*(people_of(plan, role) for role in one.approve))
    return all(agree - {person} for person in ask) if ask else bool(agree)


CHECKS = (
    Check(
        id="authority.decided",
        asks="Is it written who may decide each act?",
        answers=("SEC10-BP02", "GV.RR-02", "RS.MA-04", "RS.MI-01", "IRG-01", "IRG-18"),
        find=decided,
    ),
    Check(
        id="authority.agreed",
        asks="Does a second person agree to what disturbs, gives away or ends something?",
        answers=("SEC10-BP02", "GV.RR-02", "RS.MI-01", "IRG-18"),
        find=agreed,
    ),
)
