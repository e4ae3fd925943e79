"""The kernel's packet filter (nf_tables), spoken to over netlink: no program such as `nft` is needed.

Rules are lists of expressions, made by the small functions below and read from left to right like a sentence: "the source
address is …, the destination port lies between … and …: accept". A change is one transaction: all of it or nothing.

References:
    linux/include/uapi/linux/netfilter/nf_tables.h, nfnetlink.h, Linux 6.1: message types and attributes.
    "nftables wiki", 2026-11: sets with state, concatenations.
"""

from __future__ import annotations

import dataclasses
import errno
import ipaddress
import itertools
import os
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence

DROP, ACCEPT = 0, 1
_JUMP, _GOTO, _RETURN = -3, -4, -5
INPUT, FORWARD, OUTPUT = 1, 2, 3
"""Where a base chain hangs. From: linux/netfilter.h, `nf_inet_hooks`."""
NEW, ESTABLISHED, RELATED = 8, 2, 4
ORIGINAL, REPLY = 0, 1

_NETLINK_NETFILTER, _NFTABLES, _IPV4 = 12, 10, 2
_BATCH_BEGIN, _BATCH_END = 0x10, 0x11
_REQUEST, _ACK, _CREATE, _APPEND, _DUMP = 0x1, 0x4, 0x400, 0x800, 0x300
_NEW_TABLE, _NEW_CHAIN, _NEW_RULE, _DEL_RULE, _NEW_SET, _NEW_ELEMENTS, _GET_ELEMENTS, _DEL_ELEMENTS = (
    0,
    3,
    6,
    8,
    9,
    12,
    13,
    14,
)
_DONE, _ERROR = 3, 2
_NESTED = 0x8000
_R1, _R32 = 1, 8
_KEY_WORDS = 6

Expression = bytes
Rule = Sequence[Expression]


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", len(value) + 4, kind) + value + b"\0" * (-len(value) % 4)


def _nest(kind: int, *parts: bytes) -> bytes:
    return _attribute(kind | _NESTED, b"".join(parts))


def _number(kind: int, value: int) -> bytes:
    return _attribute(kind, struct.pack(">I", value & 0xFFFFFFFF))


def _text(kind: int, value: str) -> bytes:
    return _attribute(kind, value.encode() + b"\0")


def _expression(name: str, *parts: bytes) -> Expression:
    return _nest(1, _text(1, name), _nest(2, *parts))


def _data(kind: int, value: bytes) -> bytes:
    return _nest(kind, _attribute(1, value))


def _compare(value: bytes, operator: int = 0) -> Expression:
    return _expression("cmp", _number(1, _R1), _number(2, operator), _data(3, value))


def _load(base: int, offset: int, size: int, register: int = _R1) -> Expression:
    return _expression("payload", _number(1, register), _number(2, base), _number(3, offset), _number(4, size))


def _masked(mask: bytes) -> Expression:
    return _expression(
        "bitwise", _number(1, _R1), _number(2, _R1), _number(3, len(mask)), _data(4, mask), _data(5, bytes(len(mask)))
    )


def _address(offset: int, network: str) -> list[Expression]:
    wanted = ipaddress.ip_network(network, strict=False)
    if wanted.prefixlen == 0:
        return []
    cut = [] if wanted.prefixlen == wanted.max_prefixlen else [_masked(wanted.netmask.packed)]
    return [_load(1, offset, 4), *cut, _compare(wanted.network_address.packed)]


def source(network: str) -> list[Expression]:
    """The source address lies in *network*."""
    return _address(12, network)


def destination(network: str) -> list[Expression]:
    """The destination address lies in *network*."""
    return _address(16, network)


def protocol(number: int) -> list[Expression]:
    """The protocol above IP is this one."""
    return [_expression("meta", _number(1, _R1), _number(2, 16)), _compare(bytes([number]))]


def ports(first: int, last: int) -> list[Expression]:
    """The destination port of TCP or UDP lies between the two."""
    return [_load(2, 2, 2), *_between(struct.pack(">H", first), struct.pack(">H", last))]


def icmp(offset: int, value: int) -> list[Expression]:
    """The type (offset 0) or code (offset 1) of an ICMP packet."""
    return [_load(2, offset, 1), _compare(bytes([value]))]


def _between(first: bytes, last: bytes) -> list[Expression]:
    return [_compare(first)] if first == last else [_compare(first, 5), _compare(last, 3)]


def state(bits: int) -> list[Expression]:
    """The connection is in one of these states."""
    mask = struct.pack("=I", bits)
    return [_expression("ct", _number(1, _R1), _number(2, 0)), _masked(mask), _compare(bytes(4), 1)]


