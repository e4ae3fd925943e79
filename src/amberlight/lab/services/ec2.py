"""EC2: instances with bodies, several volumes, user data and an interface.

References:
    RunInstances, StopInstances, TerminateInstances, EC2 API Reference, 2026-11.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from amberlight.lab import hooks
from amberlight.lab.hosts import Hosts
from amberlight.lab.network import hardware_address
from amberlight.lab.recorded import host_of
from amberlight.lab.world import World

_CIDR, _SUBNET = "10.77.0.0/16", "10.77.0.0/24"


def install(world: World) -> None:
    """Put bodies behind the emulator's instances."""
    _install_network()
    _install_launch(world.hosts, world.on_limit)
    _install_power(world.hosts)


def _install_network() -> None:
    """The default VPC has the addresses that the hosts really have."""
    ec2 = hooks.service("ec2")

    def defaults() -> None:
        old()
        ec2._vpcs[ec2._DEFAULT_VPC_ID]["CidrBlock"] = _CIDR
        ec2._subnets[ec2._DEFAULT_SUBNET_ID]["CidrBlock"] = _SUBNET
        ec2._subnets[ec2._DEFAULT_SUBNET_ID_B]["CidrBlock"] = "10.77.16.0/24"
        ec2._subnets[ec2._DEFAULT_SUBNET_ID_C]["CidrBlock"] = "10.77.32.0/24"
        ec2._route_tables[ec2._DEFAULT_RTB_ID]["Routes"][0]["DestinationCidrBlock"] = _CIDR
        # From: "Default security groups for your VPCs": everything among its members, and everything out.
        members = {"GroupId": ec2._DEFAULT_SG_ID, "UserId": hooks.current_account()}
        rule = {
            "IpProtocol": "-1",
            "IpRanges": [],
            "Ipv6Ranges": [],
            "PrefixListIds": [],
            "UserIdGroupPairs": [members],
        }
        ec2._security_groups[ec2._DEFAULT_SG_ID]["IpPermissions"] = [rule]

    old = hooks.replace("services.ec2", "_init_defaults", defaults)


def _install_launch(hosts: Hosts, on_limit: Callable[[str], None]) -> None:
    ec2 = hooks.service("ec2")

    def launch(*args: Any, **kwargs: Any) -> list[dict[str, Any]]:
        created: list[dict[str, Any]] = old(*args, **kwargs)
        for instance in created:
            place = _reserve(instance, hosts, on_limit)
            if place is not None:
                _give_address(instance, place[1])
                instance["_lab_place"] = place
            _add_interface(instance)
        return created

    old = hooks.replace("services.ec2", "_launch_instances_internal", launch)

    def run(params: dict[str, Any]) -> Any:
        # EC2 launches as many as it can, up to MaxCount; here that is always MaxCount.
        params = {**params, "MinCount": params.get("MaxCount") or ["1"]}
        before = set(ec2._instances.keys())
        answer = old_run(params)
        if answer[0] != 200:  # noqa: PLR2004
            return answer
        created = [ec2._instances[key] for key in ec2._instances.keys() if key not in before]  # noqa: SIM118
        for instance in created:
            _add_volumes(instance, _mappings(params))
            _tag_volumes(params, instance)
            instance["_disable_api_termination"] = ec2._p(params, "DisableApiTermination", "").lower() == "true"
            if "_lab_place" in instance:
                user_data = ec2._p(params, "UserData", "")
                account, region = hooks.current_account(), hooks.current_region()
                hosts.boot(instance["InstanceId"], account, region, instance["_lab_place"], user_data)
        return answer

    old_run = hooks.replace("services.ec2", "_run_instances", run)


def _reserve(instance: dict[str, Any], hosts: Hosts, on_limit: Callable[[str], None]) -> tuple[int, str] | None:
    recorded = host_of(instance)
    if recorded is not None:
        on_limit(f"instances of {recorded.name} are played back: commands answer from recordings, nothing runs")
        return None
    place = hosts.reserve()
    if place is None:
        on_limit("instances beyond the lab's limit of hosts are metadata only and not managed by SSM")
    return place


