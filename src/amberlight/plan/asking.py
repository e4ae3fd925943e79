"""The questions of `amberlight plan init`, in the order in which people can answer them; answers have the plan's form.

An empty answer leaves that part out, so that `plan check` names it: nothing is filled in that nobody said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any, get_args

from amberlight.model.signals import Severity
from amberlight.plan.drafting import jewels, weighed
from amberlight.plan.survey import Found

Ask = Callable[[str, str], str]
"""Takes a question and what is answered by nothing, gives the answer; both may be empty."""

ROLES = {
    "incident lead": "Decides, keeps the clocks, and speaks for the response.",
    "forensics": "Plans and runs the capture, hands over to the partner.",
    "detection": "Judges signals and widens the scope.",
    "custodian": "Holds the vault account; agrees when something leaves it.",
    "counsel": "Knows the legal duties; tells authorities and customers.",
}
"""Roles that are asked for, with what they usually do; the words go into the plan to be changed."""
USES = {
    "subject": "where incidents happen",
    "security": "the hub that watches and responds",
    "vault": "evidence and nothing else",
}


def answers(ask: Ask, found: Found | None, today: date) -> dict[str, Any]:
    """What people answered, as parts of a plan.

    Args:
        ask: Asks one question.
        found: What was read from the account, for proposals.
        today: The day on which contacts that are typed in now count as reviewed.
    """
    parts: dict[str, Callable[[], Any]] = {
        "organisation": lambda: ask("Organisation", ""),
        "owner": lambda: ask("Role that keeps this plan up to date", ""),
        "event_is": lambda: ask("What is an event here, in one sentence", ""),
        "incident_is": lambda: ask("When does it become an incident", ""),
        "severities": lambda: severities(ask),
        "clocks": lambda: clocks(ask),
        "contacts": lambda: contacts(ask, today),
        "out_of_band": lambda: texts(
            ask,
            {
                "name": "Out-of-band channel",
                "join": "How people get in (no password)",
                "carried_by": "What carries it",
            },
        ),
        "accounts": lambda: accounts(ask, found),
        "crown_jewels": lambda: crown_jewels(ask, found),
        "vault": lambda: texts(
            ask, {"bucket": "Evidence bucket", "region": "Its Region", "signing_key": "ARN of the signing key"}
        ),
        "partners": lambda: partners(ask),
        "duties": lambda: duties(ask),
    }
    made = {name: part() for name, part in parts.items()}
    if made.get("contacts"):
        held = {one["role"] for one in made["contacts"]}
        made["roles"] = [{"name": role, "does": does} for role, does in ROLES.items() if role in held]
    return {name: value for name, value in made.items() if value}


def texts(ask: Ask, questions: dict[str, str]) -> dict[str, str]:
    """Keys with what was answered; the first one decides whether the others are asked."""
    made: dict[str, str] = {}
    for key, question in questions.items():
        answer = ask(question, "")
        if not answer and not made:
            return {}
        if answer:
            made[key] = answer
    return made


def severities(ask: Ask) -> dict[str, str]:
    """What each means."""
    said = {name: ask(f"What is {name} here", "") for name in get_args(Severity)[::-1]}
    return {name: text for name, text in said.items() if text}


def clocks(ask: Ask) -> dict[str, dict[str, int]]:
    """Minutes for each severity; what is no number is asked for again."""
    made = {}
    for name in get_args(Severity)[::-1]:
        answer = ask(f"{name}: minutes to acknowledge, decide, preserve (such as 15 30 60)", "")
        while answer and not minutes(answer):
            answer = ask(f"{name}: three whole numbers", "")
        if answer:
            made[name] = dict(zip(("acknowledge_min", "decide_min", "preserve_min"), minutes(answer), strict=True))
    return made


def minutes(answer: str) -> tuple[int, ...]:
    """Three numbers; nothing where there are not three."""
    found = answer.replace(",", " ").split()
    good = len(found) == 3 and all(each.isascii() and each.isdecimal() for each in found)  # noqa: PLR2004 - three clocks
    return tuple(int(each) for each in found) if good else ()


def contacts(ask: Ask, today: date) -> list[dict[str, str]]:
    """Two people for each role."""
    return list(people(ask, today))


def people(ask: Ask, today: date) -> Iterator[dict[str, str]]:
    """Those who were named with a way to reach them."""
    for role in ROLES:
        for which in ("first", "second"):
            name = ask(f"{role}, {which} person: name", "")
            if not name:
                break
            reach = ask(f"{name}: telephone", "")
            yield {"name": name, "role": role, "reach": reach, "reviewed": today.isoformat() if reach else ""}


def accounts(ask: Ask, found: Found | None) -> list[dict[str, str]]:
    """One account for each use; the one that was read is proposed as the first."""
    made = []
    for use, purpose in USES.items():
        default = found.account if found and use == "subject" else ""
        number = ask(f"Account id of the {use} account ({purpose})", default)
        if number:
            name = ask(f"Name of {number}", (found.name if found and number == found.account else "") or use)
            owner = ask(f"Role or team that answers for {name}", "")
            made.append({"id": number, "name": name, "use": use, **({"owner": owner} if owner else {})})
    return made


def crown_jewels(ask: Ask, found: Found | None) -> list[dict[str, str]]:
    """Proposed buckets that somebody says why of, and whatever else is named."""
    made = []
    for bucket in jewels(found) if found else ():
        why = ask(f"{weighed(bucket)}: what would its loss mean (nothing: no crown jewel)", "")
        if why and found:
            made.append(jewel(ask, f"bucket/{bucket.name}", found.account, why))
    while resource := ask("Another resource that must not be lost, such as bucket/name", ""):
        account = ask("Its account id", found.account if found else "")
        made.append(jewel(ask, resource, account, ask("What would its loss mean", "")))
    return made


def jewel(ask: Ask, resource: str, account: str, why: str) -> dict[str, str]:
    """One crown jewel with its owner."""
    return {"resource": resource, "account": account, "why": why, "owner": ask(f"Who answers for {resource}", "")}


def partners(ask: Ask) -> list[dict[str, Any]]:
    """Forensics, AWS and lawyers."""
    made = []
    for kind in ("forensics", "aws", "legal"):
        name = ask(f"Partner for {kind}: name", "")
        if name:
            ways = [way for way in (ask(f"{name}: {which} way to reach", "") for which in ("first", "second")) if way]
            made.append({"name": name, "kind": kind, "contacts": ways})
    return made


def duties(ask: Ask) -> list[dict[str, Any]]:
    """Legal duties until there are no more."""
    made: list[dict[str, Any]] = []
    while name := ask("A legal duty to tell somebody, such as GDPR article 33", ""):
        one: dict[str, Any] = {"name": name, "when": ask("What starts its clock", ""), "tell": ask("Who is told", "")}
        hours = ask("Within how many hours", "")
        while hours and not (hours.isascii() and hours.isdecimal()):
            hours = ask("A whole number of hours", "")
        made.append({**one, **({"within_hours": int(hours)} if hours else {}), "owner": ask("Role that does it", "")})
    return made
