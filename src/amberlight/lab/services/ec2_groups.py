"""EC2: security groups that cut the wire.

After every call of EC2 the packet filter is as the groups say. Rules for IPv6 let nothing pass, since hosts have no IPv6;
prefix lists in rules are refused. The lab's endpoint stands for AWS's own, which speak on port 443: a rule that lets 443 out to
the cloud's router lets the endpoint's port out to it.

References:
    AuthorizeSecurityGroupIngress, RevokeSecurityGroupIngress, DeleteSecurityGroup, ModifyNetworkInterfaceAttribute,
    "Error codes", EC2 API Reference, 2026-11.
    "Security group rules", EC2 User Guide, 2026-11: every CIDR block and every group is a rule of its own.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from amberlight.lab import hooks
from amberlight.lab.network import CLOUD
from amberlight.lab.wire import ALL_PORTS, ICMP, TCP, UDP, Interface, Rule, Wires
from amberlight.lab.world import World

AFTER = ("ec2", "ec2_attributes")
REAL = {
    "ec2.AuthorizeSecurityGroupEgress": "packets pass from then on",
    "ec2.AuthorizeSecurityGroupIngress": "packets pass from then on",
    "ec2.CreateSecurityGroup": "its rules are those of its members' wires",
    "ec2.ModifyInstanceAttribute": "the groups of the host's wire, and protection against termination",
    "ec2.ModifyNetworkInterfaceAttribute": "the groups of the host's wire",
    "ec2.RevokeSecurityGroupEgress": "packets are dropped from then on, except those of tracked connections",
    "ec2.RevokeSecurityGroupIngress": "packets are dropped from then on, except those of tracked connections",
}

_NUMBERS = {"tcp": TCP, "udp": UDP, "icmp": ICMP}
_SOURCES = ("IpRanges", "Ipv6Ranges", "UserIdGroupPairs")
_WIRE_NAMES = {"IpRanges": "IpRanges", "Ipv6Ranges": "Ipv6Ranges", "UserIdGroupPairs": "Groups"}
_HTTPS = 443


def install(world: World) -> None:
    """Put the groups in charge of the wires."""
    ec2 = hooks.service("ec2")
    for action, egress, revoke in (
        ("AuthorizeSecurityGroupIngress", False, False),
        ("AuthorizeSecurityGroupEgress", True, False),
        ("RevokeSecurityGroupIngress", False, True),
        ("RevokeSecurityGroupEgress", True, True),
    ):
        old = ec2._ACTION_MAP[action]
        ec2._ACTION_MAP[action] = _changer(old, "IpPermissionsEgress" if egress else "IpPermissions", revoke=revoke)
    _install_launch()
    ec2._ACTION_MAP["DeleteSecurityGroup"] = _deleter(ec2._ACTION_MAP["DeleteSecurityGroup"])
    ec2._ACTION_MAP["ModifyNetworkInterfaceAttribute"] = _modify_interface
    if world.network.wires is not None:
        _keep(world, world.network.wires)


def _install_launch() -> None:
    """RunInstances: groups may be named by id, by name, or of the interface; each has to be there."""
    ec2 = hooks.service("ec2")

    def run(params: dict[str, Any]) -> Any:
        wanted = [*ec2._parse_member_list(params, "SecurityGroupId"),
                  *ec2._parse_member_list(params, "NetworkInterface.1.SecurityGroupId"),
                  *(_known({"GroupName": name})["GroupId"] for name in ec2._parse_member_list(params, "SecurityGroup"))]  # fmt: skip
        if missing := [group for group in wanted if ec2._security_groups.get(group) is None]:
            said = f"The security group '{ec2._esc(missing[0])}' does not exist"
            return ec2._error("InvalidGroup.NotFound", said, 400)
        return old({**params, **{f"SecurityGroupId.{number}": [group] for number, group in enumerate(wanted, 1)}})

    old = hooks.replace("services.ec2", "_run_instances", run)


def _keep(world: World, wires: Wires) -> None:
    """Bring the filter up to the groups after each call, before it is answered, and ten times a second for the rest."""
    ec2 = hooks.service("ec2")

    def refresh() -> None:
        wires.apply(_interfaces(world, wires))

    old = ec2.handle_request

    async def handle(*args: Any) -> Any:
        answer = await old(*args)
        refresh()
        return answer

    ec2.handle_request = handle
    world.jobs.append(refresh)
    refresh()


def _interfaces(world: World, wires: Wires) -> dict[int, Interface]:
    """Every wire of the lab; where no instance is, nothing passes."""
    ec2, network = hooks.service("ec2"), world.network
    found = {number: Interface(network.instance_address(number)) for number in range(world.options.max_hosts)}
    members = _members()
    for (account, region, name), each in ec2._network_interfaces.all_items():
        host = world.hosts.get((each.get("Attachment") or {}).get("InstanceId", ""))
        if host is None:
            continue
        groups = [ec2._security_groups.get_scoped(account, region, group["GroupId"]) or {} for group in each["Groups"]]
        inward, outward = (
            tuple(rule for group in groups for rule in _rules(group.get(side, []), (account, region), members))
            for side in ("IpPermissions", "IpPermissionsEgress")
        )
        port = urlsplit(host.environment["AWS_ENDPOINT_URL"]).port or 0
        outward += tuple(_to_endpoint(outward, port))
        found[host.number] = Interface(
            host.address,
            name,
            inward,
            outward,
            counted=wires.counts((account, region), each),
            mirrored=wires.mirrors(name),
            hops=wires.hops(ec2._instances.get_scoped(account, region, host.instance_id) or {}),
        )
    return found


Place = tuple[str, str]
Members = Mapping[tuple[Place, str], list[str]]


def _members() -> Members:
    """The addresses of each group's interfaces."""
    found: dict[tuple[Place, str], list[str]] = {}
    for (account, region, _), each in hooks.service("ec2")._network_interfaces.all_items():
        for group in each["Groups"]:
            found.setdefault(((account, region), group["GroupId"]), []).append(each["PrivateIpAddress"])
    return found


