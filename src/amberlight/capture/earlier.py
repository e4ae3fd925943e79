"""What the steps of a run have sealed so far, for those that go on from it."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable

from amberlight.model.evidence import Evidence, Step
from amberlight.model.signals import Target


class Earlier:
    """Told by many threads; a step that is not in the plan counts as ended, with nothing."""

    def __init__(self, steps: Iterable[Step]) -> None:
        self._steps = {(step.source, step.target): step.id for step in steps}
        self._items: dict[str, dict[str, Evidence]] = defaultdict(dict)
        self._ended: set[str] = set()
        self._lock = threading.Lock()

    def sealed(self, evidence: Evidence) -> None:
        """Take an item; one that is told again, as after a kill, counts once."""
        with self._lock:
            self._items[evidence.step].setdefault(evidence.path, evidence)

    def ended(self, step_id: str) -> None:
        """A step has taken everything that it takes."""
        with self._lock:
            self._ended.add(step_id)

    def look(self, source: str, target: Target) -> tuple[tuple[Evidence, ...], bool]:
        """The items of a source on a target in the order in which they came, and whether that was all."""
        step_id = self._steps.get((source, target))
        if step_id is None:
            return (), True
        with self._lock:
            return tuple(self._items[step_id].values()), step_id in self._ended
