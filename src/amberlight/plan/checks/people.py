"""Who is called: enough people, reviewed, reachable without the estate that the intruder may hold."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from amberlight.model.response_plan import Contact, ResponsePlan
from amberlight.plan.check import Check, Facts, Lack, aged, carried, domains, people_of, roles_used

LEAST = 2


def two_each(plan: ResponsePlan, _facts: Facts) -> Iterator[Lack]:
    """Roles with fewer than two people; one person under two names is not seen, under one name twice is."""
    if not plan.contacts:
        yield Lack(where="contacts", what="No contacts.", risk="Nobody is told.", todo="Name two people per role.")
    for role in sorted({one.role for one in (*plan.contacts,)} | {one.name for one in plan.roles}):
        count = len(people_of(plan, role))
        if plan.contacts and count < LEAST:
            yield Lack(
                where="contacts",
                what=f"The role {role!r} has {count} contact{'' if count == 1 else 's'}; {LEAST} are needed.",
                risk="When that person sleeps, nobody decides.",
                todo=f"Add a contact with the role {role!r}.",
            )


def reviewed(plan: ResponsePlan, facts: Facts) -> Iterator[Lack]:
    """Contacts that nobody has tried for half a year."""
    for number, contact in enumerate(plan.contacts):
        when = aged(day(contact.reviewed), facts.today)
        if when:
            yield Lack(
                where=f"contacts[{number}].reviewed",
                what=f"The contact {contact.name!r} was last reviewed {when}.",
                risk="The number may be somebody else's by now.",
                todo="Call it, then set `reviewed` to that day.",
            )


def day(text: str) -> date | None:
    """A review's day; None where the text is none."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def reached(plan: ResponsePlan, _facts: Facts) -> Iterator[Lack]:
    """Contacts whose every way hangs on an account of the plan."""
    estate = domains(plan)
    for number, contact in enumerate(plan.contacts):
        ways = ways_of(contact)
        hung = [carried(way, estate) for way in ways]
        if not ways:
            what, todo = "has no way to be reached", "Set `reach` to a telephone number."
        elif all(hung):
            what = f"is reached only through {' and '.join(sorted(set(hung)))}, which an account of this plan carries"
            todo = "Add a way under `also` that works while that account is the intruder's: a telephone."
        else:
            continue
        yield Lack(
            where=f"contacts[{number}].reach",
            what=f"{contact.name!r} {what}.",
            risk="The call for help arrives where the intruder reads, or not at all.",
            todo=todo,
        )


def ways_of(contact: Contact) -> list[str]:
    """All ways to reach somebody."""
    return [way for way in (contact.reach, *contact.also) if way.strip()]


def domains_known(plan: ResponsePlan, _facts: Facts) -> Iterator[Lack]:
    """Mail addresses among the contacts while no account says which domains it carries: then nothing can be compared."""
    if not domains(plan) and any("@" in way for one in plan.contacts for way in ways_of(one)):
        yield Lack(
            where="accounts",
            what="Contacts have mail addresses, and no account says which domains hang on it.",
            risk="Whether they can be reached in an incident cannot be checked.",
            todo="Set `domains` of each account that carries mail, names (DNS) or sign-on.",
        )


def known_roles(plan: ResponsePlan, _facts: Facts) -> Iterator[Lack]:
    """Roles that are relied on and that nobody has, and roles that nobody described."""
    held = {one.role for one in plan.contacts} | {one.name for one in plan.contacts}
    for role, where in dict(roles_used(plan)).items():
        if role not in held:
            yield Lack(
                where=where,
                what=f"Nobody has the role {role!r}.",
                risk="What depends on it is nobody's.",
                todo="Give a contact that role, or name one that somebody has.",
            )
    described = {one.name for one in plan.roles if one.does}
    for role in sorted({one.role for one in plan.contacts} - described):
        yield Lack(
            where="roles",
            what=f"What the role {role!r} does is not written down.",
            risk="Two people do the same, and nobody the rest.",
            todo=f"Add {role!r} to `roles`, with `does`.",
        )


CHECKS = (
    Check(
        id="people.two",
        asks="Does each role have two people?",
        answers=("SEC10-BP01", "GV.RR-02", "IRG-01"),
        find=two_each,
    ),
    Check(
        id="people.reviewed",
        asks="Were the contacts tried within half a year?",
        answers=("SEC10-BP01", "IRG-10"),
        find=reviewed,
    ),
    Check(
        id="people.reached",
        asks="Can everybody be reached without the affected estate?",
        answers=("SEC10-BP01", "DE.AE-06", "IRG-10"),
        find=reached,
    ),
    Check(
        id="people.domains",
        asks="Is it known which domains hang on the accounts?",
        answers=("SEC10-BP01", "IRG-10"),
        find=domains_known,
    ),
    Check(
        id="people.roles",
        asks="Is each role described, and held by somebody?",
        answers=("SEC10-BP02", "GV.RR-02", "IRG-01"),
        find=known_roles,
    ),
)
