"""A list of faults out of a file or a control, with errors that say where and what to do."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
import re
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from amberlight.lab.accounts import NAMES
from amberlight.lab.faults import kinds
from amberlight.lab.faults.fault import CallFault, Fault
from amberlight.lab.options import REGIONS

_MOST_BYTES = 1 << 20
_MOST_FAULTS = 1000
_UNKNOWN = re.compile(r"unknown field `([^`]*)`")
_WHERE = re.compile(r" - at `\$\.?([^`.\[]*)[^`]*`")
_WILD = re.compile(r"[*?\[]")


class FaultError(ValueError):
    """A list of faults that cannot be used.

    Attributes:
        number: Which fault of the list, from 1; 0 for the list as a whole.
        key: Which of its keys, or nothing.
        cause: What is wrong, one sentence.
        remedy: What to do, one sentence.
    """

    def __init__(self, number: int, key: str, cause: str, remedy: str) -> None:
        super().__init__(f"{f'fault {number}: ' if number else ''}{cause} {remedy}")
        self.number, self.key, self.cause, self.remedy = number, key, cause, remedy


class FaultsFileError(ValueError):
    """A file of faults that cannot be used: cause (with path and line) and remedy, a sentence each."""

    def __init__(self, cause: str, remedy: str) -> None:
        super().__init__(f"{cause} {remedy}")
        self.cause, self.remedy = cause, remedy


@cache
def catalogue() -> Mapping[str, ModuleType]:
    """The kinds by name: the files of `kinds/`."""
    names = sorted(found.name for found in pkgutil.iter_modules(kinds.__path__))
    return {name.replace("_", "-"): importlib.import_module(f"{kinds.__name__}.{name}") for name in names}


def parse(data: Any) -> list[tuple[str, Fault]]:
    """Faults with the names of their kinds.

    Raises:
        FaultError: Something of it cannot be used.
    """
    if not isinstance(data, list) or not all(isinstance(each, dict) for each in data) or len(data) > _MOST_FAULTS:
        raise FaultError(0, "", "Faults are a list of mappings, at most 1000.", "Begin each one with `- fault: NAME`.")
    return [_one(number, each) for number, each in enumerate(data, 1)]


def _one(number: int, given: dict[str, Any]) -> tuple[str, Fault]:
    name, known = given.get("fault"), catalogue()
    if not isinstance(name, str) or name not in known:
        near = difflib.get_close_matches(str(name), known, n=1) if name is not None else []
        hint = f"Did you mean {near[0]}?" if near else f"Choose one of: {', '.join(known)}."
        said = f"There is no fault {name!r}." if name is not None else "It does not say which fault it is."
        raise FaultError(number, "fault" if name is not None else "", said, hint)
    kind: type[Fault] = known[name].FAULT
    try:
        fault = msgspec.convert({key: each for key, each in given.items() if key != "fault"}, kind)
    except msgspec.ValidationError as error:
        raise _unfit(number, name, kind, str(error)) from error
    _check(number, fault)
    return name, fault


def _unfit(number: int, name: str, kind: type[Fault], said: str) -> FaultError:
    unknown = _UNKNOWN.search(said)
    if unknown is None:
        where = _WHERE.search(said)
        key = where[1] if where else ""
        remedy = "Put account ids in quotes." if key == "account" else f"See docs/guide/lab.md for what {name} takes."
        return FaultError(number, key, f"{name}: {said}.", remedy)
    fields = kind.__struct_fields__
    near = difflib.get_close_matches(unknown[1], fields, n=1)
    hint = f"Did you mean {near[0]}?" if near else f"It takes: {', '.join(fields)}."
    return FaultError(number, unknown[1], f"{name} has no parameter {unknown[1]!r}.", hint)


def _check(number: int, fault: Fault) -> None:
    """What the types do not say: names that nothing has."""
    for name in _plain(fault.account):
        if not (name in NAMES or re.fullmatch(r"\d{12}", name)):
            remedy = f"Give twelve digits in quotes, or one of: {', '.join(NAMES)}."
            raise FaultError(number, "account", f"There is no account {name!r}.", remedy)
    for name in _plain(fault.region):
        if name not in REGIONS:
            remedy = f"The lab has: {', '.join(REGIONS)}."
            raise FaultError(number, "region", f"The lab has no Region {name!r}.", remedy)
    if isinstance(fault, CallFault):
        _check_call(number, fault)
    problem = fault.problem()
    if problem:
        raise FaultError(number, "", problem, "See docs/guide/lab.md for an example of each fault.")


def _check_call(number: int, fault: CallFault) -> None:
    # Imported late: the command line reads a file without AWS's service descriptions, unless it names one.
    from amberlight.lab import hooks

    services = _plain(fault.service)
    for name in services:
        if name not in hooks.service_names():
            near = difflib.get_close_matches(name, hooks.service_names(), n=1)
            remedy = f"Did you mean {near[0]}?" if near else "Services are named as boto3 names its clients."
            raise FaultError(number, "service", f"There is no service {name!r}.", remedy)
    if not services or len(services) < len(_listed(fault.service)):
        return
    operations = {operation for name in services for operation in hooks.model(name).operation_names}
    for name in _plain(fault.operation):
        if name not in operations:
            near = difflib.get_close_matches(name, operations, n=1)
            remedy = f"Did you mean {near[0]}?" if near else "Operations are named as in the API, with capitals."
            raise FaultError(number, "operation", f"{', '.join(services)} has no operation {name!r}.", remedy)


def _listed(patterns: str | tuple[str, ...]) -> tuple[str, ...]:
    return (patterns,) if isinstance(patterns, str) else patterns


def _plain(patterns: str | tuple[str, ...]) -> list[str]:
    """Those without wildcards: they must name something."""
    return [name for name in _listed(patterns) if not _WILD.search(name)]


def load(path: Path) -> list[dict[str, Any]]:
    """The faults of a YAML or JSON file, as `RunningLab.control("faults", set=...)` takes them.

    Raises:
        FaultsFileError: It cannot be read or used.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FaultsFileError(f"{path} cannot be read: {error}.", "Name a readable text file.") from error
    if len(text) > _MOST_BYTES:
        raise FaultsFileError(f"{path} is larger than 1 MiB.", "A list of faults is a page of text.")
    data = _yaml(path, text)
    try:
        listed = _simple(data)
        parse(listed)
    except FaultError as error:
        raise FaultsFileError(f"{path}, line {_line(data, error)}: {error.cause}", error.remedy) from error
    return list(listed)


