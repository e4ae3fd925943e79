"""Whatever is received becomes signals: by the intake that knows it, or as something unreadable that is kept and named."""

from __future__ import annotations

import hashlib
import importlib
import pkgutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import msgspec

from amberlight.aware import intake
from amberlight.aware.envelope import Message, messages
from amberlight.aware.intake import Intake
from amberlight.model.errors import ConfigError
from amberlight.model.signals import Signal

UNREADABLE = "intake.unreadable"


@dataclass(frozen=True, kw_only=True)
class Told:
    """What came of something received: signals, and what could not be read, in a sentence each.

    What could not be read stands among the signals too, as `intake.unreadable` without points.
    """

    signals: tuple[Signal, ...]
    problems: tuple[str, ...] = ()


@cache
def load() -> dict[str, Intake]:
    """Intakes by id: the folder is the catalogue."""
    names = sorted(m.name for m in pkgutil.iter_modules(intake.__path__) if not m.name.startswith("_"))
    found = [importlib.import_module(f"{intake.__name__}.{name}").INTAKE for name in names]
    return {one.id: one for one in found}


def told(raw: Any, now: datetime, *, named: str = "") -> Told:
    """Signals of something received; never an error for what is inside it.

    Args:
        raw: A message as decoded from JSON, or a text.
        now: When it was received, for what states no time that can be read.
        named: The intake to use; without it the content decides.

    Raises:
        ConfigError: there is no intake of that name.
    """
    if named and named not in load():
        raise ConfigError(f"There is no intake {named}.", f"Use one of {', '.join(load())}.")
    try:
        found = messages(raw)
    except ConfigError as problem:
        return kept(raw, problem.cause, now)
    return joined(one(message, now, named) for message in found)


def joined(several: Iterable[Told]) -> Told:
    """Several as one."""
    every = tuple(several)
    return Told(
        signals=tuple(s for t in every for s in t.signals), problems=tuple(p for t in every for p in t.problems)
    )


def one(message: Message, now: datetime, named: str) -> Told:
    """One message by its intake."""
    fitting = [load()[named]] if named else [each for each in load().values() if each.knows(message)]
    if not fitting:
        return kept(message.raw, "No intake knows this message.", now)
    by = fitting[0]
    if not by.knows(message):
        return kept(message.raw, f"The intake {by.id} does not know this message.", now)
    return joined(read(by, part, now) for part in by.split(message))


def read(by: Intake, message: Message, now: datetime) -> Told:
    """One message, or one member of a batch, by that intake: a bad member does not hide the others."""
    try:
        return Told(signals=by.signals(message))
    except ConfigError as problem:
        return kept(message.raw, problem.cause, now)


def kept(raw: Any, problem: str, now: datetime) -> Told:
    """Something unreadable as a signal without points, under the hash of its form: the same again is the same."""
    whole = raw if isinstance(raw, dict) else {"received": raw}
    # A queue delivers the same message again under another receipt.
    text = msgspec.json.encode(whole.get("Body", whole), order="sorted")
    signal = Signal(
        id=f"sig-{hashlib.sha256(text).hexdigest()[:16]}",
        source=UNREADABLE,
        title="A message that could not be read",
        when=now,
        reason=f"received and not understood: {problem}"[:500],
        raw=whole,
    )
    return Told(signals=(signal,), problems=(problem,))
