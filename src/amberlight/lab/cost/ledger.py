"""The lab's bill: quantity and dollars for each hour of the cost clock, account, Region, service, usage type and operation."""

from __future__ import annotations

import dataclasses
import datetime as dt
import random
from collections.abc import Callable, Iterator, Mapping

from amberlight.lab import clock
from amberlight.lab.cost import prices

HOUR_S, DAY_S = 3600, 86400
HISTORY = "LabHistory"
"""Usage type and operation of figures from before the lab."""


@dataclasses.dataclass(frozen=True)
class Use:
    """Something that is billed."""

    account: str
    region: str
    service: str
    usage_type: str
    """Without its Region's prefix, as in the price table."""
    operation: str

    @property
    def billed_as(self) -> str:
        """The usage type on the bill."""
        if self.service in (prices.KMS, prices.EXPLORER):
            return f"{self.region}-{self.usage_type}" if self.service == prices.KMS else f"USE1-{self.usage_type}"
        return ("" if self.usage_type == HISTORY else prices.PREFIX.get(self.region, "")) + self.usage_type


@dataclasses.dataclass
class Line:
    """One line of the bill."""

    use: Use
    hour: int
    """Its begin, seconds since 1970."""
    quantity: float = 0.0
    usd: float = 0.0


class Ledger:
    """The bill of all accounts, and the cost clock."""

    def __init__(self, running: Callable[[], Mapping[Use, float]], on_limit: Callable[[str], None]) -> None:
        self._running = running
        self._on_limit = on_limit
        self._lines: dict[tuple[Use, int], Line] = {}
        self._ahead = 0.0
        self._until = clock.now()

    def now(self) -> float:
        """The cost clock."""
        return clock.now() + self._ahead

    def lines(self) -> Iterator[Line]:
        """Every line so far."""
        return iter(list(self._lines.values()))

    def meter(self) -> None:
        """Bill what has run since the last time."""
        now, uses = self.now(), self._running()
        while self._until < now:
            end = min(now, (self._until // HOUR_S + 1) * HOUR_S)
            for use, per_hour in uses.items():
                self.add(use, per_hour * (end - self._until) / HOUR_S, self._until)
            self._until = end

    def advance(self, hours: float) -> None:
        """Move the cost clock forward; everything that exists has run for these hours."""
        self.meter()
        self._ahead += hours * HOUR_S
        self.meter()

    def add(self, use: Use, quantity: float, moment: float | None = None) -> None:
        """Bill a quantity at a moment of the cost clock, by default now."""
        price = prices.TABLE.get(use.region, {}).get(use.usage_type)
        if price is None:
            self._on_limit(f"the lab has no price for {use.usage_type} in {use.region}; it is billed with 0 USD")
        self._put(use, quantity, quantity * (price or 0.0), self.now() if moment is None else moment)

    def _put(self, use: Use, quantity: float, usd: float, moment: float) -> None:
        hour = int(moment // HOUR_S * HOUR_S)
        line = self._lines.setdefault((use, hour), Line(use, hour))
        line.quantity += quantity
        line.usd += usd

    def remember(self, account: str, region: str, days: int, usd_a_day: Mapping[str, float], seed: int) -> None:
        """Make figures of the days before this one: each within a twentieth of what a day costs, the same for a seed."""
        chance = random.Random(f"amberlight-cost-{seed}-{account}-{region}")  # noqa: S311
        today = self.now() // DAY_S * DAY_S
        for service, usd in sorted(usd_a_day.items()):
            use = Use(account, region, service, HISTORY, HISTORY)
            for number in range(days, 0, -1):
                each = usd * chance.uniform(0.95, 1.05) / 24
                for hour in range(24):
                    self._put(use, 1.0, each, today - number * DAY_S + hour * HOUR_S)


def day_of(moment: float) -> str:
    """A day as Cost Explorer writes it."""
    return dt.datetime.fromtimestamp(moment, dt.UTC).strftime("%Y-%m-%d")
