"""What a drill declares. It stands as `DRILL` at the end of the drill's folder's `__init__.py`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from amberlight._aws import Door
from amberlight.model.errors import ConfigError


class Grounds(Protocol):
    """Where a drill is set up: the subject account by its administrator's door, and the lab."""

    @property
    def seed(self) -> int:
        """The run's seed."""

    @property
    def prod(self) -> Door:
        """The subject account's administrator."""

    @property
    def lab(self) -> Any:
        """The running lab."""

    @property
    def region(self) -> str:
        """Home Region."""

    @property
    def other_region(self) -> str:
        """A Region that nobody uses."""

    @property
    def truth(self) -> Path:
        """Where the actors write ground truth."""


@dataclass(frozen=True, kw_only=True)
class Drill:
    """One scenario: a folder with what is built, what the intruder does, and what goes on anyway.

    `dress` builds the subject account and gives the text of the scene for the actors; `actors` is the module that
    plays them in a process of its own and writes the ground truth; `needs` are capabilities of the lab.
    """

    id: str
    title: str
    techniques: tuple[str, ...]
    needs: tuple[str, ...]
    dress: Callable[[Grounds], Any]
    actors: str


def load(name: str) -> Drill:
    """The drill of that name.

    Raises:
        ConfigError: there is no such folder.
    """
    from amberlight.practice import drills

    known = sorted(module.name for module in pkgutil.iter_modules(drills.__path__) if module.ispkg)
    if name not in known:
        raise ConfigError(f"There is no drill {name!r}.", f"Choose one of: {', '.join(known)}.")
    found: Drill = importlib.import_module(f"{drills.__name__}.{name}").DRILL
    return found
