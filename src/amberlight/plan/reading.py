"""YAML text to a `ResponsePlan`, with errors that say where and what to do."""

from __future__ import annotations

import difflib
import re
from io import StringIO
from pathlib import Path
from typing import Any

import msgspec

from amberlight.model import response_plan
from amberlight.model.errors import ConfigError
from amberlight.model.response_plan import ResponsePlan

SCHEMA = "amberlight.response-plan/1"
LIMIT_BYTES = 1 << 20
UNKNOWN = re.compile(r"unknown field `(?P<name>[^`]*)`(?: - at `\$(?P<where>[^`]*)`)?")


def load(path: Path) -> ResponsePlan:
    """Read and check a plan.

    Raises:
        ConfigError: the file cannot be read, is no YAML, or does not follow the schema.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigError(f"The response plan {path} cannot be read: {problem}", "Name a readable file.") from problem
    return parse(text, str(path))


def parse(text: str, name: str = "amberlight.yaml") -> ResponsePlan:
    """Check the text of a plan; `name` is what errors call it.

    Raises:
        ConfigError: the text is no YAML, or does not follow the schema.
    """
    if len(text) > LIMIT_BYTES:
        raise ConfigError(f"{name} is larger than 1 MiB.", "A response plan is a few pages of text.")
    data = yaml(text, name)
    try:
        plan = msgspec.convert(data, ResponsePlan, strict=True)
    except msgspec.ValidationError as problem:
        raise ConfigError(f"{name}: {problem}", advice(str(problem))) from problem
    if plan.schema != SCHEMA:
        raise ConfigError(f"{name} has the schema {plan.schema!r}.", f"This version reads {SCHEMA}.")
    return plan


def yaml(text: str, name: str) -> Any:
    """The text as plain dictionaries and lists; no tags, no duplicate keys."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe", pure=True).load(StringIO(text))
    except YAMLError as problem:
        first = str(problem).splitlines()
        raise ConfigError(f"{name} is not valid YAML: {' '.join(first[:2])}", "Mend that line.") from problem


def advice(problem: str) -> str:
    """What to do about a validation error: the nearest known key, where a key is unknown."""
    unknown = UNKNOWN.search(problem)
    if not unknown:
        return "See docs/reference/schemas/response-plan.json for what the plan may hold."
    near = difflib.get_close_matches(unknown["name"], known_keys(), n=1)
    return f"Did you mean `{near[0]}`?" if near else f"Remove `{unknown['name']}`: no part of the plan has such a key."


def known_keys() -> list[str]:
    """Every key that some part of a plan may have."""
    structs = [
        kind
        for kind in vars(response_plan).values()
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind is not msgspec.Struct
    ]
    return sorted({name for kind in structs for name in kind.__struct_fields__})
