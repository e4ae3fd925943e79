"""What was seen of each principal: first and last use of each operation, key and network; what was denied.

The state is idempotent (the same event twice changes nothing), order does not matter, and two states merge; so files may be
read in any order and in parallel. It is bounded, and what goes is decided by names and weeks alone, never by what happened to
come first: whatever is left at the end was left in every part, and so is complete.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar
from zlib import crc32

from amberlight.trail import Event
from amberlight.trail.event import DENIED
from amberlight.trail.identity import Actor

V = TypeVar("V")
Weekly = TypeVar("Weekly", bound=tuple[Any, ...])

MOST_OPERATIONS = 3000
MOST_USES = 2000
"""Uses of a principal, each counted once a week; the latest weeks stay."""
MOST_IDS = 200
MOST_BUCKETS = 256
"""Buckets of a principal, each counted once a week; the latest weeks stay."""
MOST_ACCOUNTS = 100
DAYS = 7
MARKED = (True, "true")
CONSOLE_CALLERS = ("console.", "signin.amazonaws.com", "[S3Console", "S3Console")
WARM_UP = timedelta(days=7)
"""Before a principal was watched for so long, a first time says little. A working week with its weekend."""
Name = tuple[str, str]
Where = tuple[str, str, str]
"""Access key, address, and the session's name where it is an instance's."""
Dated = dict[tuple[int, str], "Span"]
AGENT_SERVICES = frozenset({"ssm.amazonaws.com", "ssmmessages.amazonaws.com", "ec2messages.amazonaws.com"})
AGENT_NAMES = frozenset(
    {"UpdateInstanceInformation", "CreateControlChannel", "CreateDataChannel", "OpenControlChannel", "GetMessages",
     "ListInstanceAssociations", "PutInventory", "RegisterManagedInstance"}
)  # fmt: skip


class Span:
    """First and last time of something, and the id of the first event."""

    __slots__ = ("first", "id", "last")

    def __init__(self, when: datetime, event_id: str) -> None:
        self.first = self.last = when
        self.id = event_id

    def see(self, when: datetime, event_id: str) -> None:
        """Take in another event."""
        if when > self.last:
            self.last = when
        elif when < self.first or (when == self.first and event_id < self.id):
            self.first, self.id = when, event_id

    def merge(self, other: Span) -> None:
        """Take in another span of the same thing."""
        self.see(other.first, other.id)
        self.last = max(self.last, other.last)


class Use:
    """An access key at an address: when, and by which instance's session; `ids` are kept for instances only."""

    __slots__ = ("_ids", "agent", "console", "session", "span")

    def __init__(self, when: datetime, event_id: str, session: str) -> None:
        self.span = Span(when, event_id)
        self.session = session
        self.console = False
        self.agent = False
        self._ids: dict[str, datetime] = {}

    @property
    def ids(self) -> dict[str, datetime]:
        """The earliest events, at most 200, whatever the order in which they came."""
        if len(self._ids) > MOST_IDS:
            rows = sorted(self._ids.items(), key=lambda one: (one[1], one[0]))
            self._ids = dict(rows[:MOST_IDS])
        return self._ids

    def see(self, event: Event) -> None:
        """Take in another event."""
        when, span = event.when, self.span
        if when > span.last:
            span.last = when
        elif when <= span.first:
            span.see(when, event.id)
        if not self.console and (event.from_console in MARKED or named_console(event.agent)):
            self.console = True
        if self.session:
            # Cut back only now and then, since a cut sorts.
            ids = self._ids if len(self._ids) < 2 * MOST_IDS else self.ids
            ids[event.id] = min(when, ids.get(event.id, when))
            if event.source in AGENT_SERVICES and event.name in AGENT_NAMES:
                self.agent = True

    def merge(self, other: Use) -> None:
        """Take in what another state, or another week, saw of the same use."""
        self.span.merge(other.span)
        self.console |= other.console
        self.agent |= other.agent
        mine = self.ids
        self._ids = mine | {i: min(when, mine.get(i, when)) for i, when in other.ids.items()}


