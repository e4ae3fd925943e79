"""Messages and attributes of netlink, as far as the kernel's packet filter speaks them.

References:
    linux/include/uapi/linux/netlink.h, netfilter/nfnetlink.h, Linux 6.1.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator

REQUEST, ACKNOWLEDGE, CREATE, APPEND, DUMP = 0x1, 0x4, 0x400, 0x800, 0x300
ERROR, DONE = 2, 3
_NETFILTER, _NESTED, _IPV4, _HEADER = 12, 0x8000, 2, 16


def connect() -> socket.socket:
    """A socket to the packet filter of the calling thread's network."""
    made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETFILTER)
    made.bind((0, 0))
    return made


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute, padded."""
    return struct.pack("=HH", len(value) + 4, kind) + value + b"\0" * (-len(value) % 4)


def nest(kind: int, *parts: bytes) -> bytes:
    """An attribute of attributes."""
    return attribute(kind | _NESTED, b"".join(parts))


def number(kind: int, value: int) -> bytes:
    """An attribute of 32 bits."""
    return attribute(kind, struct.pack(">I", value & 0xFFFFFFFF))


def text(kind: int, value: str) -> bytes:
    """An attribute of characters."""
    return attribute(kind, value.encode() + b"\0")


def message(subsystem: int, kind: int, body: bytes, *, flags: int = 0, serial: int = 0, resource: int = 0) -> bytes:
    """A message of one of netfilter's subsystems."""
    whole = struct.pack(">BBH", _IPV4, 0, resource) + body
    return struct.pack("=IHHII", len(whole) + _HEADER, subsystem << 8 | kind, flags | REQUEST, serial, 0) + whole


def bracket(kind: int, serial: int, subsystem: int) -> bytes:
    """The begin or end of a transaction."""
    return struct.pack("=IHHII", 20, kind, REQUEST, serial, 0) + struct.pack(">BBH", 0, 0, subsystem)


def messages(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """Kinds and bodies of received messages."""
    while len(raw) >= _HEADER:
        size, kind = struct.unpack_from("=IH", raw)
        yield kind, raw[_HEADER:size]
        raw = raw[(size + 3) & ~3 :]


def attributes(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """Kinds and values of attributes."""
    while len(raw) >= 4:  # noqa: PLR2004 (the size of a header)
        size, kind = struct.unpack_from("=HH", raw)
        yield kind & 0x3FFF, raw[4:size]
        raw = raw[(size + 3) & ~3 :]


def failure(body: bytes) -> OSError | None:
    """What the body of an `ERROR` says; None for an acknowledgement."""
    code = -int(struct.unpack_from("=i", body)[0])
    return OSError(code, f"packet filter: {os.strerror(code)}") if code else None
