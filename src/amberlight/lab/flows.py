"""What passed the wires and what did not, read out of the kernel's own counters.

References:
    "Flow log records", VPC User Guide, 2026-11: fields, versions, TCP flags, NODATA and SKIPDATA.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import queue
import re
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence

from amberlight.lab import clock
from amberlight.lab.nftables import MOST_FLOWS, Counted, Filter, Flow
from amberlight.lab.wire import Wires, counters

DEFAULT = (
    "version", "account-id", "interface-id", "srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets", "bytes",
    "start", "end", "action", "log-status",
)  # fmt: skip
_FIELD = re.compile(r"\$\{([a-z-]+)\}")
_READ_EVERY_S = 0.25
_VPC = ipaddress.ip_network("10.77.0.0/16")


@dataclasses.dataclass(frozen=True)
class Key:
    """A line of a flow log, before there is anything to count in it."""

    interface: str
    way: str
    """`ingress` or `egress`."""
    action: str
    """`ACCEPT` or `REJECT`."""
    source: str
    destination: str
    protocol: int
    source_port: int
    destination_port: int


@dataclasses.dataclass
class Tally:
    """What was counted of it, between two moments in seconds since 1970."""

    packets: int = 0
    octets: int = 0
    flags: int = 0
    start: float = 0.0
    end: float = 0.0

    def add(self, other: Tally) -> None:
        """Take in more of the same."""
        self.start = min(self.start, other.start) if self.packets else other.start
        self.end = max(self.end, other.end)
        self.packets, self.octets = self.packets + other.packets, self.octets + other.octets
        self.flags |= other.flags


class Reader:
    """Reads the counters four times a second, in a thread of its own, and hands on what came since the last time."""

    def __init__(self, wires: Wires) -> None:
        self.read: queue.SimpleQueue[tuple[Key, Tally]] = queue.SimpleQueue()
        self.skipped: queue.SimpleQueue[str] = queue.SimpleQueue()
        """Interfaces with more flows than the kernel was told to count."""
        self._wires = wires
        self._last: dict[tuple[str, str], dict[Flow, Counted]] = {}
        self._at = clock.now()

    def start(self) -> None:
        """Begin; ends with the lab's process."""
        threading.Thread(target=self._run, name="lab-flows", daemon=True).start()

    def _run(self) -> None:
        packets = self._wires.filter()
        while True:
            clock.wait(_READ_EVERY_S)
            try:
                self._round(packets)
            except OSError:  # said in the lab's log; the next round reads what this one could not
                traceback.print_exc(file=sys.stderr)

    def _round(self, packets: Filter) -> None:
        since, self._at = self._at, clock.now()
        known: dict[tuple[str, str], dict[Flow, Counted]] = {}
        for number, wire in self._wires.counted().items():
            for (way, action), name in counters(number).items():
                now = known[wire.name, name] = packets.flows(name)
                if len(now) >= MOST_FLOWS:
                    self.skipped.put(wire.name)
                for flow, more in _grown(self._last.get((wire.name, name), {}), now):
                    key = Key(wire.name, way, action, flow.source, flow.destination, flow.protocol, flow.source_port,
                              flow.destination_port)  # fmt: skip
                    self.read.put((key, Tally(more.packets, more.octets, _flags(flow.flags), since, self._at)))
        self._last = known


def _flags(octet: int) -> int:
    """FIN 1, SYN 2, RST 4, and ACK 16 beside SYN alone. From: "Flow log records", tcp-flags."""
    return octet & 7 | (octet & 16 if octet & 2 else 0)


def _grown(before: Mapping[Flow, Counted], now: Mapping[Flow, Counted]) -> Iterable[tuple[Flow, Counted]]:
    for flow, counted in now.items():
        old = before.get(flow, Counted(0, 0))
        if counted.packets < old.packets:  # it timed out in between and was counted anew
            old = Counted(0, 0)
        if counted.packets > old.packets:
            yield flow, Counted(counted.packets - old.packets, counted.octets - old.octets)


@dataclasses.dataclass(frozen=True)
class Interface:
    """What a record says of the interface that it is about."""

    account: str
    region: str
    ident: str
    vpc: str
    subnet: str
    instance: str
    zone: str


Line = tuple[Interface, Key | None, Tally, str]
"""Interface, flow, counts, and the status `OK`, `NODATA` or `SKIPDATA`; of the last two there is no flow."""


def _of_flow(read: Callable[[Interface, Key, Tally], object]) -> Callable[[Line], str]:
    return lambda line: "-" if line[1] is None else str(read(line[0], line[1], line[2]))


def _path(_: Interface, key: Key, __: Tally) -> object:
    # From: "Flow log records", traffic-path: 1 to a resource of the same VPC, 8 through an internet gateway.
    if key.way == "ingress":
        return "-"
    return 1 if ipaddress.ip_address(key.destination) in _VPC else 8


_FIELDS: Mapping[str, tuple[int, Callable[[Line], str]]] = {
    "account-id": (2, lambda line: line[0].account),
    "interface-id": (2, lambda line: line[0].ident),
    "srcaddr": (2, _of_flow(lambda _, key, __: key.source)),
    "dstaddr": (2, _of_flow(lambda _, key, __: key.destination)),
    "srcport": (2, _of_flow(lambda _, key, __: key.source_port)),
    "dstport": (2, _of_flow(lambda _, key, __: key.destination_port)),
    "protocol": (2, _of_flow(lambda _, key, __: key.protocol)),
    "packets": (2, _of_flow(lambda _, __, tally: tally.packets)),
    "bytes": (2, _of_flow(lambda _, __, tally: tally.octets)),
    "start": (2, lambda line: str(int(line[2].start))),
    "end": (2, lambda line: str(int(line[2].end))),
    "action": (2, _of_flow(lambda _, key, __: key.action)),
    "log-status": (2, lambda line: line[3]),
    "vpc-id": (3, lambda line: line[0].vpc),
    "subnet-id": (3, lambda line: line[0].subnet),
    "instance-id": (3, lambda line: line[0].instance),
    "tcp-flags": (3, _of_flow(lambda _, __, tally: tally.flags)),
    "type": (3, _of_flow(lambda *_: "IPv4")),
    # Nothing between an interface and the other end changes addresses.
    "pkt-srcaddr": (3, _of_flow(lambda _, key, __: key.source)),
    "pkt-dstaddr": (3, _of_flow(lambda _, key, __: key.destination)),
    "region": (4, lambda line: line[0].region),
    "az-id": (4, lambda line: line[0].zone),
    "sublocation-type": (4, lambda _: "-"),
    "sublocation-id": (4, lambda _: "-"),
    "flow-direction": (5, _of_flow(lambda _, key, __: key.way)),
    "traffic-path": (5, _of_flow(_path)),
}


def fields(log_format: str) -> tuple[str, ...]:
    """The fields that a format names.

    Raises:
        ValueError: One that the lab cannot fill, or none at all.
    """
    names = tuple(_FIELD.findall(log_format))
    strange = [name for name in names if name != "version" and name not in _FIELDS]
    if strange or not names or _FIELD.sub("", log_format).strip():
        raise ValueError(", ".join(strange) or log_format)
    return names


def text(names: Sequence[str], line: Line) -> str:
    """A line as AWS writes it."""
    # From: "Flow log records", version: the highest among the fields named.
    version = max((_FIELDS[name][0] for name in names if name in _FIELDS), default=2)
    return " ".join(str(version) if name == "version" else _FIELDS[name][1](line) for name in names)
