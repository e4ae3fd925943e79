"""One file is one way to be told of something: it turns a raw form into Signals, and keeps the raw form.

An intake knows its own messages by their content, takes what it needs of them through typed records, and says in one
sentence what is wrong with a message that is of its kind and cannot be read. What no intake knows, and what cannot be read,
is kept as a signal all the same; `amberlight.aware.telling` sees to that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from amberlight.aware.envelope import FIX, Message, messages
from amberlight.model.errors import ConfigError
from amberlight.model.signals import Signal


def alone(message: Message) -> tuple[Message, ...]:
    """A message that is one notice."""
    return (message,)


@dataclass(frozen=True, kw_only=True)
class Intake:
    """One way to be told.

    `knows` says by content whether a message is of this kind; `signals` raises `ConfigError` where it is and cannot be
    read. `how` says how the notice is sent to the queue; `split` parts a batch, so that one bad member hides no other.
    """

    id: str
    title: str
    knows: Callable[[Message], bool]
    signals: Callable[[Message], tuple[Signal, ...]]
    how: str
    references: tuple[str, ...] = field(default=())
    split: Callable[[Message], tuple[Message, ...]] = alone

    def read(self, raw: dict[str, Any]) -> Signal:
        """The first signal of what was received, envelopes and all.

        Raises:
            ConfigError: it is not of this kind, or cannot be read.
        """
        message = messages(raw)[0]
        if not self.knows(message):
            raise ConfigError(f"This is not {self.title[0].lower()}{self.title[1:]}.", FIX)
        return self.signals(self.split(message)[0])[0]
