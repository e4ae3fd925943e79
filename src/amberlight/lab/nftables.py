"""The kernel's packet filter (nf_tables), spoken to over netlink: no program such as `nft` is needed.

Rules are lists of expressions, made by the small functions below and read from left to right like a sentence: "the source
address is …, the destination port lies between … and …: accept". A change is one transaction: all of it or nothing.

References:
    linux/include/uapi/linux/netfilter/nf_tables.h, nfnetlink.h, Linux 6.1: message types and attributes.
    "nftables wiki", 2026-11: sets with state, concatenations.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import itertools
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence

from amberlight.lab import netlink
from amberlight.lab.netlink import APPEND, CREATE, attribute, attributes, messages, nest, number, text

DROP, ACCEPT = 0, 1
_JUMP, _GOTO, _RETURN = -3, -4, -5
INPUT, FORWARD, OUTPUT = 1, 2, 3
"""Where a base chain hangs. From: linux/netfilter.h, `nf_inet_hooks`."""
NEW, ESTABLISHED, RELATED = 8, 2, 4
ORIGINAL, REPLY = 0, 1

_NFTABLES = 10
_BATCH_BEGIN, _BATCH_END = 0x10, 0x11
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
_R1, _R32 = 1, 8
_KEY_WORDS = 6

Expression = bytes
Rule = Sequence[Expression]


def _expression(name: str, *parts: bytes) -> Expression:
    return nest(1, text(1, name), nest(2, *parts))


def _data(kind: int, value: bytes) -> bytes:
    return nest(kind, attribute(1, value))


def _compare(value: bytes, operator: int = 0) -> Expression:
    return _expression("cmp", number(1, _R1), number(2, operator), _data(3, value))


def _load(base: int, offset: int, size: int, register: int = _R1) -> Expression:
    return _expression("payload", number(1, register), number(2, base), number(3, offset), number(4, size))


def _masked(mask: bytes) -> Expression:
    return _expression(
        "bitwise", number(1, _R1), number(2, _R1), number(3, len(mask)), _data(4, mask), _data(5, bytes(len(mask)))
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


def protocol(value: int) -> list[Expression]:
    """The protocol above IP is this one."""
    return [_expression("meta", number(1, _R1), number(2, 16)), _compare(bytes([value]))]


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
    return [_expression("ct", number(1, _R1), number(2, 0)), _masked(mask), _compare(bytes(4), 1)]


def direction(which: int) -> list[Expression]:
    """The packet goes the way of the connection's first packet, or back."""
    return [_expression("ct", number(1, _R1), number(2, 1)), _compare(bytes([which]))]


def marked(bit: int) -> list[Expression]:
    """The connection carries the mark."""
    return [_expression("ct", number(1, _R1), number(2, 3)), _masked(struct.pack("=I", bit)), _compare(bytes(4), 1)]


def mark(bit: int, *, on: bool) -> list[Expression]:
    """Put a mark on the connection, or take it off."""
    keep, flip = struct.pack("=I", ~bit & 0xFFFFFFFF), struct.pack("=I", bit if on else 0)
    return [
        _expression("ct", number(1, _R1), number(2, 3)),
        _expression("bitwise", number(1, _R1), number(2, _R1), number(3, 4), _data(4, keep), _data(5, flip)),
        _expression("ct", number(4, _R1), number(2, 3)),
    ]


def _verdict(code: int, chain: str = "") -> list[Expression]:
    inner = number(1, code) + (text(2, chain) if chain else b"")
    return [_expression("immediate", number(1, 0), nest(2, nest(2, inner)))]


def copy(group: int, label: str) -> list[Expression]:
    """Send a copy of the packet to who listens to that group of the packet log; see `packets.py`."""
    return [_expression("log", attribute(1, struct.pack(">H", group)), text(2, label))]


def hops(limit: int) -> list[Expression]:
    """Let the packet live for so many hops."""
    value = _expression("immediate", number(1, _R1), _data(2, bytes([limit])))
    # The header's checksum, at offset 10, follows.
    parts = (number(5, _R1), number(2, 1), number(3, 8), number(4, 1), number(6, 1), number(7, 10))
    return [value, _expression("payload", *parts)]


