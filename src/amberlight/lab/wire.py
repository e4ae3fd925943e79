"""Security groups as rules of the packet filter: which packets an instance's interface lets in and out, and what is counted.

A connection is *tracked* at an interface, so that its replies pass whatever the rules say and it outlives the rule that let
it begin, unless a rule for all addresses let it begin and a rule of the other direction lets all of its replies pass. An
untracked one ends with its rule. A tracked one that comes under such rules becomes untracked.

References:
    "Security group connection tracking", "Untracked connections", EC2 User Guide, 2026-11.
    "Security groups for your VPC": what they do not filter (instance metadata among it), VPC User Guide, 2026-11.
    "AWS Security Incident Response Guide", source containment: tracked into untracked connections, 2026-11.
"""

from __future__ import annotations

import dataclasses
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from amberlight.lab import nftables as nft

ICMP, TCP, UDP = 1, 6, 17
ANYWHERE = "0.0.0.0/0"
ALL_PORTS = (0, 65535)
_OTHER = -1
COPY = 77
"""The packet log's group for mirrored packets, and the mark of the packets that carry them."""
_BEGAN, _ANSWERED = 1, 2
"""Marks of connections: the interface that began the connection tracks it; the one that answered does."""


@dataclasses.dataclass(frozen=True)
class Rule:
    """What a rule of a group lets pass: IPv4 to or from one network."""

    network: str
    protocol: int | None = None
    """None: every protocol."""
    first: int = 0
    """The lowest destination port, or the type of ICMP; -1 for every type."""
    last: int = 65535
    """The highest destination port, or the code of ICMP; -1 for every code."""
    tracked: bool = False
    """Always, however wide the rules are."""


@dataclasses.dataclass(frozen=True)
class Interface:
    """One wire: an instance's address, what its groups let pass, whether its flows are to be counted."""

    address: str
    name: str = ""
    """The interface's id."""
    ingress: Sequence[Rule] = ()
    egress: Sequence[Rule] = ()
    counted: bool = False
    mirrored: bool = False
    hops: int = 64
    """How many hops the metadata service's answers may go."""


def chains(interfaces: Mapping[int, Interface], metadata: str) -> dict[str, list[nft.Rule]]:
    """All rules of the filter.

    Args:
        interfaces: By running number of the instance.
        metadata: The address of the metadata service, which no group cuts off.
    """
    made: dict[str, list[nft.Rule]] = {name: [] for name in HOOKED}
    made["input"] = [[*nft.destination(f"{metadata}/32"), *nft.accept()]]
    answer = nft.source(f"{metadata}/32")
    made["output"] = [
        [*answer, *nft.destination(f"{each.address}/32"), *nft.hops(each.hops), *nft.accept()]
        for each in interfaces.values()
    ]
    made["output"].append([*answer, *nft.accept()])
    for number, each in interfaces.items():
        leaves: nft.Rule = [*nft.source(f"{each.address}/32"), *nft.jump(f"egress-{number}")]
        made["forward"].append(leaves)
        made["input"].append(leaves)
    for number, each in interfaces.items():
        arrives: nft.Rule = [*nft.destination(f"{each.address}/32"), *nft.jump(f"ingress-{number}")]
        made["forward"].append(arrives)
        made["output"].append(arrives)
        made.update(_of(f"egress-{number}", each, _BEGAN, _ANSWERED))
        made.update(_of(f"ingress-{number}", each, _ANSWERED, _BEGAN))
    return made


class Wires:
    """The filter of one lab's network, and what its wires let pass now."""

    def __init__(self, connect: Callable[[], socket.socket], metadata: str) -> None:
        self._connect = connect
        self._filter = self.filter()
        self._metadata = metadata
        self._now: Mapping[int, Interface] | None = None
        self.counts: Callable[[tuple[str, str], Mapping[str, Any]], bool] = lambda *_: False
        """Whether the flows of an interface of EC2 are wanted, by its account and Region."""
        self.mirrors: Callable[[str], bool] = lambda _: False
        """Whether copies of its packets are wanted, by its id."""
        self.hops: Callable[[Mapping[str, Any]], int] = lambda _: 64
        """How far the metadata service's answers to an instance may go."""

    def filter(self) -> nft.Filter:
        """The filter, for another thread than the one that changes it."""
        return nft.Filter(self._connect(), "lab")

    def apply(self, interfaces: Mapping[int, Interface]) -> None:
        """Let pass what *interfaces* say, from the next packet on.

        Raises:
            OSError: The kernel refused; what was before holds on.
        """
        if interfaces == self._now:
            return
        before = self._now or {}
        sets: dict[str, bool] = {}
        for number, each in interfaces.items():
            known = number in before and before[number].counted and before[number].name == each.name
            if each.counted:
                sets.update(dict.fromkeys(counters(number).values(), not known))
        self._filter.replace(HOOKED, chains(interfaces, self._metadata), sets)
        self._now = dict(interfaces)

    def counted(self) -> dict[int, Interface]:
        """The wires whose flows are counted now; may be asked from any thread."""
        return {number: each for number, each in (self._now or {}).items() if each.counted}


