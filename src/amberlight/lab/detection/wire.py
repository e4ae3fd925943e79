"""From the names of the wire to the names of a service's model, and dotted paths into either."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def named(value: Any, shape: Any) -> Any:
    """*value* with the names of its shape. What the shape does not have is left out: events say more than answers."""
    if shape.type_name == "structure":
        return {
            name: named(value[wire], member)
            for name, member in shape.members.items()
            if (wire := member.serialization.get("name", name)) in value
        }
    if shape.type_name == "list":
        return [named(each, shape.member) for each in value]
    if shape.type_name == "map":
        return {key: named(each, shape.value) for key, each in value.items()}
    return value


def strange(value: Any, shape: Any, at: str = "") -> list[str]:
    """Paths in *value*, in the wire's names, that its shape does not have, or that are of another type."""
    if shape.type_name == "structure":
        if not isinstance(value, Mapping):
            return [at]
        known = {member.serialization.get("name", name): member for name, member in shape.members.items()}
        return [
            path
            for name, each in value.items()
            for path in (strange(each, known[name], f"{at}.{name}") if name in known else [f"{at}.{name}"])
        ]
    if shape.type_name == "list":
        return [path for each in value for path in strange(each, shape.member, at)] if isinstance(value, list) else [at]
    expected = _TYPES.get(shape.type_name, object)
    return [] if isinstance(value, expected) else [at]


_TYPES: Mapping[str, Any] = {
    "string": str, "boolean": bool, "integer": int, "long": int, "double": (int, float), "float": (int, float),
    "map": Mapping,
}  # fmt: skip


def values_at(value: Any, path: str) -> Iterator[Any]:
    """Every value at a dotted path; a list on the way stands for each of its members."""
    if isinstance(value, list):
        for each in value:
            yield from values_at(each, path)
    elif not path:
        yield value
    elif isinstance(value, Mapping):
        # A name may hold dots itself, as the keys of `ProductFields` do.
        first, _, rest = path.partition(".")
        if path in value:
            yield from values_at(value[path], "")
        elif first in value:
            yield from values_at(value[first], rest)
