"""One check of a plan: what it asks, which requirements it answers, and the function that finds what is lacking.

A check carries out what it asks: it compares dates, counts people, follows names and, where it was allowed to, takes
roles on. None takes a tick for an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from amberlight.model.response_plan import ResponsePlan

REVIEW_AFTER = timedelta(days=180)
"""How long a contact, a channel or a way in counts as looked after; half a year is our own measure."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known besides the plan.

    Attributes:
        today: The day of the check (UTC).
        ran: The last day on which each drill ran, by results that were found.
        shut: Roles that could not be taken on, with the reason; None where nobody tried.
    """

    today: date
    ran: Mapping[str, date] = field(default_factory=dict)
    shut: Mapping[str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class Lack:
    """One thing that is not there: where in the plan, what it risks, what to do."""

    where: str
    what: str
    risk: str
    todo: str


@dataclass(frozen=True, kw_only=True)
class Check:
    """`answers` names requirements, the most telling one first; `live` needs calls to AWS."""

    id: str
    asks: str
    answers: tuple[str, ...]
    find: Callable[[ResponsePlan, Facts], Iterable[Lack]]
    live: bool = False


def aged(day: date | None, today: date, most: timedelta = REVIEW_AFTER) -> str:
    """Why a day does not count, in words: never, in the future, too long ago; empty where it counts."""
    if day is None:
        return "never"
    if day > today:
        return f"on {day}, which is in the future"
    return f"on {day}, {(today - day).days} days ago" if today - day > most else ""


def domains(plan: ResponsePlan) -> tuple[str, ...]:
    """Domains that hang on the accounts of the plan."""
    return tuple({domain.lower().lstrip("@.") for each in plan.accounts for domain in each.domains if domain})


def carried(way: str, estate: Iterable[str]) -> str:
    """The domain of the estate that a way of reaching somebody hangs on; empty where it hangs on none."""
    hosts = [part.strip("<>()[],;.\"'") for part in way.lower().replace("@", " ").replace("/", " ").split()]
    for domain in sorted(estate):
        if any(host == domain or host.endswith(f".{domain}") for host in (each.partition(":")[0] for each in hosts)):
            return domain
    return ""


def people_of(plan: ResponsePlan, role: str) -> frozenset[str]:
    """Names of those who have a role."""
    return frozenset(" ".join(one.name.split()).lower() for one in plan.contacts if one.role == role)


def roles_used(plan: ResponsePlan) -> Iterator[tuple[str, str]]:
    """Every role that the plan relies on, with the place that does."""
    for number, act in enumerate(plan.authority):
        yield from ((role, f"authority[{number}]") for role in (*act.decide, *act.approve))
    owners = {
        "owner": plan.owner,
        "learning.owner": plan.learning.owner,
        **{f"duties[{number}].owner": duty.owner for number, duty in enumerate(plan.duties)},
        **{f"practice.calendar[{number}].owner": drill.owner for number, drill in enumerate(plan.practice.calendar)},
    }
    yield from ((role, where) for where, role in owners.items() if role)
