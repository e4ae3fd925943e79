"""The content of an SSM document: parameters and steps, read from JSON or YAML.

Command documents have schema 2.2 (`mainSteps`) or 1.2 (`runtimeConfig`, as AWS's own AWS-RunShellScript); Automation documents 0.3.
What the lab cannot run is refused when the document is made, with an error that names it.

References:
    "Schemas, features, and examples", "Data elements and parameters", "Command document plugin reference", AWS Systems
    Manager User Guide, 2026-11.
"""

from __future__ import annotations

import dataclasses
import io
import json
import re
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from amberlight.lab.own import Refused

MOST_BYTES = 64 * 1024  # From: quotas of Systems Manager, "SSM document size".
PLUGINS = {"aws:runShellScript": ("Linux", "MacOS"), "aws:runPowerShellScript": ("Windows", "Linux", "MacOS")}
"""Plugins that the lab runs, and the platforms that each one is for."""
SCHEMAS = {"Command": ("1.2", "2.0", "2.2"), "Automation": ("0.3",)}

_TYPES = ("String", "StringList", "Boolean", "Integer", "MapList", "StringMap")
_KNOWN = frozenset({"type", "description", "default", "allowedValues", "allowedPattern", "displayType", "minItems",
                    "maxItems", "minChars", "maxChars"})  # fmt: skip
_STEP = frozenset({"action", "name", "precondition", "inputs", "onFailure", "finallyStep", "description"})
_INPUTS = frozenset({"runCommand", "workingDirectory", "timeoutSeconds"})
_NAME = re.compile(r"[a-zA-Z0-9]+")


@dataclasses.dataclass(frozen=True)
class Parameter:
    """What a document says about one of its parameters."""

    name: str
    kind: str
    default: Any = None
    description: str = ""
    allowed: tuple[Any, ...] = ()
    pattern: str = ""
    limits: Mapping[str, int] = dataclasses.field(default_factory=dict)
    """`minItems`, `maxItems`, `minChars`, `maxChars`, where given."""


@dataclasses.dataclass(frozen=True)
class Step:
    """One plugin with its inputs, parameters not yet filled in."""

    action: str
    name: str
    """What GetCommandInvocation calls it: the step's name, or the plugin's in schema 1.2."""
    folder: str
    """Its part of the key of output in S3, below the plugin's."""
    inputs: Mapping[str, Any]
    platform: str = ""
    """The platform that its precondition asks for."""
    on_failure: str = ""
    finally_: bool = False


@dataclasses.dataclass(frozen=True)
class Content:
    """A document's content."""

    schema: str
    description: str
    parameters: Mapping[str, Parameter]
    steps: tuple[Step, ...]
    raw: Mapping[str, Any]

    @property
    def platforms(self) -> list[str]:
        """For which platforms it has a step."""
        found = [p for step in self.steps for p in PLUGINS.get(step.action, ()) if step.platform in ("", p)]
        return sorted(set(found), key=["Windows", "Linux", "MacOS"].index) or ["Windows", "Linux", "MacOS"]


def bad(message: str) -> Refused:
    """The error for a document that is none."""
    return Refused("InvalidDocumentContent", message)


def load(text: str, form: str) -> Mapping[str, Any]:
    """A document's text as data."""
    if len(text.encode()) > MOST_BYTES:
        raise Refused("MaxDocumentSizeExceeded", f"The size limit of a document is {MOST_BYTES // 1024} KB.")
    try:
        data = json.loads(text) if form == "JSON" else YAML(typ="safe", pure=True).load(text)
    except (ValueError, YAMLError) as error:
        raise bad(f"{form} not well-formed: {error}") from error
    if not isinstance(data, Mapping):
        raise bad("A document is an object.")
    return data


def compact(value: Any) -> str:
    """A value as JSON in one line without spaces."""
    return json.dumps(value, separators=(",", ":"))


def dump(data: Mapping[str, Any], form: str) -> str:
    """Data as a document's text."""
    if form == "JSON":
        return json.dumps(data, indent=2)
    out, writer = io.StringIO(), YAML(typ="safe", pure=True)
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    writer.default_flow_style = False
    writer.dump(data, out)
    return out.getvalue()


