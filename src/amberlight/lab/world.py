"""What a service file of the lab gets to work with, and how the files of `services/` are found.

Each file there has `install(world)`. The folder is the list; a file that changes what another one made names it in `AFTER`.
"""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from graphlib import TopologicalSorter
from types import ModuleType
from typing import Any

from amberlight.lab import services
from amberlight.lab.accounts import LabAccount
from amberlight.lab.control import Control
from amberlight.lab.disks.disks import Disks
from amberlight.lab.hosts import Hosts
from amberlight.lab.metadata import Metadata
from amberlight.lab.network import Network
from amberlight.lab.options import LabOptions
from amberlight.lab.recorder.delivery import Delivery
from amberlight.lab.recorder.history import History
from amberlight.lab.recorder.middleware import Recorder


@dataclasses.dataclass(frozen=True, kw_only=True)
class World:
    """One lab, while it is put together."""

    options: LabOptions
    accounts: Mapping[str, LabAccount]
    """By name: `prod`, `security`, `vault`."""
    hosts: Hosts
    metadata: Metadata
    network: Network
    disks: Disks
    recorder: Recorder
    """Sees each call: `begins` before it, `counters` after it."""
    history: History
    """What was recorded; `subscribe` to be told of each event."""
    delivery: Delivery
    control: Control
    """What the lab's owner may do to it and no caller of AWS can."""
    on_limit: Callable[[str], None]
    """Says in words what could not be made real."""
    jobs: list[Callable[[], None]] = dataclasses.field(default_factory=list)
    """Run ten times a second on the event loop, like every request: the emulator's stores know no locks."""
    findings: list[Callable[[tuple[str, str], Mapping[str, Any]], None]] = dataclasses.field(default_factory=list)
    """Told of each finding that GuardDuty tells: account and Region, and the finding as EventBridge has it."""
    obstacles: list[Callable[[str, float], float | None]] = dataclasses.field(default_factory=list)
    """Asked before a command goes to an instance, with the seconds after which it would end undelivered: None lets it
    through, a number keeps it back and ends it after so many seconds."""
    fronts: list[Callable[[Callable[..., Any]], Callable[..., Any]]] = dataclasses.field(default_factory=list)
    """Wraps of the application around recorder and emulator; the last one is the outermost."""


def install(world: World) -> None:
    """Install every service file, in an order that heeds `AFTER` and is the same each time."""
    for module in ordered():
        module.install(world)


def ordered() -> Iterator[ModuleType]:
    """The service files: alphabetical, except that what is named in `AFTER` comes before."""
    names = sorted(found.name for found in pkgutil.iter_modules(services.__path__))
    modules = {name: importlib.import_module(f"{services.__name__}.{name}") for name in names}
    sorter = TopologicalSorter({name: getattr(modules[name], "AFTER", ()) for name in names})
    sorter.prepare()
    while sorter.is_active():
        for name in sorted(sorter.get_ready()):
            yield modules[name]
            sorter.done(name)
