"""The steps of an Automation document, and what is filled into them.

Three actions are there: `aws:runCommand`, `aws:executeAwsApi`, `aws:sleep`. A document with another one, or with a property of a step
that the lab does not heed, is refused when it is made.

References:
    "Systems Manager Automation actions reference", "Using action outputs as inputs", AWS Systems Manager User Guide, 2026-11.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from typing import Any

from amberlight.lab.own import Refused
from amberlight.lab.ssm.content import bad, compact

ACTIONS = ("aws:runCommand", "aws:executeAwsApi", "aws:sleep")

_KEYS = frozenset({"name", "action", "description", "inputs", "outputs", "onFailure", "isEnd", "nextStep", "isCritical",
                   "timeoutSeconds"})  # fmt: skip
_DOCUMENT = frozenset({"schemaVersion", "description", "assumeRole", "parameters", "mainSteps", "outputs"})
_SELECTOR = re.compile(r"\$(\.[A-Za-z0-9_]+|\[(\d+|\*)?\])*")
_PART = re.compile(r"\.([A-Za-z0-9_]+)|\[(\d+|\*)?\]")
_PLACE = re.compile(r"\{\{\s*([a-zA-Z0-9_.:]+)\s*\}\}")
_DURATION = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?")


@dataclasses.dataclass(frozen=True)
class Output:
    """What a step gives to later ones."""

    name: str
    selector: str


@dataclasses.dataclass(frozen=True)
class RunbookStep:
    """One step; inputs not yet filled in."""

    name: str
    action: str
    inputs: Mapping[str, Any]
    outputs: tuple[Output, ...]
    on_failure: str
    """`Abort`, `Continue`, or the name of the step to go on with."""
    next: str
    """The step to go on with; empty for the one that follows."""
    end: bool
    critical: bool
    seconds: float


def read(data: Mapping[str, Any]) -> tuple[RunbookStep, ...]:
    """The steps of a document.

    Raises:
        Refused: It has a part that the lab does not run.
    """
    _known(data, _DOCUMENT, "an Automation document")
    given = data.get("mainSteps")
    if not isinstance(given, list) or not given:
        raise bad("mainSteps must have at least one step.")
    steps = tuple(_step(each) for each in given)
    names = [step.name for step in steps]
    if len(set(names)) < len(names):
        raise bad("Step names must be unique.")
    for step in steps:
        for target in (step.next, step.on_failure):
            if target not in ("", "Abort", "Continue", *names):
                raise bad(f"Step {step.name} goes on with {target}, which is no step.")
    return steps


def _known(given: Any, known: frozenset[str], what: str) -> None:
    if not isinstance(given, Mapping):
        raise bad(f"{what} must be an object.")
    if strange := sorted(set(given) - known):
        raise bad(f"The lab does not have {', '.join(map(str, strange))} of {what}.")


def _step(given: Any) -> RunbookStep:
    _known(given, _KEYS, "a step")
    name, action = str(given.get("name") or ""), given.get("action")
    if not re.fullmatch(r"[a-zA-Z0-9_]{1,128}", name):
        raise bad("A step must have a name of letters, digits and underscores.")
    if action not in ACTIONS:
        raise bad(f"The lab has no action {action}.")
    inputs = given.get("inputs") or {}
    if not isinstance(inputs, Mapping):
        raise bad(f"Inputs of step {name} must be an object.")
    seconds = given.get("timeoutSeconds", 3600)
    if not isinstance(seconds, int) or seconds < 1:
        raise bad(f"timeoutSeconds of step {name} must be a whole number.")
    return RunbookStep(
        name, action, inputs, tuple(_output(name, each) for each in given.get("outputs") or []),
        str(given.get("onFailure") or "Abort").removeprefix("step:"), str(given.get("nextStep") or ""),
        _true(given.get("isEnd")), _true(given.get("isCritical", True)), float(seconds),
    )  # fmt: skip


def _true(value: Any) -> bool:
    return str(value).lower() == "true"


def _output(step: str, given: Any) -> Output:
    _known(given, frozenset({"Name", "Selector", "Type"}), f"an output of step {step}")
    selector = str(given.get("Selector") or "")
    if not _SELECTOR.fullmatch(selector):
        raise bad(f"The lab has no selectors like {selector}: names, [n] and [*] are there.")
    return Output(str(given.get("Name") or ""), selector)


def select(data: Any, selector: str) -> Any:
    """What a selector finds; None if nothing."""
    found = [data]
    many = False
    for name, index in _PART.findall(selector):
        if name:
            found = [each[name] for each in found if isinstance(each, Mapping) and name in each]
        elif index in ("*", ""):
            many = True
            found = [item for each in found if isinstance(each, list) for item in each]
        else:
            found = [each[int(index)] for each in found if isinstance(each, list) and len(each) > int(index)]
    return found if many else found[0] if found else None


def fill(value: Any, known: Mapping[str, Any]) -> Any:
    """Inputs with parameters and earlier outputs filled in.

    Raises:
        Refused: Something is named that is not there.
    """
    if isinstance(value, Mapping):
        return {name: fill(each, known) for name, each in value.items()}
    if isinstance(value, list):
        return [fill(each, known) for each in value]
    if not isinstance(value, str):
        return value
    whole = _PLACE.fullmatch(value.strip())
    if whole:
        return _of(known, whole[1])
    return _PLACE.sub(lambda found: text(_of(known, found[1])), value)


def _of(known: Mapping[str, Any], name: str) -> Any:
    if name not in known:
        raise Refused("InvalidAutomationExecutionParametersException", f"{name} is not known here.")
    return known[name]


def text(value: Any) -> str:
    """A value inside of a text."""
    return value if isinstance(value, str) else compact(json.loads(json.dumps(value, default=str)))


def seconds_of(duration: str) -> float:
    """An ISO 8601 duration, as `aws:sleep` takes it.

    Raises:
        Refused: It is none.
    """
    found = _DURATION.fullmatch(duration)
    if not found or not any(found.groups()):
        raise Refused("InvalidAutomationExecutionParametersException", f"{duration} is no duration like PT10M.")
    hours, minutes, seconds = (int(each or 0) for each in found.groups())
    return hours * 3600.0 + minutes * 60.0 + seconds