def stamped(value: int) -> list[Expression]:
    """The socket that sent the packet put this mark on it."""
    return [_expression("meta", number(1, _R1), number(2, 3)), _compare(struct.pack("=I", value))]


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

    def word(which: int) -> int:
        return _R32 + which

    zeros = [_expression("immediate", number(1, word(n)), _data(2, bytes(4))) for n in range(_KEY_WORDS)]
    found = [
        _load(1, 12, 4, word(0)),
        _load(1, 16, 4, word(1)),
        _expression("meta", number(1, word(2)), number(2, 16)),
    ]
    if with_ports:
        found += [_load(2, 0, 2, word(3)), _load(2, 2, 2, word(4))]
    if with_flags:
        found += [_load(2, 13, 1, word(5))]
    counter = nest(7, text(1, "counter"), nest(2))
    return [*zeros, *found, _expression("dynset", text(1, name), number(3, 1), number(4, word(0)), counter)]


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
        # The kernel answers while it is being asked, so there is never anything to wait for.
        sock.settimeout(0)

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
        table = text(1, self._table)
        wanted = [(_NEW_TABLE, CREATE, table)]
        for ident, (name, empty) in enumerate((sets or {}).items(), 1):
            wanted.append((_NEW_SET, CREATE, self._counting_set(name, ident)))
            wanted += [(_DEL_ELEMENTS, 0, table + text(2, name))] if empty else []
        wanted += [(_NEW_CHAIN, CREATE, self._chain(name, hooked.get(name))) for name in chains]
        wanted += [(_DEL_RULE, 0, table)]
        for name, rules in chains.items():
            for rule in rules:
                wanted.append((_NEW_RULE, CREATE | APPEND, table + text(2, name) + nest(4, *rule)))
        self._transact(wanted)

    def _chain(self, name: str, hook: int | None) -> bytes:
        made = text(1, self._table) + text(3, name)
        if hook is None:
            return made
        return made + nest(4, number(1, hook), number(2, 0)) + text(7, "filter") + number(5, ACCEPT)

    def _counting_set(self, name: str, ident: int) -> bytes:
        # Elements go after ten quiet minutes; a set that is full counts no new flow, which `flows` can tell.
        return (
            text(1, self._table) + text(2, name) + number(3, 0x10 | 0x20) + number(4, 0) + number(5, 4 * _KEY_WORDS)
            + number(10, ident) + attribute(11, struct.pack(">Q", 600_000)) + nest(9, number(1, MOST_FLOWS))
        )  # fmt: skip

    def flows(self, name: str) -> dict[Flow, Counted]:
        """Every flow that a set knows."""
        body = text(1, self._table) + text(2, name)
        self._socket.send(
            netlink.message(_NFTABLES, _GET_ELEMENTS, body, flags=netlink.DUMP, serial=next(self._serial))
        )
        found: dict[Flow, Counted] = {}
        for body in self._answers():
            elements = dict(attributes(body[4:])).get(3, b"")
            for _, element in attributes(elements):
                flow, counted = _element(dict(attributes(element)))
                found[flow] = counted
        return found

    def _answers(self) -> Iterator[bytes]:
        while True:
            for kind, body in messages(self._socket.recv(1 << 18)):
                if kind == netlink.DONE:
                    return
                problem = netlink.failure(body) if kind == netlink.ERROR else None
                if problem is not None:
                    raise problem
                yield body

    def _transact(self, wanted: Iterable[tuple[int, int, bytes]]) -> None:
        sent = [netlink.bracket(_BATCH_BEGIN, next(self._serial), _NFTABLES)]
        for kind, flags, body in wanted:
            sent.append(netlink.message(_NFTABLES, kind, body, flags=flags, serial=next(self._serial)))
        sent.append(netlink.bracket(_BATCH_END, next(self._serial), _NFTABLES))
        self._socket.send(b"".join(sent))
        # Of a refused transaction every refused message is answered, of another nothing is.
        problems = []
        try:
            while True:
                found = messages(self._socket.recv(1 << 16))
                problems += [netlink.failure(body) for kind, body in found if kind == netlink.ERROR]
        except BlockingIOError:
            pass
        for problem in filter(None, problems):
            raise problem


MOST_FLOWS = 65_536
"""How many flows one set counts at once."""


def _element(parts: dict[int, bytes]) -> tuple[Flow, Counted]:
    key = dict(attributes(parts[1]))[1]
    addresses = [str(ipaddress.IPv4Address(key[i : i + 4])) for i in (0, 4)]
    first, second = (struct.unpack_from(">H", key, i)[0] for i in (12, 16))
    counter = dict(attributes(dict(attributes(parts[7]))[2]))
    octets, packets = (struct.unpack(">Q", counter[i])[0] for i in (1, 2))
    return Flow(addresses[0], addresses[1], key[8], first, second, key[20]), Counted(packets, octets)