def _yaml(path: Path, text: str) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        # JSON is YAML, except that it may be indented with tabs.
        return YAML(typ="rt", pure=True).load(text.replace("\t", " ") if path.suffix == ".json" else text)
    except (YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark is not None else ""
        said = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise FaultsFileError(f"{path}{where}: this is no YAML: {said}.", "Mend that line.") from error


def _simple(value: Any, depth: int = 0) -> Any:
    """Without what YAML adds: positions, kinds of strings, dates."""
    if depth > 6:  # noqa: PLR2004 (a fault is two levels deep; anchors could make a list that holds itself)
        raise FaultError(0, "", "The list is nested too deeply.", "Remove anchors (& and *).")
    if isinstance(value, Mapping):
        return {str(key): _simple(each, depth + 1) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_simple(each, depth + 1) for each in value]
    if isinstance(value, date):
        text = value.isoformat()
        # YAML turns the zone into UTC and forgets it.
        return text if "+" in text or "T" not in text else text + "Z"
    for plain in (bool, int, float, str):
        if isinstance(value, plain):
            return plain(value)
    return value


def _line(data: Any, error: FaultError) -> int:
    """Where a problem stands, from 1."""
    if not error.number:
        return 1
    fault = data[error.number - 1]
    try:
        return int(fault.lc.key(error.key)[0]) + 1
    except (KeyError, AttributeError, TypeError):
        return int(data.lc.item(error.number - 1)[0]) + 1
