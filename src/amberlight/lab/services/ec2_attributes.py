"""EC2: what can be read of an instance and changed of it: attributes and network interfaces.

References:
    ModifyInstanceAttribute, DescribeInstanceAttribute, DescribeNetworkInterfaces, EC2 API Reference, 2026-11.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from amberlight.lab import hooks
from amberlight.lab.world import World

AFTER = ("ec2",)


def install(_: World) -> None:
    """Put the actions in place."""
    _install_attributes()
    _install_interfaces()
    _install_filters()
    _install_protection()


def _install_interfaces() -> None:
    ec2 = hooks.service("ec2")

    def describe(params: dict[str, Any]) -> Any:
        wanted, filters = ec2._parse_member_list(params, "NetworkInterfaceId"), ec2._parse_filters(params)
        known = {each["NetworkInterfaceId"] for each in ec2._network_interfaces.values()}
        for missing in [name for name in wanted if name not in known]:
            return ec2._error(
                "InvalidNetworkInterfaceID.NotFound", f"The networkInterface ID '{missing}' does not exist", 400
            )
        items = "".join(
            ec2._eni_fields_xml(each)
            for each in ec2._network_interfaces.values()
            if (not wanted or each["NetworkInterfaceId"] in wanted) and _interface_matches(each, filters)
        )
        body = f"<networkInterfaceSet>{items}</networkInterfaceSet>"
        return ec2._xml(200, "DescribeNetworkInterfacesResponse", body)

    hooks.replace("services.ec2", "_describe_network_interfaces", describe)


def _interface_matches(interface: dict[str, Any], filters: dict[str, list[str]]) -> bool:
    attachment = interface.get("Attachment") or {}
    values = {
        "attachment.instance-id": [attachment.get("InstanceId", "")],
        "group-id": [group["GroupId"] for group in interface["Groups"]],
        "network-interface-id": [interface["NetworkInterfaceId"]],
        "owner-id": [interface["OwnerId"]],
        "private-ip-address": [interface["PrivateIpAddress"]],
        "addresses.private-ip-address": [interface["PrivateIpAddress"]],
        "status": [interface["Status"]],
        "subnet-id": [interface["SubnetId"]],
        "vpc-id": [interface["VpcId"]],
    }
    return all(set(wanted) & set(values.get(name, wanted)) for name, wanted in filters.items())


def _install_attributes() -> None:
    ec2 = hooks.service("ec2")

    def describe(params: dict[str, Any]) -> Any:
        instance = ec2._instances.get(ec2._p(params, "InstanceId"))
        attribute = ec2._p(params, "Attribute")
        if instance is None or attribute not in _ATTRIBUTES:
            return old(params)
        inner = f"<instanceId>{instance['InstanceId']}</instanceId>{_ATTRIBUTES[attribute](instance)}"
        return ec2._xml(200, "DescribeInstanceAttributeResponse", inner)

    old = hooks.replace("services.ec2", "_describe_instance_attribute", describe)
    ec2._ACTION_MAP["ModifyInstanceAttribute"] = _modify


def _user_data(instance: dict[str, Any]) -> str:
    text = instance.get("UserData") or ""
    return f"<userData><value>{text}</value></userData>" if text else "<userData/>"


def _protection(instance: dict[str, Any], name: str, member: str) -> str:
    value = "true" if instance.get(member) else "false"
    return f"<{name}><value>{value}</value></{name}>"


def _block_devices(instance: dict[str, Any]) -> str:
    items = "".join(
        f"<item><deviceName>{m['DeviceName']}</deviceName><ebs><volumeId>{m['Ebs']['VolumeId']}</volumeId>"
        f"<status>attached</status><attachTime>{m['Ebs']['AttachTime']}</attachTime>"
        f"<deleteOnTermination>{str(m['Ebs']['DeleteOnTermination']).lower()}</deleteOnTermination></ebs></item>"
        for m in instance["BlockDeviceMappings"]
    )
    return f"<blockDeviceMapping>{items}</blockDeviceMapping>"


_ATTRIBUTES: dict[str, Callable[[dict[str, Any]], str]] = {
    "userData": _user_data,
    "disableApiTermination": lambda instance: _protection(
        instance, "disableApiTermination", "_disable_api_termination"
    ),
    "disableApiStop": lambda instance: _protection(instance, "disableApiStop", "_disable_api_stop"),
    "blockDeviceMapping": _block_devices,
}


def _modify(params: dict[str, Any]) -> Any:
    """ModifyInstanceAttribute: groups, protections, and of a stopped instance type and user data."""
    ec2 = hooks.service("ec2")
    instance_id = ec2._p(params, "InstanceId")
    instance = ec2._instances.get(instance_id)
    if instance is None:
        return ec2._error("InvalidInstanceID.NotFound", f"The instance ID '{instance_id}' does not exist", 400)
    params = _spelled_out(params)
    if strange := [name for name in params if not name.startswith(_CHANGEABLE)]:
        return ec2._error("UnsupportedOperation", f"The lab cannot change {ec2._esc(strange[0])} of an instance.", 400)
    refused = _modify_stopped(instance, params) or _modify_groups(instance, params)
    if refused is not None:
        return refused
    for name, member in _PROTECTIONS.items():
        wanted = ec2._p(params, f"{name}.Value", "")
        if wanted:
            instance[member] = wanted.lower() == "true"
    return ec2._xml(200, "ModifyInstanceAttributeResponse", "<return>true</return>")


def _modify_groups(instance: dict[str, Any], params: dict[str, Any]) -> Any:
    ec2 = hooks.service("ec2")
    groups = ec2._parse_member_list(params, "GroupId")
    for missing in [group for group in groups if ec2._security_groups.get(group) is None]:
        return ec2._error("InvalidGroup.NotFound", f"The security group '{missing}' does not exist", 400)
    if groups:
        named = [{"GroupId": g, "GroupName": ec2._security_groups[g]["GroupName"]} for g in groups]
        instance["SecurityGroups"] = named
        for interface in ec2._network_interfaces.values():
            if (interface.get("Attachment") or {}).get("InstanceId") == instance["InstanceId"]:
                interface["Groups"] = named
    return None


_PROTECTIONS = {"DisableApiTermination": "_disable_api_termination", "DisableApiStop": "_disable_api_stop"}
_CHANGEABLE = ("Action", "Version", "InstanceId", "GroupId.", "UserData", "InstanceType.", *_PROTECTIONS)


def _spelled_out(params: dict[str, Any]) -> dict[str, Any]:
    """The request with the attribute by its own name, which callers may also put into `Attribute` and `Value`."""
    ec2 = hooks.service("ec2")
    attribute = ec2._p(params, "Attribute", "")
    rest = {name: value for name, value in params.items() if name not in ("Attribute", "Value")}
    name = attribute[:1].upper() + attribute[1:]
    return {**rest, f"{name}.Value": [ec2._p(params, "Value", "")]} if attribute else rest


def _modify_stopped(instance: dict[str, Any], params: dict[str, Any]) -> Any:
    ec2 = hooks.service("ec2")
    text = ec2._p(params, "UserData.Value", "") or ec2._p(params, "UserData", "")
    kind = ec2._p(params, "InstanceType.Value", "")
    if (text or kind) and instance["State"]["Name"] != "stopped":
        return ec2._error(
            "IncorrectInstanceState", f"The instance '{instance['InstanceId']}' is not in the 'stopped' state.", 400
        )
    instance["UserData"] = text or instance.get("UserData", "")
    instance["InstanceType"] = kind or instance["InstanceType"]
    return None


def _install_protection() -> None:
    """StopInstances heeds the protection against it."""
    ec2 = hooks.service("ec2")

    def stop(params: dict[str, Any]) -> Any:
        for instance_id in ec2._parse_member_list(params, "InstanceId"):
            if (ec2._instances.get(instance_id) or {}).get("_disable_api_stop"):
                return ec2._error(
                    "OperationNotPermitted", f"The instance '{instance_id}' may not be stopped. Modify its "
                    "'disableApiStop' instance attribute and try again.", 400,
                )  # fmt: skip
        return old(params)

    old = ec2._ACTION_MAP["StopInstances"]
    ec2._ACTION_MAP["StopInstances"] = stop


def _install_filters() -> None:
    """DescribeInstances: more filters than tags and states, and the interfaces of each instance."""
    ec2 = hooks.service("ec2")

    def matches(instance: dict[str, Any], filters: dict[str, list[str]]) -> bool:
        values = _filterable(instance)
        return bool(old_matches(instance, filters)) and all(
            set(wanted) & set(values.get(name, wanted)) for name, wanted in filters.items()
        )

    old_matches = hooks.replace("services.ec2", "_matches_filters", matches)

    def xml(instance: dict[str, Any]) -> str:
        body, end = str(old_xml(instance)).rstrip(), "</item>"
        interfaces = "".join(
            ec2._eni_fields_xml(each)
            for each in ec2._network_interfaces.values()
            if (each.get("Attachment") or {}).get("InstanceId") == instance["InstanceId"]
        )
        return f"{body.removesuffix(end)}<networkInterfaceSet>{interfaces}</networkInterfaceSet>{end}"

    old_xml = hooks.replace("services.ec2", "_instance_xml", xml)


def _filterable(instance: dict[str, Any]) -> dict[str, list[str]]:
    groups = instance["SecurityGroups"]
    profile = instance.get("IamInstanceProfile") or {}
    return {
        "instance-id": [instance["InstanceId"]],
        "group-id": [group["GroupId"] for group in groups],
        "instance.group-id": [group["GroupId"] for group in groups],
        "instance.group-name": [group["GroupName"] for group in groups],
        "private-ip-address": [instance["PrivateIpAddress"]],
        "ip-address": [instance["PublicIpAddress"]],
        "vpc-id": [instance["VpcId"]],
        "subnet-id": [instance["SubnetId"]],
        "image-id": [instance["ImageId"]],
        "instance-type": [instance["InstanceType"]],
        "iam-instance-profile.arn": [profile.get("Arn", "")],
        "block-device-mapping.volume-id": [m["Ebs"]["VolumeId"] for m in instance["BlockDeviceMappings"]],
    }
