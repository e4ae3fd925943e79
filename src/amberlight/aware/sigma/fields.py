"""Where a field of a rule stands in an event: top-level names, and paths with dots into what a record nests.

The reader keeps what judging needs; a field that it does not keep makes a rule impossible to run, and is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from amberlight.aware.sigma.logic import CannotRun
from amberlight.trail import Event
from amberlight.trail.event import NAMES
from amberlight.trail.identity import Identity

Value = str | None
Pick = Callable[[Event], Value]
Getter = Callable[[Event], list[Value]]
"""The texts that stand at a place: none where the place is absent, None for a null. Members of an array each count."""

ISSUER = "userIdentity.sessionContext.sessionIssuer."
IDENTITY = {
    "userIdentity.type": ("type",),
    "userIdentity.principalId": ("principal_id",),
    "userIdentity.arn": ("arn",),
    "userIdentity.accountId": ("account",),
    "userIdentity.accessKeyId": ("access_key",),
    "userIdentity.userName": ("name",),
    "userIdentity.invokedBy": ("invoked_by",),
    ISSUER + "type": ("context", "issuer", "type"),
    ISSUER + "arn": ("context", "issuer", "arn"),
    ISSUER + "accountId": ("context", "issuer", "account"),
    ISSUER + "userName": ("context", "issuer", "name"),
    "userIdentity.sessionContext.attributes.mfaAuthenticated": ("context", "attributes", "mfa"),
}
"""Fields of userIdentity that are kept, by AWS's names and by ours."""
NESTED = {"requestParameters": "raw_request", "responseElements": "raw_response", "additionalEventData": "raw_extra"}
PLAIN = {field: name for name, field in NAMES.items() if field not in NESTED and field != "userIdentity"}
MOST_VALUES = 2000
"""Members of arrays that are looked at in one event."""


def getter(field: str) -> Getter:
    """How to find a field.

    Raises:
        CannotRun: no event that the reader gives has such a field.
    """
    head, _, rest = field.partition(".")
    if head in NESTED:
        return nested(NESTED[head], rest)
    pick = scalar(field)
    if pick is not None:
        return lambda event: [] if (found := pick(event)) is None else [found]
    if head == "userIdentity":
        raise CannotRun(f"the field `{field}` is not among those of userIdentity that are kept")
    raise CannotRun(f"the field `{field}` is not among those of a CloudTrail record that are kept")


def scalar(field: str) -> Pick | None:
    """How to find a field where one text stands at most; None for other fields."""
    if field in IDENTITY:
        return of_identity(IDENTITY[field])
    return plain(PLAIN[field]) if field in PLAIN else None


def plain(name: str) -> Pick:
    """A top-level field; AWS writes no nulls there."""

    def pick(event: Event) -> str | None:
        value = getattr(event, name)
        return (value or None) if value is None or type(value) is str else text(value)

    return pick


def of_identity(path: tuple[str, ...]) -> Pick:
    """A field of userIdentity, by our names."""
    *steps, last = path

    def pick(event: Event) -> str | None:
        value: Any = event.identity
        for step in steps:
            if value is None:
                return None
            value = getattr(value, step)
        return None if value is None else text(getattr(value, last))

    return pick


def identity_of(identity: Identity | None) -> dict[str, Any]:
    """Who called, as AWS writes it, as far as it is kept."""
    found: dict[str, Any] = msgspec.to_builtins(identity) if identity else {}
    return found


def nested(name: str, path: str) -> Getter:
    """A place in parameters or answers; the whole as JSON text where no path is given."""

    def get(event: Event) -> list[Value]:
        value = decoded(getattr(event, name))
        if value is None:
            return [None]
        found = list(reached(value, path)) if path else [value]
        return [text(one) for one in found[:MOST_VALUES]]

    return get


class Last:
    """The part of a record that was decoded last: the rules of one event ask for the same one again and again."""

    raw: msgspec.Raw | None = None
    value: Any = None


def decoded(raw: msgspec.Raw) -> Any:
    """A part of a record, decoded."""
    if raw is not Last.raw:
        Last.value = msgspec.json.decode(raw)
        Last.raw = raw
    return Last.value


def reached(value: Any, path: str) -> Iterator[Any]:
    """Everything at a path; arrays on the way are gone through, and a name may hold dots itself."""
    if isinstance(value, list):
        for one in value:
            yield from reached(one, path)
    elif not path:
        yield value
    elif isinstance(value, dict):
        head, _, rest = path.partition(".")
        if path in value:
            yield from reached(value[path], "")
        elif head in value:
            yield from reached(value[head], rest)


def text(value: Any) -> Value:
    """A value as rules compare it: booleans as JSON writes them, objects as JSON text, null as None."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        return msgspec.json.encode(value).decode()
    if hasattr(value, "isoformat"):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    return str(value)


def everything(event: Event) -> list[Value]:
    """All texts of an event that are kept, for keywords that name no field."""
    found: list[Value] = [text(getattr(event, name)) for name in PLAIN.values() if getattr(event, name) is not None]
    found += [text(identity_of(event.identity))]
    return found + [text(decoded(getattr(event, name))) for name in NESTED.values()]
