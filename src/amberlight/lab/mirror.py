"""Traffic mirroring: copies of a wire's packets, sent to another one in VXLAN.

References:
    "Traffic Mirroring packet format", "Traffic Mirroring filters", "Traffic Mirroring considerations", VPC User Guide, 2026-11.
    RFC 7348 (VXLAN).
"""

from __future__ import annotations

import dataclasses
import ipaddress
import socket
import struct
import sys
import threading
import traceback
import zlib
from collections.abc import Mapping, Sequence

from amberlight.lab import packets
from amberlight.lab.network import CLOUD, MTU, hardware_address

_PORT = 4789
_OUTER = 20 + 8 + 8
_OUTSIDE_MTU = 1500
_CLOUD_NET = ipaddress.ip_network(f"{CLOUD}/24", strict=False)


@dataclasses.dataclass(frozen=True)
class FilterRule:
    """One rule of a filter; ports are ranges, None for any."""

    accept: bool
    source: str
    destination: str
    protocol: int | None = None
    source_ports: tuple[int, int] | None = None
    destination_ports: tuple[int, int] | None = None

    def applies(self, packet: bytes) -> bool:
        """Whether the rule is about this packet."""
        source, destination = packets.ends(packet)
        if self.protocol is not None and packet[9] != self.protocol:
            return False
        if not (_within(source, self.source) and _within(destination, self.destination)):
            return False
        if self.source_ports is None and self.destination_ports is None:
            return True
        found = packets.ports(packet)
        return found is not None and _in(found[0], self.source_ports) and _in(found[1], self.destination_ports)


def _within(address: str, network: str) -> bool:
    return ipaddress.ip_address(address) in ipaddress.ip_network(network, strict=False)


def _in(port: int, wanted: tuple[int, int] | None) -> bool:
    return wanted is None or wanted[0] <= port <= wanted[1]


@dataclasses.dataclass(frozen=True)
class Session:
    """Which packets of a wire go where."""

    source: str
    """The address of the wire that is copied."""
    target: str
    network: int
    """The VXLAN network identifier."""
    length: int | None
    """How many bytes of each frame are sent; None for all."""
    rules: Mapping[str, Sequence[FilterRule]]
    """In their order, by `ingress` and `egress`."""

    def wants(self, way: str, packet: bytes) -> bool:
        """Whether the filter lets a packet be copied."""
        return next((rule.accept for rule in self.rules[way] if rule.applies(packet)), False)


class Mirror:
    """Copies packets, in a thread of its own."""

    def __init__(self, log: packets.Log, sender: socket.socket) -> None:
        self.sessions: Mapping[str, Sequence[Session]] = {}
        """By interface, in the order of their numbers; replaced as a whole."""
        self._log = log
        self._sender = sender
        threading.Thread(target=self._run, name="lab-mirror", daemon=True).start()

    def _run(self) -> None:
        for label, packet in self._log.read():
            interface, _, way = label.partition("/")
            for session in self.sessions.get(interface, ()):
                if session.wants(way, packet):
                    self._copy(session, way, packet)
                    # From: CreateTrafficMirrorSession, SessionNumber: the first session that matches has the packet.
                    break

    def _copy(self, session: Session, way: str, packet: bytes) -> None:
        other = packets.ends(packet)[way == "egress"]
        mtu = MTU if ipaddress.ip_address(other) in _CLOUD_NET else _OUTSIDE_MTU
        for each in packets.frames(packet, mtu):
            try:
                self._sender.sendto(envelope(session, frame(session.source, way, each)), (session.target, 0))
            except OSError:  # the target is down: its copies are lost, as on AWS
                traceback.print_exc(file=sys.stderr)


def frame(address: str, way: str, packet: bytes) -> bytes:
    """The Ethernet frame in which a packet came to the interface with that address, or left it."""
    host, router = (bytes.fromhex(hardware_address(each).replace(":", "")) for each in (address, CLOUD))
    first, second = (host, router) if way == "ingress" else (router, host)
    return first + second + b"\x08\x00" + packet


def envelope(session: Session, inner: bytes) -> bytes:
    """An IP packet with UDP, VXLAN and as much of a frame as is wanted and fits."""
    cut = inner[: min(session.length or len(inner), MTU - _OUTER)]
    size = _OUTER + len(cut)
    addresses = b"".join(ipaddress.IPv4Address(each).packed for each in (session.source, session.target))
    header = struct.pack(">BBHHHBBH", 0x45, 0, size, 0, 0, 64, packets.UDP, 0) + addresses
    # Packets of a connection keep to one port, so that they keep their order. From: RFC 7348, section 5.
    ends = inner[26:38] if inner[23] in (packets.TCP, packets.UDP) else inner[26:34]
    port = 49152 + zlib.crc32(ends) % 16384
    return (
        header
        + struct.pack(">HHHH", port, _PORT, size - 20, 0)
        + struct.pack(">II", 0x08000000, session.network << 8)
        + cut
    )