def read(text: str, form: str, kind: str) -> Content:
    """Read the content of a document of a kind, `Command` or `Automation`.

    Raises:
        Refused: It is no such document, or has a part that the lab does not run.
    """
    data = load(text, form)
    schema = str(data.get("schemaVersion", ""))
    if schema not in SCHEMAS[kind]:
        raise Refused("InvalidDocumentSchemaVersion", f"Document schema version, {schema}, is not supported by "
                      f"{kind} documents of the lab.")  # fmt: skip
    given = _mapping(data.get("parameters") or {}, "parameters")
    parameters = {name: _parameter(name, _mapping(value, name)) for name, value in given.items()}
    steps = () if kind == "Automation" else _old_steps(data) if schema == "1.2" else _steps(data)
    return Content(schema, str(data.get("description") or ""), parameters, steps, data)


def _mapping(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise bad(f"{what} must be an object.")
    return value


def _known(given: Mapping[str, Any], known: frozenset[str], what: str) -> None:
    if strange := sorted(set(given) - known):
        raise bad(f"The lab does not have {', '.join(strange)} of {what}.")


def _parameter(name: str, given: Mapping[str, Any]) -> Parameter:
    if not _NAME.fullmatch(name):
        raise bad(f"Parameter name {name!r} is not valid.")
    _known(given, _KNOWN, f"parameter {name}")
    kind, pattern = _kind(str(given.get("type", ""))), str(given.get("allowedPattern") or "")
    if kind not in _TYPES:
        raise bad(f"Parameter {name} has no valid type.")
    try:
        re.compile(pattern)
    except re.error as error:
        raise bad(f"allowedPattern of parameter {name}: {error}") from error
    limits = {key: given[key] for key in ("minItems", "maxItems", "minChars", "maxChars") if key in given}
    if not all(isinstance(each, int) for each in limits.values()):
        raise bad(f"Limits of parameter {name} must be whole numbers.")
    return Parameter(name, kind, given.get("default"), str(given.get("description") or ""),
                     tuple(given.get("allowedValues") or ()), pattern, limits)  # fmt: skip


def _kind(given: str) -> str:
    """A type; those that name what is meant (`AWS::IAM::Role::Arn`) are texts or lists of them."""
    if given.startswith("AWS::"):
        return "String"
    return "StringList" if given.startswith("List<AWS::") else given


def _steps(data: Mapping[str, Any]) -> tuple[Step, ...]:
    given = data.get("mainSteps")
    if not isinstance(given, list) or not given:
        raise bad("mainSteps must have at least one step.")
    steps = tuple(_step(_mapping(each, "a step")) for each in given)
    if len({step.name for step in steps}) < len(steps):
        raise bad("Step names must be unique.")
    return steps


def _step(given: Mapping[str, Any]) -> Step:
    action, name = _plugin(given.get("action")), str(given.get("name") or "")
    if not name:
        raise bad("A step must have a name.")
    _known(given, _STEP, f"step {name}")
    inputs = _mapping(given.get("inputs") or {}, "inputs")
    _known(inputs, _INPUTS, action)
    on_failure = str(given.get("onFailure") or "")
    if on_failure not in ("", "exit", "successAndExit"):
        raise bad(f"onFailure of step {name} must be exit or successAndExit.")
    return Step(action, name, name, inputs, _platform(given.get("precondition")), on_failure,
                str(given.get("finallyStep")).lower() == "true")  # fmt: skip


def _plugin(action: Any) -> str:
    if action not in PLUGINS:
        raise bad(f"The lab has no plugin {action}.")
    return str(action)


def _platform(precondition: Any) -> str:
    """The platform in `{"StringEquals": ["platformType", "Linux"]}`, the one precondition that the lab has."""
    if precondition is None:
        return ""
    pair = precondition.get("StringEquals") if isinstance(precondition, Mapping) and len(precondition) == 1 else None
    match pair:
        case ["platformType", str(wanted)] | [str(wanted), "platformType"]:
            return wanted
    raise bad("The lab has no precondition but StringEquals of platformType.")


def _old_steps(data: Mapping[str, Any]) -> tuple[Step, ...]:
    config = _mapping(data.get("runtimeConfig"), "runtimeConfig")
    found = []
    for action, given in config.items():
        properties = _mapping(given, action).get("properties")
        for each in properties if isinstance(properties, list) else [properties]:
            inputs = dict(_mapping(each, "properties"))
            folder = str(inputs.pop("id", f"0.{action}")).replace(":", "")
            _known(inputs, _INPUTS, str(action))
            found.append(Step(_plugin(action), str(action), folder, inputs))
    if len(found) != 1:
        raise bad("The lab takes one plugin in a document of schema 1.2.")
    return tuple(found)