def direction(which: int) -> list[Expression]:
    """The packet goes the way of the connection's first packet, or back."""
    return [_expression("ct", _number(1, _R1), _number(2, 1)), _compare(bytes([which]))]


def marked(bit: int) -> list[Expression]:
    """The connection carries the mark."""
    return [_expression("ct", _number(1, _R1), _number(2, 3)), _masked(struct.pack("=I", bit)), _compare(bytes(4), 1)]


def mark(bit: int, *, on: bool) -> list[Expression]:
    """Put a mark on the connection, or take it off."""
    keep, flip = struct.pack("=I", ~bit & 0xFFFFFFFF), struct.pack("=I", bit if on else 0)
    return [
        _expression("ct", _number(1, _R1), _number(2, 3)),
        _expression("bitwise", _number(1, _R1), _number(2, _R1), _number(3, 4), _data(4, keep), _data(5, flip)),
        _expression("ct", _number(4, _R1), _number(2, 3)),
    ]


def _verdict(code: int, chain: str = "") -> list[Expression]:
    inner = _number(1, code) + (_text(2, chain) if chain else b"")
    return [_expression("immediate", _number(1, 0), _nest(2, _nest(2, inner)))]


def drop() -> list[Expression]:
    """Nothing is left of the packet."""
    return _verdict(DROP)


def accept() -> list[Expression]:
    """The packet passes; no later rule sees it."""
    return _verdict(ACCEPT)


def jump(chain: str) -> list[Expression]:
    """Go on in that chain, and come back at its end."""
    return _verdict(_JUMP, chain)


def goto(chain: str) -> list[Expression]:
    """Go on in that chain; its end is the end of this one too."""
    return _verdict(_GOTO, chain)


def back() -> list[Expression]:
    """Go on where the chain was called."""
    return _verdict(_RETURN)


def count(name: str, *, with_ports: bool, with_flags: bool = False) -> list[Expression]:
    """Add the packet to the counter of its flow in that set; see `Flow`."""

    def word(number: int) -> int:
        return _R32 + number

    zeros = [_expression("immediate", _number(1, word(n)), _data(2, bytes(4))) for n in range(_KEY_WORDS)]
    found = [
        _load(1, 12, 4, word(0)),
        _load(1, 16, 4, word(1)),
        _expression("meta", _number(1, word(2)), _number(2, 16)),
    ]
    if with_ports:
        found += [_load(2, 0, 2, word(3)), _load(2, 2, 2, word(4))]
    if with_flags:
        found += [_load(2, 13, 1, word(5))]
    counter = _nest(7, _text(1, "counter"), _nest(2))
    return [*zeros, *found, _expression("dynset", _text(1, name), _number(3, 1), _number(4, word(0)), counter)]


@dataclasses.dataclass(frozen=True)
class Flow:
    """The key under which a counter is kept: one direction of a connection, per set of TCP flags."""

    source: str
    destination: str
    protocol: int
    source_port: int
    destination_port: int
    flags: int
    """The flags byte of the TCP header."""


@dataclasses.dataclass(frozen=True)
class Counted:
    """What the kernel counted since the element came into its set."""

    packets: int
    octets: int