HOOKED = {"forward": nft.FORWARD, "input": nft.INPUT, "output": nft.OUTPUT}


def counters(number: int) -> dict[tuple[str, str], str]:
    """The names of an interface's sets, by `ingress` or `egress` and by `ACCEPT` or `REJECT`."""
    verdicts = {"ACCEPT": "yes", "REJECT": "no"}
    return {
        (way, action): f"{way}-{number}-{suffix}"
        for way in ("ingress", "egress")
        for action, suffix in verdicts.items()
    }


def _of(chain: str, interface: Interface, begins: int, answers: int) -> dict[str, list[nft.Rule]]:
    """The chains of one direction, with the marks of connections that begin in it and of those that end in it."""
    rules, back = interface.ingress, interface.egress
    if chain.startswith("egress"):
        rules, back = back, rules
    yes: nft.Rule = nft.goto(f"{chain}-yes")
    made: list[nft.Rule] = [
        [*nft.direction(nft.REPLY), *nft.marked(answers), *yes],
        [*nft.state(nft.RELATED), *nft.marked(begins | answers), *yes],
    ]
    parts = sorted(((_tracked(rule, protocol, back), rule, protocol) for rule in rules for protocol in _parts(rule)),
                   key=lambda part: part[0])  # fmt: skip
    for tracked, rule, protocol in parts:
        begin = [*nft.direction(nft.ORIGINAL), *nft.state(nft.NEW | nft.ESTABLISHED)]
        made.append([*begin, *_match(chain, rule, protocol), *nft.mark(begins, on=tracked), *yes])
    made.append([*nft.direction(nft.ORIGINAL), *nft.marked(begins), *yes])
    made += [[*_match(chain, rule, protocol), *yes] for _, rule, protocol in parts]
    made.append(nft.goto(f"{chain}-no"))
    return {
        chain: made,
        f"{chain}-yes": _noting(f"{chain}-yes", nft.back(), interface, mirrored=interface.mirrored),
        f"{chain}-no": _noting(f"{chain}-no", nft.drop(), interface),
    }


def _parts(rule: Rule) -> Iterable[int | None]:
    """A rule for everything treats TCP and UDP in another way than the rest, which is always tracked."""
    return (TCP, UDP, _OTHER) if rule.protocol is None else (rule.protocol,)


def _tracked(rule: Rule, protocol: int | None, back: Sequence[Rule]) -> bool:
    if rule.tracked or rule.network != ANYWHERE or protocol not in (TCP, UDP):
        return True
    return not any(
        each.network == ANYWHERE and each.protocol in (None, protocol) and (each.first, each.last) == ALL_PORTS
        for each in back
    )


def _match(chain: str, rule: Rule, protocol: int | None) -> list[nft.Expression]:
    address = nft.source if chain.startswith("ingress") else nft.destination
    found = list(address(rule.network))
    if protocol is None or protocol == _OTHER:
        return found
    found += nft.protocol(protocol)
    if protocol in (TCP, UDP) and (rule.first, rule.last) != ALL_PORTS:
        found += nft.ports(rule.first, rule.last)
    if protocol == ICMP and rule.first >= 0 and rule.protocol is not None:
        found += nft.icmp(0, rule.first)
        found += nft.icmp(1, rule.last) if rule.last >= 0 else []
    return found


def _noting(
    name: str, verdict: list[nft.Expression], interface: Interface, *, mirrored: bool = False
) -> list[nft.Rule]:  # fmt: skip
    """Count and copy a packet whose fate is decided; copies themselves are neither counted nor copied again."""
    made: list[nft.Rule] = [[*nft.stamped(COPY), *verdict]]
    if mirrored:
        # From: "Traffic Mirroring considerations": what a group drops is not mirrored.
        made.append(nft.copy(COPY, f"{interface.name}/{name.partition('-')[0]}"))
    if interface.counted:
        made += [
            [*nft.protocol(TCP), *nft.count(name, with_ports=True, with_flags=True), *verdict],
            [*nft.protocol(UDP), *nft.count(name, with_ports=True), *verdict],
            [*nft.count(name, with_ports=False), *verdict],
        ]
    return [*made, verdict]
