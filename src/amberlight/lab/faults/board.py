"""The faults in force: which of them strikes now, and how often each has."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from amberlight.lab import clock
from amberlight.lab.faults import reading
from amberlight.lab.faults.fault import Facts, Fault


@dataclasses.dataclass
class Placed:
    """A fault in force, with what it has done so far."""

    name: str
    fault: Fault
    chance: random.Random
    since: float
    seen: int = 0
    """So many fitted."""
    struck: int = 0
    state: dict[Any, Any] = dataclasses.field(default_factory=dict)
    """For the kind's own use: token buckets, bytes counted."""

    def open(self, now: float) -> bool:
        """Whether its time is now and it has strikes left."""
        ended = self.fault.ends is not None and now >= self._moment(self.fault.ends)
        used_up = self.fault.count is not None and self.struck >= self.fault.count
        return now >= self._moment(self.fault.begins) and not ended and not used_up

    def _moment(self, given: float | datetime) -> float:
        return given.timestamp() if isinstance(given, datetime) else self.since + given

    def turn(self) -> bool:
        """Count one that fits; whether it is struck."""
        self.seen += 1
        number = self.seen - self.fault.skip
        if number <= 0 or number % self.fault.every:
            return False
        if self.fault.probability < 1 and self.chance.random() >= self.fault.probability:
            return False
        self.struck += 1
        return True

    def spare(self) -> None:
        """Take a strike back that turned out to have no effect."""
        self.struck -= 1


class Board:
    """The list of faults that the lab's owner set last."""

    def __init__(self, seed: int, accounts: Mapping[str, str]) -> None:
        """An empty board; *accounts* are ids by name."""
        self._seed = seed
        self._accounts = accounts
        self._placed: list[Placed] = []

    def set(self, data: Any) -> None:
        """Put faults in force, in the place of those that were.

        Raises:
            FaultError: Some of it cannot be used; then nothing changes.
        """
        parsed = reading.parse(data)
        now = clock.now()
        self._placed = [
            # Draws repeat for the same seed and list so that runs can be compared; they are no secret.
            Placed(name, self._by_id(fault), random.Random(f"{self._seed}/{number}/{name}"), now)  # noqa: S311
            for number, (name, fault) in enumerate(parsed)
        ]

    def _by_id(self, fault: Fault) -> Fault:
        listed = (fault.account,) if isinstance(fault.account, str) else fault.account
        return msgspec.structs.replace(fault, account=tuple(self._accounts.get(name, name) for name in listed))

    def told(self) -> list[dict[str, Any]]:
        """Each fault as it was understood, with how many fitted and how many it struck."""
        return [
            {"fault": each.name, **msgspec.to_builtins(each.fault), "seen": each.seen, "struck": each.struck}
            for each in self._placed
        ]

    def strike(self, name: str, facts: Facts, wanted: Callable[[Placed], bool] | None = None) -> Placed | None:
        """The first fault of a kind that strikes this, counted; None when it is spared.

        *wanted* is a kind's own condition, asked when all others hold, for example whether a quota is used up.
        """
        now = clock.now()
        for each in self._placed:
            if each.name != name or not each.fault.fits(facts) or not each.open(now):
                continue
            if (wanted is None or wanted(each)) and each.turn():
                return each
        return None

    def may_strike(self, name: str, facts: Facts) -> bool:
        """Whether a fault of that kind could strike this; nothing is counted or drawn."""
        now = clock.now()
        return any(each.name == name and each.fault.fits(facts) and each.open(now) for each in self._placed)

    def quiet(self) -> bool:
        """Whether there is nothing to look for."""
        return not self._placed