def _give_address(instance: dict[str, Any], address: str) -> None:
    dashed = address.replace(".", "-")
    instance["PrivateIpAddress"] = address
    instance["PrivateDnsName"] = f"ip-{dashed}.ec2.internal"
    # The cloud has no way out, so nobody outside of it could use a public address.
    instance["PublicIpAddress"] = ""
    instance["PublicDnsName"] = ""


def _volume_ids(instance: dict[str, Any]) -> list[str]:
    return [mapping["Ebs"]["VolumeId"] for mapping in instance["BlockDeviceMappings"]]


def _mappings(params: dict[str, Any]) -> list[dict[str, str]]:
    """The block device mappings of a launch request."""
    ec2 = hooks.service("ec2")
    found = []
    number = 1
    while ec2._p(params, f"BlockDeviceMapping.{number}.DeviceName"):
        prefix = f"BlockDeviceMapping.{number}."
        names = ("VolumeSize", "VolumeType", "SnapshotId", "Encrypted", "DeleteOnTermination", "KmsKeyId", "Iops")
        ebs = {name: ec2._p(params, f"{prefix}Ebs.{name}", "") for name in names}
        found.append({"DeviceName": ec2._p(params, prefix + "DeviceName"), **ebs})
        number += 1
    return found


def _add_volumes(instance: dict[str, Any], mappings: list[dict[str, str]]) -> None:
    """Give an instance the volumes that were asked for; the root volume exists already."""
    ec2 = hooks.service("ec2")
    for wanted in mappings:
        root = wanted["DeviceName"] in (instance["RootDeviceName"], "/dev/sda1")
        if root:
            volume = ec2._volumes[instance["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]]
        else:
            volume = _new_volume(instance, wanted["DeviceName"])
        if wanted["VolumeSize"]:
            volume["Size"] = int(wanted["VolumeSize"])
        volume["VolumeType"] = wanted["VolumeType"] or volume["VolumeType"]
        volume["Encrypted"] = wanted["Encrypted"].lower() == "true"
        volume["SnapshotId"] = wanted["SnapshotId"]
        if volume["Encrypted"]:
            volume["KmsKeyId"] = wanted["KmsKeyId"] or default_key()
        keep = wanted["DeleteOnTermination"].lower()
        # From: "Preserve data when an instance is terminated": extra volumes are kept unless the launch says otherwise.
        delete = keep == "true" if keep else root or instance["RootDeviceName"] == wanted["DeviceName"]
        volume["Attachments"][0]["DeleteOnTermination"] = delete
        _mapping_of(instance, volume["VolumeId"])["Ebs"]["DeleteOnTermination"] = delete


def default_key() -> str:
    """The ARN that stands for the AWS managed key `aws/ebs` of the current account and Region."""
    account, region = hooks.current_account(), hooks.current_region()
    return f"arn:aws:kms:{region}:{account}:alias/aws/ebs"


def _new_volume(instance: dict[str, Any], device: str) -> dict[str, Any]:
    ec2 = hooks.service("ec2")
    root = ec2._volumes[instance["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]]
    volume_id = ec2._new_volume_id()
    attachment = {**root["Attachments"][0], "VolumeId": volume_id, "Device": device}
    volume: dict[str, Any] = {**root, "VolumeId": volume_id, "Attachments": [attachment]}
    ec2._volumes[volume_id] = volume
    ebs = {**instance["BlockDeviceMappings"][0]["Ebs"], "VolumeId": volume_id}
    instance["BlockDeviceMappings"].append({"DeviceName": device, "Ebs": ebs})
    return volume


def _mapping_of(instance: dict[str, Any], volume_id: str) -> dict[str, Any]:
    return next(m for m in instance["BlockDeviceMappings"] if m["Ebs"]["VolumeId"] == volume_id)


def _tag_volumes(params: dict[str, Any], instance: dict[str, Any]) -> None:
    for volume_id in _volume_ids(instance):
        tags = tags_in(params, "volume")
        if tags:
            hooks.service("ec2")._tags[volume_id] = tags


def tags_in(params: dict[str, Any], kind: str) -> list[dict[str, str]]:
    """The tags that a request sets on new resources of a kind."""
    ec2 = hooks.service("ec2")
    found, i = [], 1
    while ec2._p(params, f"TagSpecification.{i}.ResourceType"):
        j = 1
        while ec2._p(params, f"TagSpecification.{i}.ResourceType") == kind and ec2._p(
            params, f"TagSpecification.{i}.Tag.{j}.Key"
        ):
            prefix = f"TagSpecification.{i}.Tag.{j}."
            found.append({"Key": ec2._p(params, prefix + "Key"), "Value": ec2._p(params, prefix + "Value", "")})
            j += 1
        i += 1
    return found


def _add_interface(instance: dict[str, Any]) -> None:
    ec2 = hooks.service("ec2")
    unique = secrets.token_hex(9)[:17]
    interface = {
        "NetworkInterfaceId": f"eni-{unique}", "SubnetId": instance["SubnetId"], "VpcId": instance["VpcId"],
        "AvailabilityZone": instance["Placement"]["AvailabilityZone"], "Description": "",
        "OwnerId": hooks.current_account(), "Status": "in-use", "PrivateIpAddress": instance["PrivateIpAddress"],
        "InterfaceType": "interface", "SourceDestCheck": True, "MacAddress": hardware_address(instance["PrivateIpAddress"]),
        "Groups": instance["SecurityGroups"],
        "Attachment": {
            "AttachmentId": f"eni-attach-{unique}", "InstanceId": instance["InstanceId"], "DeviceIndex": 0,
            "Status": "attached", "AttachTime": instance["LaunchTime"], "DeleteOnTermination": True,
            "InstanceOwnerId": hooks.current_account(),
        },
    }  # fmt: skip
    ec2._network_interfaces[interface["NetworkInterfaceId"]] = interface


def _install_power(hosts: Hosts) -> None:
    """Stopping an instance stops its host: what was in memory is gone, as on AWS."""
    ec2 = hooks.service("ec2")

    def wrap(name: str, act: Callable[[str], None]) -> None:
        def handler(params: dict[str, Any]) -> Any:
            ids = ec2._parse_member_list(params, "InstanceId")
            answer = old(params)
            for instance_id in ids if answer[0] == 200 else []:  # noqa: PLR2004
                act(instance_id)
            return answer

        old = hooks.replace("services.ec2", name, handler)

    def reboot(instance_id: str) -> None:
        hosts.halt(instance_id)
        hosts.start(instance_id)

    wrap("_stop_instances", hosts.halt)
    wrap("_start_instances", hosts.start)
    wrap("_reboot_instances", reboot)
    _install_terminate(hosts)


def _install_terminate(hosts: Hosts) -> None:
    ec2 = hooks.service("ec2")

    def terminate(params: dict[str, Any]) -> Any:
        ids = ec2._parse_member_list(params, "InstanceId")
        for instance_id in ids:
            if (ec2._instances.get(instance_id) or {}).get("_disable_api_termination"):
                return ec2._error(
                    "OperationNotPermitted", f"The instance '{instance_id}' may not be terminated. Modify its "
                    "'disableApiTermination' instance attribute and try again.", 400,
                )  # fmt: skip
        volumes = [(i, dict(ec2._volumes.items())) for i in ids]
        answer = old(params)
        for instance_id, before in volumes if answer[0] == 200 else []:  # noqa: PLR2004
            hosts.remove(instance_id)
            _release(instance_id, before)
        return answer

    old = hooks.replace("services.ec2", "_terminate_instances", terminate)


def _release(instance_id: str, volumes: dict[str, dict[str, Any]]) -> None:
    """Delete or detach the volumes of a terminated instance, and delete its interface."""
    ec2 = hooks.service("ec2")
    for volume_id, volume in volumes.items():
        attached = [a for a in volume.get("Attachments", []) if a["InstanceId"] == instance_id]
        if attached and attached[0]["DeleteOnTermination"]:
            ec2._volumes.pop(volume_id, None)
        elif attached:
            ec2._volumes[volume_id] = {**volume, "Attachments": [], "State": "available"}
    for interface in list(ec2._network_interfaces.values()):
        if (interface.get("Attachment") or {}).get("InstanceId") == instance_id:
            ec2._network_interfaces.pop(interface["NetworkInterfaceId"], None)