class Activity:
    """One principal. `calls` and `denied` are by (source, name), `uses` by access key, address and instance."""

    __slots__ = ("_buckets", "_calls", "_denied", "_derived", "_uses", "accounts", "kind", "principal")

    def __init__(self, principal: str, kind: str) -> None:
        self.principal = principal
        self.kind = kind
        self.accounts: set[str] = set()
        self._calls: dict[Name, Span] = {}
        self._denied: dict[Name, Span] = {}
        self._uses: dict[tuple[int, str, str, str], Use] = {}
        self._buckets: Dated = {}
        self._derived: tuple[dict[Where, Use], Span] | None = None

    def see(self, event: Event, who: Actor, name: Name) -> None:
        """Take in an event; `name` is its source and name."""
        when, event_id = event.when, event.id
        self._derived = None
        table = self._denied if event.error is not None and event.error in DENIED else self._calls
        known = table.get(name)
        if known is None:
            table[name] = Span(when, event_id)
            if len(table) > SLACK * MOST_OPERATIONS:
                trim_names(table, MOST_OPERATIONS)
        # Most events lie inside a span or at its end, and are done here: a call for each would cost more than all the rest.
        elif when > known.last:
            known.last = when
        elif when <= known.first:
            known.see(when, event_id)
        identity, session = event.identity, who.session
        where = (
            when.toordinal() // DAYS,
            identity.access_key or "" if identity else "",
            event.address or "",
            session if session[:2] == "i-" else "",
        )
        use = self._uses.get(where)
        if use is None:
            use = self._new_use(where, event)
        use.see(event)

    def _new_use(self, where: tuple[int, str, str, str], event: Event) -> Use:
        use = self._uses[where] = Use(event.when, event.id, where[3])
        if len(self._uses) > SLACK * MOST_USES:
            trim_weeks(self._uses, MOST_USES)
        return use

    def was_in(self, account: str) -> None:
        """Note an account that events of this principal are about."""
        self.accounts.add(account)
        if len(self.accounts) > SLACK * MOST_ACCOUNTS:
            self.accounts = set(sorted(self.accounts)[:MOST_ACCOUNTS])

    def bucket(self, name: str, event: Event) -> None:
        """Note that a bucket was touched."""
        dated = (event.when.toordinal() // DAYS, name)
        span = self._buckets.get(dated)
        if span is not None:
            span.see(event.when, event.id)
            return
        self._buckets[dated] = Span(event.when, event.id)
        if len(self._buckets) > SLACK * MOST_BUCKETS:
            trim_weeks(self._buckets, MOST_BUCKETS)

    def merge(self, other: Activity) -> None:
        """Take in what another state saw of the same principal."""
        self.kind = min(self.kind, other.kind)
        self._derived = None
        for account in other.accounts:
            self.was_in(account)
        for mine, theirs, most in (
            (self._calls, other._calls, MOST_OPERATIONS),
            (self._denied, other._denied, MOST_OPERATIONS),
        ):
            merge(mine, theirs)
            trim_names(mine, most)
        merge(self._uses, other._uses)
        trim_weeks(self._uses, MOST_USES)
        merge(self._buckets, other._buckets)
        trim_weeks(self._buckets, MOST_BUCKETS)

    @property
    def calls(self) -> dict[Name, Span]:
        """First and last call of each operation."""
        return trim_names(self._calls, MOST_OPERATIONS)

    @property
    def denied(self) -> dict[Name, Span]:
        """First and last refusal of each operation."""
        return trim_names(self._denied, MOST_OPERATIONS)

    @property
    def uses(self) -> dict[Where, Use]:
        """Every use, over all weeks, by name."""
        return self._known()[0]

    @property
    def span(self) -> Span:
        """The first and the last event."""
        return self._known()[1]

    def _known(self) -> tuple[dict[Where, Use], Span]:
        """What is put together only when somebody asks, and kept until the next event."""
        if self._derived is None:
            found: dict[Where, Use] = {}
            for (_, key, address, session), use in trim_weeks(self._uses, MOST_USES).items():
                place = (key, address, session)
                if place not in found:
                    found[place] = Use(use.span.first, use.span.id, session)
                found[place].merge(use)
            first, *others = (*self.calls.values(), *self.denied.values())
            span = Span(first.first, first.id)
            for other in (first, *others):
                span.merge(other)
            self._derived = dict(sorted(found.items())), span
        return self._derived

    @property
    def buckets(self) -> dict[str, list[Span]]:
        """When each bucket was touched, week by week."""
        found: dict[str, list[Span]] = {}
        for (_, name), span in sorted(trim_weeks(self._buckets, MOST_BUCKETS).items(), key=lambda one: one[0]):
            found.setdefault(name, []).append(span)
        return found

    @property
    def account(self) -> str:
        """The account that it belongs to, where its events are about that one; else the first of theirs, or empty."""
        parts = self.principal.split(":")
        own = parts[4] if len(parts) > 5 else ""  # noqa: PLR2004 - six parts make an ARN
        return own if own in self.accounts else min(self.accounts, default="")


class Memory:
    """All principals, and which addresses are whose."""

    def __init__(self) -> None:
        self.activities: dict[str, Activity] = {}
        self._addresses: dict[str, list[tuple[Activity, Use]]] | None = None

    def merge(self, other: Memory) -> None:
        """Take in another state."""
        merge(self.activities, other.activities)

    def of(self, principal: str, account: str) -> Activity | None:
        """What is known of a principal."""
        return self.activities.get(scope(principal, account))

    def at_address(self, address: str) -> Sequence[tuple[Activity, Use]]:
        """Every use of an address."""
        if self._addresses is None:
            self._addresses = {}
            for activity in self.activities.values():
                for (_, where, _), use in activity.uses.items():
                    self._addresses.setdefault(where, []).append((activity, use))
        return self._addresses.get(address, ())

    def changed(self) -> None:
        """Forget what was derived, since new events came."""
        self._addresses = None

    def crowd(self, address: str) -> int:
        """How many principals used an address."""
        return len({activity.principal for activity, _ in self.at_address(address)})

    @property
    def watched(self) -> timedelta:
        """How long the history is."""
        spans = [activity.span for activity in self.activities.values()]
        return max(s.last for s in spans) - min(s.first for s in spans) if spans else timedelta(0)


def merge(mine: dict, theirs: dict) -> None:  # type: ignore[type-arg]
    """Join two tables whose values can merge."""
    for name, value in theirs.items():
        if name in mine:
            mine[name].merge(value)
        else:
            mine[name] = value


def scope(principal: str, account: str) -> str:
    """What tells principals apart: an ARN names its account; the names of services and outsiders are the same in all."""
    return principal if principal.startswith("arn:") else f"{principal}@{account}"


SLACK = 1.25
"""Tables grow so much beyond their bound before they are cut, since a cut sorts."""


def trim_names(table: dict[Name, Span], most: int) -> dict[Name, Span]:
    """Keep a table bounded, by a checksum of the names."""
    if len(table) > most:
        for gone in sorted(table, key=lambda one: (crc32("/".join(one).encode()), one))[most:]:
            del table[gone]
    return table


def trim_weeks(table: dict[Weekly, V], most: int) -> dict[Weekly, V]:
    """Keep a table bounded: the latest weeks stay, and within a week the last names."""
    if len(table) > most:
        for gone in sorted(table)[:-most]:
            del table[gone]
    return table


@lru_cache(maxsize=4096)
def named_console(agent: str | None) -> bool:
    """Whether a caller names itself as the console does, in records from before AWS marked them.

    It decides only what counts as browsing. What softens a score asks for AWS's mark alone, which no caller can set.
    """
    return agent is not None and agent.startswith(CONSOLE_CALLERS)


@lru_cache(maxsize=65536)
def network(address: str) -> str:
    """The network that an address is in: /16 for IPv4, /32 for IPv6; empty for private ones, services and no address.

    Published recordings hold addresses that cannot exist; each of those is a network of its own.
    """
    if not address or address == "AWS Internal" or address.endswith(".amazonaws.com"):
        return ""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if inside(parsed):
        return ""
    bits = 16 if parsed.version == 4 else 32  # noqa: PLR2004 - IP versions
    return str(ipaddress.ip_network(f"{address}/{bits}", strict=False))


PRIVATE = tuple(
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
                 "fc00::/7", "fe80::/10", "::1/128")
)  # fmt: skip


def inside(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether an address can only be inside a network of one's own. Documentation ranges are outside, for drills."""
    return any(address.version == net.version and address in net for net in PRIVATE)
