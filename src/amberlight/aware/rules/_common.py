"""What rules share: samples, policy documents, other accounts. Not a rule itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from amberlight.trail import Event

EVERYONE = "everyone"
ADMIN_POLICIES = ("AdministratorAccess", "IAMFullAccess", "PowerUserAccess")
NARROWING = ("externalid", "sourcearn", "sourceaccount", "principalorg", "principalaccount", "sourceorg", "vpce", "vpc",
             "sourceip", "principalarn", "userid")  # fmt: skip
Statement = Mapping[str, Any]


def event(name: str, request: Mapping[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """A sample event: `service:Operation`, its parameters, and fields that differ from an ordinary user's call."""
    service, _, operation = name.partition(":")
    return {
        "eventSource": f"{service}.amazonaws.com",
        "eventName": operation,
        "requestParameters": dict(request) if request is not None else None,
        **fields,
    }


def events(*samples: dict[str, Any]) -> dict[str, Any]:
    """A sample of several events, for rules that count or look at a sequence."""
    return {"events": samples}


def text(value: Any) -> str:
    """The value if it is a text, else an empty one."""
    return value if isinstance(value, str) else ""


def members(value: Any, *names: str) -> list[Any]:
    """What stands in `{"items": [...]}` or a list, below the given names."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    if isinstance(value, dict):
        value = next((value[key] for key in ("items", "item", "member") if key in value), value)
    if isinstance(value, list):
        return value
    return [value] if value else []


def shown(value: object) -> str:
    """A name from outside, short enough for a sentence."""
    found = str(value)
    return found if len(found) <= 80 else found[:77] + "..."  # noqa: PLR2004 - a line


def statements(document: Any) -> list[Statement]:
    """Allowing statements of a policy document: a text (URL-encoded or not) or an object."""
    if isinstance(document, str):
        try:
            document = json.loads(unquote(document) if document.startswith("%7B") else document)
        except ValueError:
            return []
    found = document.get("Statement", document.get("statement")) if isinstance(document, dict) else None
    found = found if isinstance(found, list) else [found]
    return [one for one in found if isinstance(one, dict) and one.get("Effect") == "Allow"]


def listed(value: Any) -> list[str]:
    """One text or several, as a list."""
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]


def allows_everything(document: Any) -> bool:
    """Whether a policy allows every action on everything, or all of IAM."""
    return any(
        {"*", "*:*", "iam:*"} & set(listed(one.get("Action"))) and "*" in listed(one.get("Resource"))
        for one in statements(document)
    )


def trusted(document: Any, own: str) -> Iterator[tuple[str, bool]]:
    """Who outside the account is let in by a policy, and whether a condition narrows that: accounts, or EVERYONE."""
    for one in statements(document):
        narrowed = narrowing(one.get("Condition"))
        for principal in outsiders(one.get("Principal"), own):
            yield principal, narrowed


def outsiders(principal: Any, own: str) -> Iterator[str]:
    """Accounts other than the own one, or EVERYONE, in a statement's Principal."""
    names = listed(principal) if not isinstance(principal, dict) else listed(principal.get("AWS"))
    for name in names:
        account = name if name.isdigit() else account_in(name)
        if name == "*":
            yield EVERYONE
        elif account and own and account != own:
            yield account


def account_in(arn: str) -> str:
    """The account of an ARN, or empty."""
    parts = arn.split(":")
    return parts[4] if len(parts) > 5 else ""  # noqa: PLR2004 - six parts make an ARN


def narrowing(condition: Any) -> bool:
    """Whether a condition ties access to an id, an organisation, a source or a network."""
    keys = [key.lower() for block in condition.values() for key in block] if isinstance(condition, dict) else []
    return any(word in key for key in keys for word in NARROWING)


def others(accounts: Iterable[Any], own: str) -> list[str]:
    """Accounts that are not the own one; `all` means everybody."""
    return [text(one) for one in accounts if text(one) and text(one) != own]


def caller_name(found: Event) -> str:
    """The caller's own user name, where it is a user."""
    return found.principal.rpartition("/")[2] if found.actor.kind == "user" else ""


def workload(found: Event) -> bool:
    """Whether a role's session looks like a program that AWS started: an instance, a function, a task, a build.

    Such programs read and act in bulk all day. Who assumes a role chooses the session's name, so this only lowers points.
    """
    who = found.actor
    if who.kind != "role" or "AWSReservedSSO" in who.principal:
        return False
    role = who.principal.rpartition("/")[2]
    common = next((n for n, (a, b) in enumerate(zip(role, who.session, strict=False)) if a != b), 0)
    return bool(PROGRAM.match(who.session)) or common >= SAME_STACK


PROGRAM = re.compile(r"i-[0-9a-f]{8,17}$|[0-9a-f]{32}$|AWSCodeBuild-|eks-|awslambda_|botocore-session-|GlueJobRunner")
SAME_STACK = 12
"""A function and its role that one stack made share at least so long a beginning of their names."""