def _rules(permissions: list[dict[str, Any]], place: Place, members: Members) -> Iterator[Rule]:
    for each in permissions:
        networks = [entry["CidrIp"] for entry in each.get("IpRanges", [])]
        for pair in each.get("UserIdGroupPairs", []):
            networks += [f"{address}/32" for address in members.get((place, pair.get("GroupId", "")), [])]
        name = str(each["IpProtocol"]).lower()
        protocol = None if name == "-1" else _NUMBERS.get(name) or (int(name) if name.isdigit() else -1)
        first, last = int(each.get("FromPort", -1)), int(each.get("ToPort", -1))
        if protocol in (TCP, UDP) and first < 0:
            first, last = ALL_PORTS
        for network in networks if protocol != -1 else []:
            yield Rule(network, protocol, *((first, last) if protocol in _NUMBERS.values() else ALL_PORTS))


def _to_endpoint(outward: tuple[Rule, ...], port: int) -> Iterator[Rule]:
    for rule in outward:
        reached = ipaddress.ip_address(CLOUD) in ipaddress.ip_network(rule.network, strict=False)
        if rule.protocol == TCP and rule.first <= _HTTPS <= rule.last and reached:
            # Connections to AWS's endpoints within a VPC are tracked always. From: "Automatically tracked connections".
            yield Rule(f"{CLOUD}/32", TCP, port, port, tracked=True)


def _changer(old: Callable[..., Any], side: str, *, revoke: bool) -> Callable[..., Any]:
    """Authorize or revoke: every source is a rule of its own, and what cannot be done is refused."""

    def change(params: dict[str, Any]) -> Any:
        ec2 = hooks.service("ec2")
        group = ec2._security_groups.get(ec2._p(params, "GroupId"))
        if group is None or ec2._p(params, "SecurityGroupRuleId.1"):
            return old(params)
        if any(".PrefixListIds." in name for name in params):
            return ec2._error("UnsupportedOperation", "The lab has no prefix lists in rules of security groups.", 400)
        wanted = [one for each in ec2._parse_ip_permissions(params, "IpPermissions") for one in _single(each)]
        problem = _problem(wanted, group, side, revoke=revoke)
        if problem is not None:
            return ec2._error(problem[0], ec2._esc(problem[1]), 400)
        kept = {
            name: value for name, value in params.items() if name.startswith(("Group", "TagSpecification", "Action"))
        }
        return old({**kept, **_flat(wanted)})

    return change


