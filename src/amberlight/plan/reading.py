"""YAML text to a `ResponsePlan`, with errors that say where and what to do."""

from __future__ import annotations

import difflib
import itertools
import re
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

import msgspec

from amberlight.model import readiness, response_plan
from amberlight.model.errors import ConfigError
from amberlight.model.response_plan import ResponsePlan
from amberlight.plan.lines import line_of

SCHEMA = "amberlight.response-plan/1"
LIMIT_BYTES = 1 << 20
DEPTH = 12
"""Deeper than any part of a plan; stops anchors that hold themselves."""
MOST_VALUES = 100_000
"""Far more than a plan of a few pages; stops anchors that multiply."""
UNKNOWN = re.compile(r"unknown field `(?P<name>[^`]*)`(?: - at `\$(?P<where>[^`]*)`)?")


def load(path: Path) -> ResponsePlan:
    """Read and check a plan.

    Raises:
        ConfigError: the file cannot be read, is no YAML, or does not follow the schema.
    """
    return parse(text_of(path), str(path))


def text_of(path: Path) -> str:
    """The text of a file.

    Raises:
        ConfigError: it cannot be read, is no text, or is larger than any plan.
    """
    try:
        with path.open(encoding="utf-8") as lines:
            text = lines.read(LIMIT_BYTES + 1)
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigError(f"The response plan {path} cannot be read: {problem}", "Name a readable file.") from problem
    if len(text) > LIMIT_BYTES:
        raise ConfigError(f"{path} is larger than 1 MiB.", "A response plan is a few pages of text.")
    return text


def parse(text: str, name: str = "amberlight.yaml") -> ResponsePlan:
    """Check the text of a plan; `name` is what errors call it. What `crown_jewels` names counts in triage, too.

    Raises:
        ConfigError: the text is no YAML, or does not follow the schema; the message names the line.
    """
    if len(text) > LIMIT_BYTES:
        raise ConfigError(f"{name} is larger than 1 MiB.", "A response plan is a few pages of text.")
    return with_jewels(converted(plain(yaml(text, name)), text, name))


def converted(data: Any, text: str, name: str) -> ResponsePlan:
    """Data as a plan.

    Args:
        data: Dictionaries, lists and scalars.
        text: The YAML that they were read from, for the line of an error.
        name: What an error calls it.

    Raises:
        ConfigError: they do not follow the schema.
    """
    try:
        plan = msgspec.convert(data, ResponsePlan, strict=True)
    except msgspec.ValidationError as problem:
        line = line_of(text, str(problem))
        raise ConfigError(f"{name}{f', line {line}' if line else ''}: {problem}", advice(str(problem))) from problem
    if plan.schema != SCHEMA:
        raise ConfigError(f"{name} has the schema {plan.schema!r}.", f"This version reads {SCHEMA}.")
    return plan


def with_jewels(plan: ResponsePlan) -> ResponsePlan:
    """The plan whose `aware.crown_jewels` holds every resource of `crown_jewels`: triage reads only the former."""
    resources = tuple(dict.fromkeys([*plan.aware.crown_jewels, *(jewel.resource for jewel in plan.crown_jewels)]))
    return msgspec.structs.replace(plan, aware=msgspec.structs.replace(plan.aware, crown_jewels=resources))


def yaml(text: str, name: str) -> Any:
    """The text as dictionaries, lists and scalars; no tags, no duplicate keys.

    Raises:
        ConfigError: it is no YAML, or nested deeper than anything that a person writes.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe", pure=True).load(StringIO(text))
    except YAMLError as problem:
        first = str(problem).splitlines()
        raise ConfigError(f"{name} is not valid YAML: {' '.join(first[:2])}", "Mend that line.") from problem
    except (RecursionError, ValueError) as problem:
        # ValueError: a day such as 2026-02-30, which YAML itself makes a date of.
        raise ConfigError(f"{name} is not valid YAML: {problem}", "Mend that value, or put it in quotes.") from problem


def plain(data: Any) -> Any:
    """The same with days as text: people write `reviewed: 2026-11-24` without quotes, and YAML makes a date of it.

    Raises:
        ConfigError: it is nested too deeply, holds itself, or grows by anchors beyond what a person writes.
    """
    count = itertools.count(1)

    def copied(value: Any, depth: int) -> Any:
        if depth > DEPTH or next(count) > MOST_VALUES:
            raise ConfigError(
                "The plan is nested too deeply, holds itself, or is too large.", "Remove the YAML anchors (& and *)."
            )
        if isinstance(value, dict):
            return {key: copied(one, depth + 1) for key, one in value.items()}
        if isinstance(value, list):
            return [copied(one, depth + 1) for one in value]
        return value.isoformat() if isinstance(value, date) else value

    return copied(data, 0)


def advice(problem: str) -> str:
    """What to do about a validation error: the nearest known key, where a key is unknown."""
    unknown = UNKNOWN.search(problem)
    if "Expected `str`, got `int`" in problem:
        return "Put the number in quotes: YAML drops the leading zeros of account ids."
    if not unknown:
        return "See docs/reference/schemas/response-plan.json for what the plan may hold."
    others = [key for key in known_keys() if key != unknown["name"]]
    near = difflib.get_close_matches(unknown["name"], others, n=1)
    return f"Did you mean `{near[0]}`?" if near else f"Remove `{unknown['name']}`: no part of the plan has such a key."


def known_keys() -> list[str]:
    """Every key that some part of a plan may have."""
    structs = [
        kind
        for kind in {**vars(response_plan), **vars(readiness)}.values()
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind is not msgspec.Struct
    ]
    return sorted({name for kind in structs for name in kind.__struct_fields__})
