"""The catalogue of evidence sources: the folder `sources/` is the list, nothing has to be registered."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

from amberlight.model.errors import ConfigError
from amberlight.model.evidence import Source

FOR_TYPE_CHECKERS = re.compile(r"^TYPE_CHECKING = False\nif TYPE_CHECKING:\n(?:[ ].*\n|\n)+", re.MULTILINE)
HERE = Path(__file__).parent
PACKAGE = "amberlight.capture.sources"


def load(folder: Path = HERE / "sources", package: str = PACKAGE) -> dict[str, Source]:
    """Every source by its id, sorted: the record `SOURCE` of each `<kind>/<name>.py`.

    Raises:
        ConfigError: a file has no `SOURCE`, or its id is not `<kind>.<name>`.
    """
    found: dict[str, Source] = {}
    for kind in sorted(module.name for module in pkgutil.iter_modules([str(folder)]) if module.ispkg):
        for name in sorted(module.name for module in pkgutil.iter_modules([str(folder / kind)])):
            if not name.startswith("_"):
                found[f"{kind}.{name}"] = one(f"{package}.{kind}.{name}", f"{kind}.{name}")
    return found


def one(module: str, expected: str) -> Source:
    """The record of one module, checked against its place."""
    source = getattr(importlib.import_module(module), "SOURCE", None)
    if not isinstance(source, Source):
        raise ConfigError(f"{module} has no record SOURCE.", "End the file with `SOURCE = Source(...)`.")
    if source.id != expected:
        raise ConfigError(f"{module} calls itself {source.id}.", f"Its id is its path: {expected}.")
    return source


def page(source: Source) -> str:
    """The docstring of a source's file: what becomes its page."""
    return (importlib.import_module(f"{PACKAGE}.{source.id}").__doc__ or "").strip()


def guest(name: str) -> str:
    """The text of a script for hosts, `guest/<name>.py`, without the common part that `Slot.run` puts in front.

    What only type checkers read is left out: it is of no use there, and it would name this package to whoever reads the
    host's command history.
    """
    text = (HERE / "guest" / f"{name}.py").read_text(encoding="utf-8")
    return FOR_TYPE_CHECKERS.sub("", text)
