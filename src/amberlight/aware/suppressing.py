"""What the plan says need not alarm until a day: matched hits give no points, and stay in the output with the reason.

A suppression with a past end date is named and no longer applied; each carries a count of what it held back.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

from amberlight.aware.hits import Hit
from amberlight.aware.wildcards import wildcard
from amberlight.model.errors import ConfigError
from amberlight.model.response_plan import Suppression
from amberlight.model.scan import SuppressionUse

PLACE = re.compile(r"(?P<account>\d{12})(/(?P<region>[a-z0-9-]+))?")
TEXTS = ("who", "what", "where", "reason", "owner")


@dataclass(frozen=True)
class Held:
    """One suppression in force, ready to be asked."""

    number: int
    plan: Suppression
    who: Callable[[str], bool]
    what: Callable[[str], bool]
    where: Callable[[Hit], bool]

    def matches(self, hit: Hit) -> bool:
        """Whether the hit is one of those that it means."""
        return self.what(hit.rule.id) and self.who(hit.principal) and self.where(hit)

    @property
    def words(self) -> str:
        """For a reason's text."""
        return f"suppressed until {self.plan.until} by {self.plan.owner}: {self.plan.reason}"


@dataclass
class Suppressions:
    """All suppressions of a plan on a day, and what they held back so far.

    Raises:
        ConfigError: one says nothing for a key, means everything, or names no place.
    """

    plan: Sequence[Suppression] = ()
    today: date | None = None
    held: Counter[int] = field(default_factory=Counter)
    pages: Counter[int] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        found = [prepared(number, one) for number, one in enumerate(self.plan)]
        # Without a day to compare with nothing is held back.
        self.active = [one for one in found if self.today is not None and self.today <= one.plan.until]

    def of(self, hit: Hit) -> Held | None:
        """The first suppression that means the hit."""
        return next((one for one in self.active if one.matches(hit)), None)

    def count(self, found: Iterable[Held], *, page: bool) -> None:
        """Note what was held back in one suspicion, and whether that kept it from calling a person."""
        numbers = [one.number for one in found]
        self.held.update(numbers)
        self.pages.update(set(numbers) if page else ())

    def uses(self) -> tuple[SuppressionUse, ...]:
        """Every suppression of the plan with its counts, those that are over as well."""
        active = {one.number for one in self.active}
        return tuple(
            SuppressionUse(
                who=one.who,
                what=one.what,
                where=one.where,
                reason=one.reason,
                owner=one.owner,
                until=one.until,
                applied=number in active,
                held=self.held[number],
                pages=self.pages[number],
            )
            for number, one in enumerate(self.plan)
        )


def prepared(number: int, one: Suppression) -> Held:
    """One suppression, checked."""
    empty = [name for name in TEXTS if not getattr(one, name).strip()]
    if empty:
        raise ConfigError(
            f"Suppression {number + 1} of the plan says nothing for `{empty[0]}`.", "Say it; every key is required."
        )
    if {one.who.strip("*"), one.what.strip("*"), one.where.strip("*")} == {""}:
        raise ConfigError(
            f"Suppression {number + 1} of the plan would hide everything.", "Name who, what or where it is about."
        )
    return Held(number, one, wildcard(one.who.split("*")), wildcard(one.what.split("*")), place(number, one.where))


def place(number: int, where: str) -> Callable[[Hit], bool]:
    """A test of where a hit was: everything that is known of it has to lie there."""
    if where == "*":
        return lambda _: True
    if found := PLACE.fullmatch(where):
        account, region = found["account"], found["region"]
        return lambda hit: hit.accounts == (account,) and (region is None or hit.regions == (region,))
    try:
        network = ipaddress.ip_network(where)
    except ValueError as problem:
        raise ConfigError(
            f"Suppression {number + 1} of the plan has `where: {where}`, which is no place.",
            "Write an account, an account/Region, a network as in 192.0.2.0/24, or *.",
        ) from problem
    return lambda hit: bool(hit.addresses) and all(within(address, network) for address in hit.addresses)


def within(address: str, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    """Whether a source address is in the network; a service's name is in none."""
    try:
        return ipaddress.ip_address(address) in network
    except ValueError:
        return False
