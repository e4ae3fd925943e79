"""What was seen of each principal: first and last use of each operation, key and network; what was denied.

The state is idempotent (the same event twice changes nothing), order does not matter, and two states merge; so files may be
read in any order and in parallel. It is bounded: what has not been seen for longest goes first.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache

from amberlight.trail import Event
from amberlight.trail.event import DENIED

MOST_OPERATIONS = 3000
MOST_USES = 2000
MOST_IDS = 200
MOST_BUCKETS = 64
MARKED = (True, "true")
CONSOLE_CALLERS = ("console.", "signin.amazonaws.com", "[S3Console", "S3Console")
WARM_UP = timedelta(days=7)
"""Before a principal was watched for so long, a first time says little. A working week with its weekend."""
Name = tuple[str, str]
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
    """An access key at an address: when, and by which session; `ids` are kept for instance roles only."""

    __slots__ = ("_ids", "agent", "console", "instance", "session", "span")

    def __init__(self, event: Event, session: str) -> None:
        self.span = Span(event.when, event.id)
        self.session = session
        self.instance = session.startswith("i-")
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
        if not self.console and shows_console(event):
            self.console = True
        if self.instance:
            # Cut back only now and then, since a cut sorts.
            ids = self._ids if len(self._ids) < 2 * MOST_IDS else self.ids
            ids[event.id] = when
            if event.source in AGENT_SERVICES and event.name in AGENT_NAMES:
                self.agent = True

    def merge(self, other: Use) -> None:
        """Take in what another state saw of the same use."""
        self.span.merge(other.span)
        self.console |= other.console
        self.agent |= other.agent
        self._ids = {**self.ids, **other.ids}


class Activity:
    """One principal. `calls` and `denied` are by (source, name), `uses` by (access key, address)."""

    __slots__ = ("account", "buckets", "calls", "denied", "kind", "principal", "span", "uses")

    def __init__(self, principal: str, kind: str, account: str, event: Event) -> None:
        self.principal = principal
        self.kind = kind
        self.account = account
        self.span = Span(event.when, event.id)
        self.calls: dict[Name, Span] = {}
        self.denied: dict[Name, Span] = {}
        self.uses: dict[tuple[str, str], Use] = {}
        self.buckets: dict[str, Span] = {}

    def see(self, event: Event, session: str, name: Name) -> None:
        """Take in an event; `name` is its source and name."""
        when, event_id = event.when, event.id
        # Most events lie inside a span or at its end, and are done here: a call for each would cost more than all the rest.
        span = self.span
        if when > span.last:
            span.last = when
        elif when <= span.first:
            span.see(when, event_id)
        table = self.denied if event.error is not None and event.error in DENIED else self.calls
        known = table.get(name)
        if known is None:
            table[name] = Span(when, event_id)
            trim(table, MOST_OPERATIONS)
        elif when > known.last:
            known.last = when
        elif when <= known.first:
            known.see(when, event_id)
        identity = event.identity
        where = (identity.access_key or "" if identity else "", event.address or "")
        (self.uses.get(where) or self._new_use(where, event, session)).see(event)

    def _new_use(self, where: tuple[str, str], event: Event, session: str) -> Use:
        use = self.uses[where] = Use(event, session)
        if len(self.uses) > MOST_USES:
            oldest = sorted(self.uses, key=lambda one: (self.uses[one].span.last, one))
            for gone in oldest[: MOST_USES // 4]:
                del self.uses[gone]
        return use

    def bucket(self, name: str, event: Event) -> None:
        """Note that a bucket was touched."""
        span = self.buckets.get(name)
        if span is not None:
            span.see(event.when, event.id)
        elif len(self.buckets) < MOST_BUCKETS:
            self.buckets[name] = Span(event.when, event.id)

    def merge(self, other: Activity) -> None:
        """Take in what another state saw of the same principal."""
        self.span.merge(other.span)
        for mine, theirs in (
            (self.calls, other.calls),
            (self.denied, other.denied),
            (self.buckets, other.buckets),
            (self.uses, other.uses),
        ):
            merge(mine, theirs)

    def first_uses(self, start: datetime, end: datetime) -> list[tuple[Name, Span]]:
        """Operations that this principal used for the first time within a window."""
        return [(name, span) for name, span in self.calls.items() if start <= span.first <= end]


class Memory:
    """All principals, and which addresses are whose."""

    def __init__(self) -> None:
        self.activities: dict[str, Activity] = {}
        self._addresses: dict[str, list[tuple[Activity, Use]]] | None = None

    def merge(self, other: Memory) -> None:
        """Take in another state."""
        merge(self.activities, other.activities)

    def at_address(self, address: str) -> Sequence[tuple[Activity, Use]]:
        """Every use of an address."""
        if self._addresses is None:
            self._addresses = {}
            for activity in self.activities.values():
                for (_, where), use in activity.uses.items():
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


def trim(table: dict[Name, Span], most: int) -> None:
    """Keep a table bounded: what was not seen for longest goes."""
    if len(table) > most:
        for gone in sorted(table, key=lambda one: (table[one].last, one))[: most // 4]:
            del table[gone]


def shows_console(event: Event) -> bool:
    """Whether a person at the console made the call: AWS's own mark, or the console's own caller name for old records.

    It decides only what counts as browsing. What softens a score asks for AWS's mark alone, which no caller can set.
    """
    agent = event.agent
    return event.from_console in MARKED or (agent is not None and agent.startswith(CONSOLE_CALLERS))


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
