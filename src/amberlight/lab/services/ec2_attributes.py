"""EC2: what can be read of an instance and changed of it: attributes and network interfaces.

References:
    ModifyInstanceAttribute, DescribeInstanceAttribute, DescribeNetworkInterfaces, EC2 API Reference, 2026-11.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from amberlight.lab import hooks
from amberlight.lab.world import World


def install(_: World) -> None:
    """Put the actions in place."""
    _install_attributes()
    _install_interfaces()
    _install_filters()


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


def _protection(instance: dict[str, Any]) -> str:
    value = "true" if instance.get("_disable_api_termination") else "false"
    return f"<disableApiTermination><value>{value}</value></disableApiTermination>"


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
    "disableApiTermination": _protection,
    "blockDeviceMapping": _block_devices,
}


def _modify(params: dict[str, Any]) -> Any:
    """ModifyInstanceAttribute: groups, termination protection, user data of a stopped instance."""
    ec2 = hooks.service("ec2")
    instance_id = ec2._p(params, "InstanceId")
    instance = ec2._instances.get(instance_id)
    if instance is None:
        return ec2._error("InvalidInstanceID.NotFound", f"The instance ID '{instance_id}' does not exist", 400)
    groups = ec2._parse_member_list(params, "GroupId")
    for missing in [group for group in groups if ec2._security_groups.get(group) is None]:
        return ec2._error("InvalidGroup.NotFound", f"The security group '{missing}' does not exist", 400)
    if groups:
        named = [{"GroupId": g, "GroupName": ec2._security_groups[g]["GroupName"]} for g in groups]
        instance["SecurityGroups"] = named
        for interface in ec2._network_interfaces.values():
            if (interface.get("Attachment") or {}).get("InstanceId") == instance_id:
                interface["Groups"] = named
    protection = ec2._p(params, "DisableApiTermination.Value", "")
    if protection:
        instance["_disable_api_termination"] = protection.lower() == "true"
    return _modify_user_data(instance, params) or ec2._xml(
        200, "ModifyInstanceAttributeResponse", "<return>true</return>"
    )


def _modify_user_data(instance: dict[str, Any], params: dict[str, Any]) -> Any:
    ec2 = hooks.service("ec2")
    text = ec2._p(params, "UserData.Value", "") or ec2._p(params, "UserData", "")
    if not text:
        return None
    if instance["State"]["Name"] != "stopped":
        return ec2._error(
            "IncorrectInstanceState", f"The instance '{instance['InstanceId']}' is not in the 'stopped' state.", 400
        )
    instance["UserData"] = text
    return None


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
