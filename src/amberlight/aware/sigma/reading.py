"""Folders of YAML to rules; every document that is no rule, or none that runs here, is named with the reason."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from amberlight.aware.rule import Rule
from amberlight.aware.sigma.compiling import compiled
from amberlight.aware.sigma.logic import CannotRun
from amberlight.model.errors import ConfigError
from amberlight.model.scan import RuleNotRun

MOST_BYTES = 1 << 20
MOST_NODES = 20_000
ANCHOR = re.compile(r"(?m)[:\-\[,{]\s+&\w")
ENDINGS = (".yml", ".yaml")


def read(folders: Iterable[Path]) -> tuple[list[Rule], list[RuleNotRun]]:
    """All rules of the folders, in the order of their paths, and what does not run.

    Raises:
        ConfigError: a folder is not there.
    """
    rules: dict[str, Rule] = {}
    problems: list[RuleNotRun] = []
    for folder in folders:
        if not folder.is_dir():
            raise ConfigError(f"There is no folder of rules {folder}.", "Name a folder that holds Sigma rules.")
        for path in sorted(one for one in folder.rglob("*") if one.is_file()):
            for name, found in of_file(path, str(path.relative_to(folder))):
                if isinstance(found, str):
                    problems.append(RuleNotRun(rule=name, reason=found))
                elif found.id in rules:
                    problems.append(RuleNotRun(rule=name, reason=f"another rule before it has the id {found.id}"))
                else:
                    rules[found.id] = found
    return list(rules.values()), problems


def of_file(path: Path, name: str) -> Iterator[tuple[str, Rule | str]]:
    """Each rule of a file by its name, or the reason why it does not run."""
    if path.suffix == ".py":
        yield name, "is a program: rules in Python belong into the package, where their examples are tested"
    if path.suffix not in ENDINGS:
        return
    try:
        found = documents(path)
    except CannotRun as problem:
        yield name, str(problem)
        return
    for number, document in enumerate(found, 1):
        label = name if len(found) == 1 else f"{name}#{number}"
        try:
            yield label, compiled(Path(label).stem, encoded(document))
        except CannotRun as problem:
            yield label, str(problem)


def documents(path: Path) -> list[Any]:
    """The YAML documents of a file, without the empty ones.

    Raises:
        CannotRun: it cannot be read, or is not YAML.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        if path.stat().st_size > MOST_BYTES:
            raise CannotRun("is larger than 1 MiB")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise CannotRun(f"cannot be read: {problem}") from problem
    if ANCHOR.search(text):
        raise CannotRun("uses anchors, which this importer leaves alone since they can grow without end")
    try:
        found = [one for one in YAML(typ="safe", pure=True).load_all(text) if one is not None]
    except (YAMLError, ValueError, RecursionError) as problem:
        first = " ".join(str(problem).split())[:200]
        raise CannotRun(f"is not valid YAML: {first}") from problem
    if not found:
        raise CannotRun("holds nothing")
    return found


def encoded(document: Any) -> bytes:
    """The document as JSON: one form for this process and others.

    Raises:
        CannotRun: it is too large, or holds what JSON does not.
    """
    left, waiting = MOST_NODES, [document]
    while waiting:
        one = waiting.pop()
        left -= 1
        if left < 0:
            raise CannotRun(f"has more than {MOST_NODES} values")
        waiting += one.values() if isinstance(one, dict) else one if isinstance(one, list) else []
    try:
        return msgspec.json.encode(document)
    except (TypeError, ValueError, RecursionError) as problem:
        raise CannotRun(f"holds what no rule holds: {problem}") from problem
