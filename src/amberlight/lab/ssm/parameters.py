"""Parameters of a document: checked when a command is sent, put into the inputs of its steps as the agent does it.

References:
    "Data elements and parameters", AWS Systems Manager User Guide, and the errors of SendCommand, 2026-11.
    amazon-ssm-agent, agent/parameters: a string that is nothing but `{{ name }}` becomes the value whatever its type; inside of
    a longer string a value that is no string is written as JSON; what no parameter is named after stays as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from amberlight.lab.own import Refused
from amberlight.lab.ssm.content import Content, Parameter, compact

_PLACE = re.compile(r"\{\{\s*([a-zA-Z0-9]+)\s*\}\}")
_STORE = re.compile(r"\{\{\s*(ssm|ssm-secure|resolve):", re.IGNORECASE)


def check(content: Content, given: Mapping[str, list[str]]) -> dict[str, Any]:
    """The value of every parameter: as given, or its default.

    Raises:
        Refused: A parameter is unknown, missing, or has a value that the document does not allow.
    """
    if strange := sorted(set(given) - set(content.parameters)):
        raise _bad(f"document does not have parameters {', '.join(strange)}")
    return {name: _value(each, given.get(name)) for name, each in content.parameters.items()}


def _bad(message: str) -> Refused:
    return Refused("InvalidParameters", message)


def _value(parameter: Parameter, given: list[str] | None) -> Any:
    if given is None:
        if parameter.default is None:
            raise _bad(f"Parameter {parameter.name} is required.")
        return parameter.default
    for each in given:
        _check_text(parameter, each)
    _check_count(parameter, len(given))
    if parameter.kind == "StringList":
        return list(given)
    if len(given) != 1:
        raise _bad(f"Parameter {parameter.name} of type {parameter.kind} takes exactly one value.")
    return _typed(parameter, given[0])


def _check_text(parameter: Parameter, text: str) -> None:
    if _STORE.search(text):
        raise _bad("The lab does not put values of Parameter Store into commands.")
    if parameter.allowed and text not in [_plain(each) for each in parameter.allowed]:
        raise _bad(f"Parameter {parameter.name} has a value that is not in the list of allowed values.")
    if parameter.pattern and not re.fullmatch(parameter.pattern, text):
        raise _bad(f"Parameter {parameter.name} has a value that does not match the allowed pattern.")
    least, most = parameter.limits.get("minChars", 0), parameter.limits.get("maxChars", len(text))
    if not least <= len(text) <= most:
        raise _bad(f"Parameter {parameter.name} has a value that is too short or too long.")


def _check_count(parameter: Parameter, count: int) -> None:
    if not parameter.limits.get("minItems", 0) <= count <= parameter.limits.get("maxItems", count):
        raise _bad(f"Parameter {parameter.name} has too few or too many values.")


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else compact(value)


def _typed(parameter: Parameter, text: str) -> Any:
    """A single value in the parameter's type."""
    if parameter.kind == "String":
        return text
    try:
        value = json.loads(text.lower() if parameter.kind == "Boolean" else text)
    except ValueError as error:
        raise _bad(f"Parameter {parameter.name} is no {parameter.kind}.") from error
    wanted: type = {"Boolean": bool, "Integer": int, "MapList": list, "StringMap": dict}[parameter.kind]
    if type(value) is not wanted:
        raise _bad(f"Parameter {parameter.name} is no {parameter.kind}.")
    return value


def fill(value: Any, values: Mapping[str, Any]) -> Any:
    """Inputs with the parameters in them filled in."""
    if isinstance(value, Mapping):
        return {name: fill(each, values) for name, each in value.items()}
    if isinstance(value, list):
        return [fill(each, values) for each in value]
    if not isinstance(value, str):
        return value
    whole = _PLACE.fullmatch(value)
    if whole and whole[1] in values:
        return values[whole[1]]
    return _PLACE.sub(lambda found: _plain(values[found[1]]) if found[1] in values else found[0], value)


def lines(command: Any) -> list[str]:
    """`runCommand` as lines: a string, or lists of strings in each other."""
    if isinstance(command, list):
        return [line for each in command for line in lines(each)]
    return [command] if isinstance(command, str) else []
