"""What a source is given at run time: narrowed doors, its target, the window of time, waiting that can be stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from amberlight._aws import Clock
from amberlight.capture.naming import artifact, evidence_key, folder
from amberlight.model.evidence import Aws, Evidence, Slot
from amberlight.model.signals import Kind, Target

PIECE_SECONDS = 0.5


class Stopped(Exception):
    """The run is being stopped; the step is left as it is and runs again when the run is resumed."""


@dataclass(kw_only=True)
class StepContext:
    """Implements `amberlight.model.evidence.Context` for one step.

    `make_slot` makes a slot for a key; `look` gives what another source has sealed of the same target so far, and whether that
    was all; `stopping` is set when the run ends early.
    """

    aws: Aws
    vault_aws: Aws
    target: Target
    case_id: str
    kind: Kind
    step_id: str
    source_id: str
    since: datetime
    until: datetime
    regions: tuple[str, ...]
    vault_account: str
    idempotency_token: str
    clock: Clock
    make_slot: Callable[[str, StepContext], Slot]
    stopping: threading.Event = field(default_factory=threading.Event)
    look: Callable[[str], tuple[tuple[Evidence, ...], bool]] = lambda _: ((), True)

    def token(self) -> str:
        """An idempotency token derived from case and step: the same at every attempt."""
        return self.idempotency_token

    def slot(self, path: str) -> Slot:
        """A one-object, create-only place for the host to deliver into, below this target's folder."""
        place = f"{folder(self.source_id, self.target)}/{artifact(path)}"
        return self.make_slot(evidence_key(self.case_id, place), self)

    def earlier(self, source: str) -> Iterator[Evidence]:
        """The items of another source on the same target, as they are sealed; ends when that step has.

        Raises:
            Stopped: the run is being stopped.
        """
        given = 0
        while True:
            items, ended = self.look(source)
            yield from items[given:]
            given = len(items)
            if ended:
                return
            self.sleep(PIECE_SECONDS)

    def sleep(self, seconds: float) -> None:
        """Wait by the run's clock.

        Raises:
            Stopped: the run is being stopped.
        """
        while seconds > 0:
            self.check()
            self.clock.sleep(min(seconds, PIECE_SECONDS))
            seconds -= PIECE_SECONDS
        self.check()

    def check(self) -> None:
        """Raise `Stopped` when the run is being stopped."""
        if self.stopping.is_set():
            raise Stopped

    def now(self) -> datetime:
        """The time, aware, UTC."""
        return self.clock.now()