class Filter:
    """One table of the network namespace in which *sock* was made."""

    def __init__(self, sock: socket.socket, table: str) -> None:
        self._socket = sock
        self._table = table
        self._serial = itertools.count(1)
        sock.bind((0, 0))
        # The kernel answers while it is being asked, so there is never anything to wait for.
        sock.settimeout(0)

    @staticmethod
    def socket() -> socket.socket:
        """A netlink socket of the calling thread's network."""
        return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER)

    def replace(
        self, hooked: Mapping[str, int], chains: Mapping[str, Iterable[Rule]], sets: Mapping[str, bool] | None = None
    ) -> None:
        """Make the table have these chains and no rule beyond theirs; sets and their elements stay.

        Args:
            hooked: Names of the base chains, and where they hang.
            chains: The rules of every chain by its name; a chain without a hook is reached by `jump`.
            sets: Sets for `count`, made if they are not there; those with True begin empty.

        Raises:
            OSError: The kernel refused; nothing was changed.
        """
        table = _text(1, self._table)
        wanted = [(_NEW_TABLE, _CREATE, table)]
        for number, (name, empty) in enumerate((sets or {}).items(), 1):
            wanted.append((_NEW_SET, _CREATE, self._counting_set(name, number)))
            wanted += [(_DEL_ELEMENTS, 0, table + _text(2, name))] if empty else []
        wanted += [(_NEW_CHAIN, _CREATE, self._chain(name, hooked.get(name))) for name in chains]
        wanted += [(_DEL_RULE, 0, table)]
        for name, rules in chains.items():
            for rule in rules:
                wanted.append((_NEW_RULE, _CREATE | _APPEND, table + _text(2, name) + _nest(4, *rule)))
        self._transact(wanted)

    def _chain(self, name: str, hook: int | None) -> bytes:
        made = _text(1, self._table) + _text(3, name)
        if hook is None:
            return made
        return made + _nest(4, _number(1, hook), _number(2, 0)) + _text(7, "filter") + _number(5, ACCEPT)

    def _counting_set(self, name: str, number: int) -> bytes:
        # Elements go after ten quiet minutes; a set that is full counts no new flow, which `flows` can tell.
        return (
            _text(1, self._table) + _text(2, name) + _number(3, 0x10 | 0x20) + _number(4, 0) + _number(5, 4 * _KEY_WORDS)
            + _number(10, number) + _attribute(11, struct.pack(">Q", 600_000)) + _nest(9, _number(1, MOST_FLOWS))
        )  # fmt: skip

    def flows(self, name: str) -> dict[Flow, Counted]:
        """Every flow that a set knows."""
        asked = _message(_GET_ELEMENTS, _DUMP, next(self._serial), _text(1, self._table) + _text(2, name))
        self._socket.send(asked)
        found: dict[Flow, Counted] = {}
        for body in self._answers():
            elements = dict(_attributes(body[4:])).get(3, b"")
            for _, element in _attributes(elements):
                flow, counted = _element(dict(_attributes(element)))
                found[flow] = counted
        return found

    def _answers(self) -> Iterator[bytes]:
        while True:
            for kind, body in _messages(self._socket.recv(1 << 18)):
                if kind == _DONE:
                    return
                if kind == _ERROR:
                    number = struct.unpack_from("=i", body)[0]
                    raise OSError(-number, f"nf_tables: {os.strerror(-number)}")
                yield body

    def _transact(self, wanted: Iterable[tuple[int, int, bytes]]) -> None:
        sent = [_bracket(_BATCH_BEGIN, next(self._serial))]
        sent += [_message(kind, flags, next(self._serial), body) for kind, flags, body in wanted]
        last = next(self._serial)
        sent.append(_bracket(_BATCH_END, last, acknowledge=True))
        self._socket.send(b"".join(sent))
        self._settle()

    def _settle(self) -> None:
        # One error per refused message, then silence: a refused transaction is not acknowledged.
        failed = 0
        try:
            while True:
                for kind, body in _messages(self._socket.recv(1 << 16)):
                    number = -struct.unpack_from("=i", body)[0] if kind == _ERROR else 0
                    failed = failed or number
        except BlockingIOError:
            pass
        if failed:
            raise OSError(failed, f"nf_tables: {os.strerror(failed)}", errno.errorcode.get(failed))


MOST_FLOWS = 65_536
"""How many flows one set counts at once."""


def _message(kind: int, flags: int, serial: int, body: bytes) -> bytes:
    whole = struct.pack(">BBH", _IPV4, 0, 0) + body
    return struct.pack("=IHHII", len(whole) + 16, _NFTABLES << 8 | kind, flags | _REQUEST, serial, 0) + whole


def _bracket(kind: int, serial: int, *, acknowledge: bool = False) -> bytes:
    flags = _REQUEST | (_ACK if acknowledge else 0)
    return struct.pack("=IHHII", 20, kind, flags, serial, 0) + struct.pack(">BBH", 0, 0, _NFTABLES)


def _messages(raw: bytes) -> Iterator[tuple[int, bytes]]:
    while len(raw) >= 16:  # noqa: PLR2004 (the size of a header)
        size, kind = struct.unpack_from("=IH", raw)
        yield kind, raw[16:size]
        raw = raw[(size + 3) & ~3 :]


def _attributes(raw: bytes) -> Iterator[tuple[int, bytes]]:
    while len(raw) >= 4:  # noqa: PLR2004 (the size of a header)
        size, kind = struct.unpack_from("=HH", raw)
        yield kind & 0x3FFF, raw[4:size]
        raw = raw[(size + 3) & ~3 :]


def _element(parts: dict[int, bytes]) -> tuple[Flow, Counted]:
    key = dict(_attributes(parts[1]))[1]
    addresses = [str(ipaddress.IPv4Address(key[i : i + 4])) for i in (0, 4)]
    first, second = (struct.unpack_from(">H", key, i)[0] for i in (12, 16))
    counter = dict(_attributes(dict(_attributes(parts[7]))[2]))
    octets, packets = (struct.unpack(">Q", counter[i])[0] for i in (1, 2))
    return Flow(addresses[0], addresses[1], key[8], first, second, key[20]), Counted(packets, octets)
