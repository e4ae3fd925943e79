"""What a format is: one receiver's form of captured API-call records. Stands as `FORMAT` at the end of its file."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from amberlight.handoff.captured import Captured


@dataclass(frozen=True, kw_only=True)
class Format:
    """One form.

    Args:
        id: Equal to the file's name.
        title: What it is.
        receiver: The tool that opens it.
        folder: Where its files lie below `data/derived/`.
        line: One captured record as one JSON object; None if the record lacks what the form needs, such as its time.
        references: Where the form is laid down.
    """

    id: str
    title: str
    receiver: str
    folder: str
    line: Callable[[Captured], dict[str, Any] | None]
    references: tuple[str, ...]


def load() -> dict[str, Format]:
    """All formats: the modules of `handoff/formats/`."""
    from amberlight.handoff import formats

    names = sorted(module.name for module in pkgutil.iter_modules(formats.__path__))
    return {name: importlib.import_module(f"{formats.__name__}.{name}").FORMAT for name in names}
