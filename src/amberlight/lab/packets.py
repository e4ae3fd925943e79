"""Packets that the filter copied, and what makes frames of them as a wire would have carried them.

The kernel hands on what it has: a TCP packet of many segments that a network card would cut, checksums that a card would fill in.
`frames` does what the card would do.

References:
    linux/include/uapi/linux/netfilter/nfnetlink_log.h, Linux 6.1. RFC 791, 793, 1071.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
import struct
from collections.abc import Iterator

from amberlight.lab import netlink

TCP, UDP = 6, 17
_LOG, _PACKET, _CONFIG = 4, 0, 1
_COMMAND, _MODE, _THRESHOLD, _BIND, _WHOLE = 1, 2, 5, 1, 2
_PAYLOAD, _LABEL = 9, 10
_FRAGMENT = 0x3FFF
_ONLY_LAST = 0x09
"""FIN and PSH, which the last segment alone carries."""
_CHECKSUM_AT = {TCP: 16, UDP: 6}


class Log:
    """One group of the packet log of the network in which *sock* was made."""

    def __init__(self, sock: socket.socket, group: int) -> None:
        self._socket = sock
        self.lost = 0
        """How often the kernel had more than could be taken."""
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 23)
        for body in (
            netlink.attribute(_COMMAND, bytes([_BIND])),
            netlink.attribute(_MODE, struct.pack(">IBx", 0xFFFF, _WHOLE)),
            # Each packet at once, and not a hundred or after a second.
            netlink.number(_THRESHOLD, 1),
        ):
            sock.send(netlink.message(_LOG, _CONFIG, body, flags=netlink.ACKNOWLEDGE, resource=group))
            for kind, answer in netlink.messages(sock.recv(1 << 16)):
                problem = netlink.failure(answer) if kind == netlink.ERROR else None
                if problem is not None:
                    raise problem

    def read(self) -> Iterator[tuple[str, bytes]]:
        """Label and IP packet, one after the other, for ever."""
        while True:
            try:
                raw = self._socket.recv(1 << 18)
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self.lost += 1
                continue
            for kind, body in netlink.messages(raw):
                if kind == _LOG << 8 | _PACKET:
                    parts = dict(netlink.attributes(body[4:]))
                    yield parts.get(_LABEL, b"").rstrip(b"\0").decode(), parts.get(_PAYLOAD, b"")


def ends(packet: bytes) -> tuple[str, str]:
    """Source and destination of an IP packet."""
    return str(ipaddress.IPv4Address(packet[12:16])), str(ipaddress.IPv4Address(packet[16:20]))


def ports(packet: bytes) -> tuple[int, int] | None:
    """Source and destination port, where the packet has them."""
    start = _header(packet)
    if packet[9] not in _CHECKSUM_AT or _fragment(packet) or len(packet) < start + 4:
        return None
    first, second = struct.unpack_from(">HH", packet, start)
    return first, second


def frames(packet: bytes, mtu: int) -> Iterator[bytes]:
    """IP packets as they are on a wire with this MTU."""
    start = _header(packet)
    if packet[9] == TCP and len(packet) > mtu:
        yield from _segments(packet, start, start + (packet[start + 12] >> 4) * 4, mtu)
    else:
        yield _filled(packet, start)


def _header(packet: bytes) -> int:
    return (packet[0] & 15) * 4


def _fragment(packet: bytes) -> bool:
    return bool(struct.unpack_from(">H", packet, 6)[0] & _FRAGMENT)


def _sum(data: bytes) -> int:
    """The sum in ones' complement."""
    whole = int.from_bytes(data + b"\0" * (len(data) % 2), "big") % 0xFFFF
    return whole or (0xFFFF if any(data) else 0)


def _pseudo(packet: bytes, start: int) -> int:
    return _sum(packet[12:20] + struct.pack(">HH", packet[9], len(packet) - start))


def _filled(packet: bytes, start: int) -> bytes:
    """The packet with the checksum that its sender left to the card; one that is merely wrong stays wrong."""
    at = start + _CHECKSUM_AT.get(packet[9], 0)
    if packet[9] not in _CHECKSUM_AT or _fragment(packet) or len(packet) < at + 2:
        return packet
    if struct.unpack_from(">H", packet, at)[0] != _pseudo(packet, start):
        return packet
    return _checked(packet, start)


def _checked(packet: bytes, start: int) -> bytes:
    at = start + _CHECKSUM_AT[packet[9]]
    made = bytearray(packet)
    made[at : at + 2] = b"\0\0"
    total = _sum(packet[12:20] + struct.pack(">HH", packet[9], len(packet) - start) + bytes(made[start:]))
    found = ~total & 0xFFFF
    struct.pack_into(">H", made, at, found or (0xFFFF if packet[9] == UDP else 0))
    return bytes(made)


def _segments(packet: bytes, start: int, data: int, mtu: int) -> Iterator[bytes]:
    ident, sequence = struct.unpack_from(">H", packet, 4)[0], struct.unpack_from(">I", packet, start + 4)[0]
    size = mtu - data
    for number, offset in enumerate(range(data, len(packet), size)):
        made = bytearray(packet[:data] + packet[offset : offset + size])
        struct.pack_into(">HH", made, 2, len(made), (ident + number) & 0xFFFF)
        struct.pack_into(">I", made, start + 4, (sequence + offset - data) & 0xFFFFFFFF)
        if offset + size < len(packet):
            made[start + 13] &= ~_ONLY_LAST & 0xFF
        made[10:12] = b"\0\0"
        struct.pack_into(">H", made, 10, ~_sum(bytes(made[:start])) & 0xFFFF)
        yield _checked(bytes(made), start)
