"""A `ResponsePlan` as YAML text that people edit."""

from __future__ import annotations

from io import StringIO
from typing import Any

import msgspec

from amberlight.model.codec import to_builtins
from amberlight.model.response_plan import ResponsePlan

HEAD = "# The incident response plan of {organisation}, as data. Check it with: amberlight plan check FILE\n"


def dump(plan: ResponsePlan, *, notes: tuple[str, ...] = ()) -> str:
    """The plan as YAML, in the order of the schema, without optional parts that are empty.

    Args:
        plan: What to write.
        notes: Lines of comment for the head; line breaks and control characters in them are taken out.
    """
    from ruamel.yaml import YAML

    writer = YAML()
    writer.default_flow_style = False
    writer.indent(mapping=2, sequence=4, offset=2)
    writer.width = 110
    text = StringIO()
    writer.dump(filled(plan), text)
    head = HEAD.format(organisation=one_line(plan.organisation))
    return head + "".join(f"# {one_line(note)}\n" for note in notes) + text.getvalue()


def filled(value: Any) -> Any:
    """As dictionaries, lists and scalars, without fields that may be left out and are empty."""
    if isinstance(value, msgspec.Struct):
        return {
            field.encode_name: filled(getattr(value, field.name))
            for field in msgspec.structs.fields(value)
            if field.required
            or not (empty(getattr(value, field.name)) and getattr(value, field.name) == default(field))
        }
    if isinstance(value, dict):
        return {key: filled(one) for key, one in value.items()}
    return [filled(one) for one in value] if isinstance(value, tuple | list) else to_builtins(value)


def default(field: msgspec.structs.FieldInfo) -> Any:
    """What reading takes where the field is left out."""
    return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()


def empty(value: Any) -> bool:
    """Whether nothing is lost without it: no number, and no choice, is empty."""
    if isinstance(value, msgspec.Struct):
        return not filled(value)
    return value is None or value in ("", (), {})


def one_line(text: str) -> str:
    """A text that cannot end a comment."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
