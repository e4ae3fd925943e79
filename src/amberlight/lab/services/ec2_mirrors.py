"""VPC Traffic Mirroring: targets, filters with their rules, and sessions that copy real packets; see `mirror.py`.

Targets are network interfaces of hosts; load balancers and endpoints are refused. Sessions need hosts with namespaces.

References:
    CreateTrafficMirrorTarget, CreateTrafficMirrorFilter, CreateTrafficMirrorFilterRule, CreateTrafficMirrorSession and their
    neighbours, "Error codes", EC2 API Reference, 2026-11.
    "Traffic Mirroring quotas", VPC User Guide, 2026-11: 3 sessions a source, 10 rules a filter.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from amberlight.lab import hooks
from amberlight.lab.mirror import FilterRule, Mirror, Session
from amberlight.lab.network import NamespaceNetwork
from amberlight.lab.own import Refused, paged
from amberlight.lab.own_ec2 import Operation, matches, serve, tagged, tags_of
from amberlight.lab.packets import Log
from amberlight.lab.wire import COPY
from amberlight.lab.world import World

AFTER = ("ec2_groups",)
REAL = {
    "ec2.CreateTrafficMirrorFilterRule": "which packets are copied, from then on",
    "ec2.CreateTrafficMirrorSession": "the packets of the source's wire arrive at the target's, in VXLAN",
    "ec2.DeleteTrafficMirrorSession": "no packet is copied any more",
    "ec2.ModifyTrafficMirrorFilterRule": "which packets are copied, from then on",
    "ec2.ModifyTrafficMirrorSession": "what is copied, and where to, from then on",
}

Item = dict[str, Any]
_LETTERS = {"Target": "tmt", "Filter": "tmf", "FilterRule": "tmfr", "Session": "tms"}
_MOST_SESSIONS, _MOST_RULES, _MOST_NUMBER, _MOST_NETWORK = 3, 10, 32766, 0xFFFFFF
_RULE = ("TrafficDirection", "RuleNumber", "RuleAction", "DestinationPortRange", "SourcePortRange", "Protocol",
         "DestinationCidrBlock", "SourceCidrBlock", "Description")  # fmt: skip
_SESSION = ("TrafficMirrorTargetId", "TrafficMirrorFilterId", "PacketLength", "SessionNumber", "VirtualNetworkId",
            "Description")  # fmt: skip
_REMOVED = {"destination-port-range": "DestinationPortRange", "source-port-range": "SourcePortRange",
            "protocol": "Protocol", "description": "Description", "packet-length": "PacketLength",
            "virtual-network-id": "VirtualNetworkId"}  # fmt: skip
_FILTERS = {
    "Target": {"description": "Description", "network-interface-id": "NetworkInterfaceId", "owner-id": "OwnerId",
               "traffic-mirror-target-id": "TrafficMirrorTargetId"},
    "Filter": {"description": "Description", "traffic-mirror-filter-id": "TrafficMirrorFilterId"},
    "FilterRule": {"traffic-mirror-filter-rule-id": "TrafficMirrorFilterRuleId", "rule-number": "RuleNumber",
                   "traffic-mirror-filter-id": "TrafficMirrorFilterId", "rule-action": "RuleAction",
                   "traffic-direction": "TrafficDirection", "protocol": "Protocol", "description": "Description",
                   "source-cidr-block": "SourceCidrBlock", "destination-cidr-block": "DestinationCidrBlock"},
    "Session": {"description": "Description", "network-interface-id": "NetworkInterfaceId", "owner-id": "OwnerId",
                "packet-length": "PacketLength", "session-number": "SessionNumber",
                "traffic-mirror-filter-id": "TrafficMirrorFilterId", "virtual-network-id": "VirtualNetworkId",
                "traffic-mirror-session-id": "TrafficMirrorSessionId",
                "traffic-mirror-target-id": "TrafficMirrorTargetId"},
}  # fmt: skip


class Mirrors:
    """All of a lab, by kind and id."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._all: dict[str, dict[str, Item]] = {kind: {} for kind in _LETTERS}
        self._places: dict[str, tuple[str, str]] = {}
        self._mirror: Mirror | None = None
        if world.network.wires is not None:
            world.network.wires.mirrors = self._copied

    def _copied(self, interface: str) -> bool:
        return any(session["NetworkInterfaceId"] == interface for session in self._all["Session"].values())

    def _mine(self, kind: str) -> dict[str, Item]:
        here = (hooks.current_account(), hooks.current_region())
        return {ident: item for ident, item in self._all[kind].items() if self._places[ident] == here}

    def _get(self, kind: str, ident: str) -> Item:
        found = self._mine(kind).get(ident)
        if found is None:
            raise Refused(f"InvalidTrafficMirror{kind}Id.NotFound", f"The traffic mirror ID '{ident}' does not exist")
        return found

    def _new(self, kind: str, asked: Mapping[str, Any], item: Item) -> dict[str, Any]:
        ident = f"{_LETTERS[kind]}-{secrets.token_hex(9)[:17]}"
        made = {f"TrafficMirror{kind}Id": ident, **{name: value for name, value in item.items() if value is not None}}
        self._all[kind][ident] = made
        self._places[ident] = hooks.current_account(), hooks.current_region()
        dashed = "-".join(("traffic-mirror", *{"FilterRule": ("filter", "rule")}.get(kind, (kind.lower(),))))
        tagged(asked, dashed, ident)
        self.refresh()
        return {f"TrafficMirror{kind}": self._shown(kind, made), "ClientToken": asked.get("ClientToken")}

    def _shown(self, kind: str, item: Item) -> Item:
        ident = item[f"TrafficMirror{kind}Id"]
        if kind != "Filter":
            return {**item, "Tags": tags_of(ident)}
        rules = [self._shown("FilterRule", each) for each in self._rules(ident)]
        return {
            **item, "Tags": tags_of(ident),
            "IngressFilterRules": [each for each in rules if each["TrafficDirection"] == "ingress"],
            "EgressFilterRules": [each for each in rules if each["TrafficDirection"] == "egress"],
        }  # fmt: skip

    def _rules(self, ident: str) -> list[Item]:
        found = [each for each in self._all["FilterRule"].values() if each["TrafficMirrorFilterId"] == ident]
        return sorted(found, key=lambda each: int(each["RuleNumber"]))

    def describe(self, kind: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """One of the Describe operations."""
        plural, mine = f"TrafficMirror{kind}s", self._mine(kind)
        wanted = asked.get(f"TrafficMirror{kind}Ids") or []
        shown = [self._shown(kind, self._get(kind, ident)) for ident in wanted or mine]
        within = asked.get("TrafficMirrorFilterId")
        found = [
            each for each in shown
            if matches(each, asked.get("Filters"), _FILTERS[kind], each[f"TrafficMirror{kind}Id"])
            and within in (None, each.get("TrafficMirrorFilterId"))
        ]  # fmt: skip
        page, following = paged(
            found, asked.get("NextToken"), asked.get("MaxResults"), most=1000, code="InvalidNextToken"
        )
        return {plural: page, "NextToken": following}

    def delete(self, kind: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """One of the Delete operations."""
        name = f"TrafficMirror{kind}Id"
        ident = asked[name]
        self._get(kind, ident)
        if kind in ("Target", "Filter") and any(each[name] == ident for each in self._all["Session"].values()):
            raise Refused(f"TrafficMirror{kind}InUse", f"The traffic mirror {kind.lower()} '{ident}' is in use")
        for rule in self._rules(ident):
            del self._all["FilterRule"][rule["TrafficMirrorFilterRuleId"]]
        del self._all[kind][ident]
        self.refresh()
        return {name: ident}

    def create_target(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """CreateTrafficMirrorTarget."""
        interface = asked.get("NetworkInterfaceId")
        if not interface:
            raise Refused("UnsupportedOperation", "The lab mirrors to network interfaces only.")
        _interface(interface)
        if self._copied(interface):
            raise Refused(
                "InvalidParameterValue", f"'{interface}' is the source of a session and cannot be a target too"
            )
        return self._new("Target", asked, {
            "NetworkInterfaceId": interface, "Type": "network-interface", "Description": asked.get("Description"),
            "OwnerId": hooks.current_account(),
        })  # fmt: skip

    def create_filter(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """CreateTrafficMirrorFilter."""
        return self._new("Filter", asked, {"Description": asked.get("Description")})

    def create_rule(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """CreateTrafficMirrorFilterRule."""
        ident = asked["TrafficMirrorFilterId"]
        self._get("Filter", ident)
        if len(self._rules(ident)) >= _MOST_RULES:
            raise Refused("TrafficMirrorFilterRulesLimitExceeded", "A filter has at most 10 rules")
        item = {"TrafficMirrorFilterId": ident, **{name: asked.get(name) for name in _RULE}}
        self._check_rule(item)
        return self._new("FilterRule", asked, item)

    def _check_rule(self, item: Item) -> None:
        for name in ("SourceCidrBlock", "DestinationCidrBlock"):
            try:
                ipaddress.IPv4Network(item.get(name) or "", strict=False)
            except ValueError as error:
                raise Refused("InvalidParameterValue", f"{name} is no IPv4 CIDR block") from error
        if item["TrafficDirection"] not in ("ingress", "egress") or item["RuleAction"] not in ("accept", "reject"):
            raise Refused("InvalidParameterValue", "TrafficDirection or RuleAction is invalid")
        for other in self._rules(item["TrafficMirrorFilterId"]):
            same = all(other[name] == item[name] for name in ("TrafficDirection", "RuleNumber"))
            if same and other.get("TrafficMirrorFilterRuleId") != item.get("TrafficMirrorFilterRuleId"):
                raise Refused("InvalidParameterValue", f"Rule number {item['RuleNumber']} is in use")

    def create_session(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """CreateTrafficMirrorSession."""
        self._open()
        source = asked["NetworkInterfaceId"]
        _interface(source)
        item = {"NetworkInterfaceId": source, "OwnerId": hooks.current_account(), **{n: asked.get(n) for n in _SESSION}}
        if item["VirtualNetworkId"] is None:
            item["VirtualNetworkId"] = 1 + secrets.randbelow(_MOST_NETWORK)
        others = [each for each in self._all["Session"].values() if each["NetworkInterfaceId"] == source]
        if len(others) >= _MOST_SESSIONS:
            raise Refused("TrafficMirrorSessionsPerInterfaceLimitExceeded", "A source has at most 3 sessions")
        self._check_session(item)
        return self._new("Session", asked, item)

    def _check_session(self, item: Item) -> None:
        target = self._get("Target", item["TrafficMirrorTargetId"])
        self._get("Filter", item["TrafficMirrorFilterId"])
        targets = {each["NetworkInterfaceId"] for each in self._all["Target"].values()}
        if item["NetworkInterfaceId"] in targets | {target["NetworkInterfaceId"]}:
            raise Refused("InvalidParameterValue", "An interface cannot be source and target of mirroring")
        if not 1 <= int(item["SessionNumber"]) <= _MOST_NUMBER:
            raise Refused("InvalidParameterValue", "SessionNumber must be between 1 and 32766")
        if not 0 <= int(item["VirtualNetworkId"]) <= _MOST_NETWORK or int(item.get("PacketLength") or 1) < 1:
            raise Refused("InvalidParameterValue", "VirtualNetworkId or PacketLength is out of range")
        for other in self._all["Session"].values():
            same = all(other[name] == item[name] for name in ("NetworkInterfaceId", "SessionNumber"))
            if same and other["TrafficMirrorSessionId"] != item.get("TrafficMirrorSessionId"):
                raise Refused("InvalidParameterValue", f"Session number {item['SessionNumber']} is in use")

    def modify(self, kind: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """ModifyTrafficMirrorFilterRule and ModifyTrafficMirrorSession."""
        names, check = (_RULE, self._check_rule) if kind == "FilterRule" else (_SESSION, self._check_session)
        ident = asked[f"TrafficMirror{kind}Id"]
        gone = {_REMOVED.get(name) for name in asked.get("RemoveFields") or []}
        kept = {name: value for name, value in self._get(kind, ident).items() if name not in gone}
        changed = {**kept, **{name: asked[name] for name in names if asked.get(name) is not None}}
        if kind == "Session" and "VirtualNetworkId" not in changed:
            changed["VirtualNetworkId"] = 1 + secrets.randbelow(_MOST_NETWORK)
        check(changed)
        self._all[kind][ident] = changed
        self.refresh()
        return {f"TrafficMirror{kind}": self._shown(kind, changed)}

    def _open(self) -> None:
        """Begin to listen for copies, at the first session."""
        network = self._world.network
        if self._mirror is not None:
            return
        if not isinstance(network, NamespaceNetwork) or network.wires is None:
            raise Refused("UnsupportedOperation", "The lab cannot copy packets in this run; see its limits.")
        try:
            self._mirror = Mirror(Log(network.copies(), COPY), network.sender(COPY))
        except OSError as error:
            said = f"The lab cannot copy packets: the kernel refused ({error})."
            raise Refused("UnsupportedOperation", said) from error

    def refresh(self) -> None:
        """Tell the copier what is to be copied now; a session ends with its source."""
        known = {name: each for (_, _, name), each in hooks.service("ec2")._network_interfaces.all_items()}
        for ident, session in list(self._all["Session"].items()):
            if session["NetworkInterfaceId"] not in known:
                del self._all["Session"][ident]
        if self._mirror is None:
            return
        found: dict[str, list[Session]] = {}
        for session in sorted(self._all["Session"].values(), key=lambda each: int(each["SessionNumber"])):
            target = known.get(self._all["Target"][session["TrafficMirrorTargetId"]]["NetworkInterfaceId"])
            if target is not None:
                source = session["NetworkInterfaceId"]
                found.setdefault(source, []).append(self._session(session, known[source], target))
        self._mirror.sessions = found

    def _session(self, item: Item, source: Mapping[str, Any], target: Mapping[str, Any]) -> Session:
        rules = self._rules(item["TrafficMirrorFilterId"])
        return Session(
            source["PrivateIpAddress"], target["PrivateIpAddress"], int(item["VirtualNetworkId"]), item.get("PacketLength"),
            {way: tuple(_rule(each) for each in rules if each["TrafficDirection"] == way) for way in ("ingress", "egress")},
        )  # fmt: skip


def _rule(item: Item) -> FilterRule:
    def ports(name: str) -> tuple[int, int] | None:
        found = item.get(name)
        return (int(found["FromPort"]), int(found["ToPort"])) if found else None

    return FilterRule(
        item["RuleAction"] == "accept", item["SourceCidrBlock"], item["DestinationCidrBlock"],
        item.get("Protocol"), ports("SourcePortRange"), ports("DestinationPortRange"),
    )  # fmt: skip


def _interface(ident: str) -> None:
    found = hooks.service("ec2")._network_interfaces.get(ident)
    if found is None or not found.get("Attachment"):
        raise Refused("InvalidNetworkInterfaceID.NotFound", f"The networkInterface ID '{ident}' does not exist")


def install(world: World) -> None:
    """Put the actions in place."""
    mirrors = Mirrors(world)
    made: dict[str, Operation] = {
        "CreateTrafficMirrorTarget": mirrors.create_target, "CreateTrafficMirrorFilter": mirrors.create_filter,
        "CreateTrafficMirrorFilterRule": mirrors.create_rule, "CreateTrafficMirrorSession": mirrors.create_session,
    }  # fmt: skip

    def on(work: Callable[[str, Mapping[str, Any]], dict[str, Any]], kind: str) -> Operation:
        return lambda asked: work(kind, asked)

    for kind in _LETTERS:
        made[f"DescribeTrafficMirror{kind}s"] = on(mirrors.describe, kind)
        made[f"DeleteTrafficMirror{kind}"] = on(mirrors.delete, kind)
    for kind in ("FilterRule", "Session"):
        made[f"ModifyTrafficMirror{kind}"] = on(mirrors.modify, kind)
    serve(made)
    world.jobs.append(mirrors.refresh)
