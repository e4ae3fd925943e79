"""A first plan: what an account shows, under what people answered. What neither says is left out for `check` to name.

Answers have the form of the plan itself, any part of it; a list that is answered replaces the one that was found, except
that accounts are joined by their ids. Proposed crown jewels get no reason and no owner: a person has to give both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from amberlight.model.response_plan import ResponsePlan
from amberlight.plan.reading import SCHEMA, converted
from amberlight.plan.survey import Bucket, Found

MOST_JEWELS = 5
SHOWN = 20
EMPTY: dict[str, Any] = {
    "schema": SCHEMA,
    "organisation": "",
    "incident_is": "",
    "severities": {},
    "contacts": [],
    "accounts": [],
    "vault": {"bucket": "", "region": "", "signing_key": ""},
}
"""A plan that says nothing."""


def draft(found: Found | None, answers: Mapping[str, Any], text: str = "", name: str = "answers") -> ResponsePlan:
    """The plan.

    Args:
        found: What was read from an account; None where nothing was.
        answers: Any part of a plan.
        text: The YAML that the answers were read from, for the line of an error.
        name: What an error calls them.

    Raises:
        ConfigError: an answer is no part of a plan.
    """
    converted({**EMPTY, **joined(EMPTY, answers)}, text, name)  # by themselves first: the line of an error is theirs
    return converted(joined(joined(EMPTY, proposed(found) if found else {}), answers), text, name)


def joined(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """One part of a plan under another."""
    made = dict(under)
    for key, value in over.items():
        if key == "accounts" and isinstance(value, list):
            made[key] = accounts(under.get(key, []), value)
        elif isinstance(value, dict) and isinstance(made.get(key), dict):
            made[key] = joined(made[key], value)
        else:
            made[key] = value
    return made


def accounts(under: list[Any], over: list[Any]) -> list[Any]:
    """Accounts by their ids: what was answered over what was found, and what was found alone after that."""
    known = {each["id"]: each for each in under}
    made = []
    for each in over:
        of = each.get("id") if isinstance(each, dict) else None
        made.append({**known.pop(of), **each} if isinstance(of, str) and of in known else each)
    return [*made, *known.values()]


def proposed(found: Found) -> dict[str, Any]:
    """The parts of a plan that an account shows."""
    return {
        "contacts": [
            {
                "name": one.name,
                "role": f"AWS {one.kind} contact",
                "reach": one.telephone or one.mail,
                "reviewed": "",
                "also": [one.mail] if one.telephone and one.mail else [],
            }
            for one in found.people
        ],
        "accounts": [
            {"id": found.account, "name": found.name or "subject", "use": "subject", "regions": list(found.regions)}
        ],
        "crown_jewels": [{"resource": f"bucket/{one.name}", "account": found.account} for one in jewels(found)],
        "logs": [
            {
                "kind": "api-calls",
                "account": found.account,
                "place": trail.place,
                "covers": [trail.region] if trail.region else [],
            }
            for trail in found.trails
        ],
    }


def jewels(found: Found) -> tuple[Bucket, ...]:
    """The buckets that are proposed: the largest and most tagged, of those that have bytes or tags at all."""
    return tuple(one for one in found.buckets if one.size_bytes or one.tags)[:MOST_JEWELS]


def notes(found: Found) -> Iterator[str]:
    """What was found, in lines for the head of the plan and for who runs the command."""
    yield f"Read from account {found.account} by calls that change nothing:"
    yield f"  Regions in use: {', '.join(found.regions) or 'none'}"
    for title, texts in (
        ("trail", [f"{one.name} to {one.place}, {one.region or 'all Regions'}" for one in found.trails]),
        ("alarm", found.alarms),
        ("public address", found.exposed),
        ("proposed crown jewel", [weighed(one) for one in jewels(found)]),
        ("contact", [f"{one.kind}: {one.name}" for one in found.people]),
        ("NOT READ", found.unread),
    ):
        yield from (f"  {title}: {text}" for text in texts[:SHOWN])
        if len(texts) > SHOWN:
            yield f"  {title}: {len(texts) - SHOWN} more"
        if not texts and title not in ("NOT READ", "public address"):
            yield f"  {title}: none"


def weighed(one: Bucket) -> str:
    """A bucket, and why it is proposed."""
    size = "size unknown" if one.size_bytes is None else f"{one.size_bytes / (1 << 30):.2f} GiB"
    return f"bucket/{one.name}, {size}, {'tags unknown' if one.tags is None else f'{one.tags} tags'}"