def _single(permission: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A permission as rules with one source each."""
    bare = {**permission, **{kind: [] for kind in _SOURCES}}
    for kind in _SOURCES:
        for source in permission[kind]:
            yield {**bare, kind: [_known(source)]}


def _known(source: dict[str, Any]) -> dict[str, Any]:
    """A source with the id of its group, which may have been named."""
    if "GroupName" not in source:
        return source
    groups = hooks.service("ec2")._security_groups.values()
    found = [group["GroupId"] for group in groups if group["GroupName"] == source["GroupName"]]
    rest = {name: value for name, value in source.items() if name != "GroupName"}
    return {"GroupId": found[0] if found else source["GroupName"], **rest}


def _problem(
    wanted: list[dict[str, Any]], group: dict[str, Any], side: str, *, revoke: bool
) -> tuple[str, str] | None:  # fmt: skip
    if not wanted:
        return "MissingParameter", "The request must contain the parameter ipPermissions"
    for each in wanted:
        if found := _bad_source(each):
            return found
        known = any(hooks.service("ec2")._rules_match(each, rule) for rule in group[side])
        if revoke and not known:
            return "InvalidPermission.NotFound", "The specified rule does not exist in this security group."
        if known and not revoke:
            return "InvalidPermission.Duplicate", f"the specified rule already exists in group {group['GroupId']}"
    return None


def _bad_source(rule: dict[str, Any]) -> tuple[str, str] | None:
    for cidr in (source["CidrIp"] for source in rule["IpRanges"]):
        if not _is_network(cidr):
            return "InvalidParameterValue", f"CIDR block {cidr} is malformed"
    for other in (source["GroupId"] for source in rule["UserIdGroupPairs"]):
        if hooks.service("ec2")._security_groups.get(other) is None:
            return "InvalidGroup.NotFound", f"The security group '{other}' does not exist"
    return None


def _is_network(cidr: str) -> bool:
    try:
        ipaddress.IPv4Network(cidr, strict=False)
    except ValueError:
        return False
    return "/" in cidr


def _flat(wanted: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Rules as a request has them."""
    made: dict[str, list[str]] = {}
    for number, each in enumerate(wanted, 1):
        prefix = f"IpPermissions.{number}."
        made.update(
            {f"{prefix}{name}": [str(each[name])] for name in ("IpProtocol", "FromPort", "ToPort") if name in each}
        )
        for kind in _SOURCES:
            for source in each[kind]:
                made.update({f"{prefix}{_WIRE_NAMES[kind]}.1.{name}": [value] for name, value in source.items()})
    return made


def _deleter(old: Callable[..., Any]) -> Callable[..., Any]:
    def delete(params: dict[str, Any]) -> Any:
        ec2 = hooks.service("ec2")
        ident = ec2._p(params, "GroupId")
        used = any(group["GroupId"] == ident for each in ec2._network_interfaces.values() for group in each["Groups"])
        named = any(
            pair.get("GroupId") == ident
            for group in ec2._security_groups.values() if group["GroupId"] != ident
            for side in ("IpPermissions", "IpPermissionsEgress")
            for rule in group[side] for pair in rule.get("UserIdGroupPairs", [])
        )  # fmt: skip
        if used or named:
            return ec2._error("DependencyViolation", f"resource {ec2._esc(ident)} has a dependent object", 400)
        return old(params)

    return delete


def _modify_interface(params: dict[str, Any]) -> Any:
    """ModifyNetworkInterfaceAttribute: groups and description; an interface lets nobody else's packets through it."""
    ec2 = hooks.service("ec2")
    ident = ec2._p(params, "NetworkInterfaceId")
    interface = ec2._network_interfaces.get(ident)
    if interface is None:
        said = f"The networkInterface ID '{ec2._esc(ident)}' does not exist"
        return ec2._error("InvalidNetworkInterfaceID.NotFound", said, 400)
    if strange := [
        name for name in params if name.startswith(("SourceDestCheck", "Attachment", "EnaSrd", "Connection"))
    ]:
        return ec2._error("UnsupportedOperation", f"The lab cannot change {ec2._esc(strange[0])} of an interface.", 400)
    groups = ec2._parse_member_list(params, "SecurityGroupId")
    if missing := [group for group in groups if ec2._security_groups.get(group) is None]:
        return ec2._error("InvalidGroup.NotFound", f"The security group '{ec2._esc(missing[0])}' does not exist", 400)
    if groups:
        interface["Groups"] = [
            {"GroupId": group, "GroupName": ec2._security_groups[group]["GroupName"]} for group in groups
        ]
        instance = ec2._instances.get((interface.get("Attachment") or {}).get("InstanceId", ""))
        if instance is not None:
            instance["SecurityGroups"] = interface["Groups"]
    interface["Description"] = ec2._p(params, "Description.Value", interface["Description"])
    return ec2._xml(200, "ModifyNetworkInterfaceAttributeResponse", "<return>true</return>")
