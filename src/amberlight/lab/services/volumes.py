"""EC2: the bytes of volumes. Each has an image; what a request freezes is frozen before it is answered.

References:
    CreateVolume, AttachVolume, DetachVolume, ModifyVolume, RunInstances, EC2 API Reference, 2026-11.
    "Detach an Amazon EBS volume from an Amazon EC2 instance" (a root volume only when the instance is stopped), EBS User Guide.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

from amberlight.lab import hooks
from amberlight.lab.disks.disks import Disks
from amberlight.lab.ebs.rights import may_decrypt
from amberlight.lab.hosts import Hosts
from amberlight.lab.services.ec2 import default_key
from amberlight.lab.services.snapshots import freeze, restorable, settled, unfreeze
from amberlight.lab.world import World

AFTER = ("ec2", "snapshots")
REAL = {
    "ec2.CreateVolume": "an image, with the bytes of the snapshot where there is one",
    "ec2.DeleteVolume": "the image is gone",
    "ec2.ModifyVolume": "the image has the new size",
}
_MAKES_OR_ENDS = frozenset({"CreateVolume", "RunInstances", "DeleteVolume", "TerminateInstances", "ModifyVolume"})
_FREEZES = frozenset({"CreateSnapshot", "CreateSnapshots", "CreateImage"})
_CUTS_OFF = frozenset({"DetachVolume", "TerminateInstances"})


def install(world: World) -> None:
    """Put images behind the volumes."""
    disks = world.disks
    world.hosts.built.append(lambda host: disks.built(host.instance_id, host.root))
    world.jobs.append(disks.tick)
    _install_bodies(disks)
    _install_requests(disks)
    _install_start(world.hosts)
    _install_picture()
    hooks.replace("services.ec2", "_create_volume", _creating(hooks.service("ec2")._create_volume, disks))
    hooks.replace("services.ec2", "_attach_volume", _attaching(hooks.service("ec2")._attach_volume))
    hooks.replace("services.ec2", "_detach_volume", _detaching(hooks.service("ec2")._detach_volume))
    hooks.replace("services.ec2", "_modify_volume", _modifying(hooks.service("ec2")._modify_volume))


def _install_bodies(disks: Disks) -> None:
    ec2 = hooks.service("ec2")

    def launch(*args: Any, **kwargs: Any) -> list[dict[str, Any]]:
        created: list[dict[str, Any]] = old(*args, **kwargs)
        for instance in created:
            if "_lab_place" in instance:
                root = instance["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
                disks.embody(instance["InstanceId"], ec2._volumes[root])
        return created

    old = hooks.replace("services.ec2", "_launch_instances_internal", launch)

    def run(params: dict[str, Any]) -> Any:
        refusal, before = _refuse_launch(params), set(ec2._volumes.keys())
        answer = refusal or old_run(params)
        for volume in [ec2._volumes[each] for each in ec2._volumes.keys() if each not in before]:  # noqa: SIM118
            _take_after(volume, _sizes(params))
            if disks.encrypts(hooks.current_account(), hooks.current_region()):
                volume["Encrypted"], volume["KmsKeyId"] = True, volume.get("KmsKeyId") or default_key()
        return answer

    old_run = hooks.replace("services.ec2", "_run_instances", run)


def _install_picture() -> None:
    """DescribeVolumes says which key a volume is encrypted with."""

    def xml(volume: dict[str, Any]) -> str:
        key = volume.get("KmsKeyId") if volume["Encrypted"] else None
        return str(old(volume)) + (f"<kmsKeyId>{hooks.service('ec2')._esc(key)}</kmsKeyId>" if key else "")

    old = hooks.replace("services.ec2", "_volume_inner_xml", xml)


def _sizes(params: dict[str, Any]) -> dict[str, int]:
    """The sizes that a launch asks for, by device."""
    ec2, number, found = hooks.service("ec2"), 1, {}
    while device := ec2._p(params, f"BlockDeviceMapping.{number}.DeviceName", ""):
        if size := ec2._p(params, f"BlockDeviceMapping.{number}.Ebs.VolumeSize", ""):
            found[device] = int(size)
        number += 1
    return found


def _take_after(volume: dict[str, Any], sizes: dict[str, int]) -> None:
    """Give a volume of a launch what the snapshot that it is made of brings along."""
    source = restorable(volume.get("SnapshotId") or "")
    if source is None:
        return
    asked = sizes.get(volume["Attachments"][0]["Device"], 0)
    volume["Size"], volume["_lineage"] = max(asked, source["VolumeSize"]), source["_lineage"]
    if source["Encrypted"]:
        volume["Encrypted"], volume["KmsKeyId"] = True, volume.get("KmsKeyId") or source["KmsKeyId"]


def _install_requests(disks: Disks) -> None:
    """Around each request: freeze before, make and remove images after; off the event loop."""
    ec2 = hooks.service("ec2")

    async def handle(method: str, path: str, headers: Any, body: bytes, query: dict[str, Any]) -> Any:
        params = {**query, **parse_qs(body.decode(errors="replace"), keep_blank_values=True)}
        action = ec2._p(params, "Action", "")
        before = _BEFORE.get(action)
        if before is not None:
            await before(disks, params)
        answer = await old(method, path, headers, body, query)
        unfreeze()
        if action == "TerminateInstances" and answer[0] == 200:  # noqa: PLR2004
            for instance_id in ec2._parse_member_list(params, "InstanceId"):
                disks.disembody(instance_id)
        if action in _MAKES_OR_ENDS:
            await asyncio.to_thread(_bring_in_line, disks, *_wanted())
        return answer

    old = hooks.replace("services.ec2", "handle_request", handle)


def _wanted() -> tuple[list[dict[str, Any]], set[str]]:
    volumes = [volume for _, volume in hooks.service("ec2")._volumes.all_items()]
    return volumes, {volume["VolumeId"] for volume in volumes}


def _bring_in_line(disks: Disks, volumes: list[dict[str, Any]], ids: set[str]) -> None:
    for volume in volumes:
        if not disks.has_image(volume):
            disks.image(volume)
    disks.sweep(ids)


async def _before_cut(disks: Disks, params: dict[str, Any]) -> None:
    """The last round of mirrors whose volumes live on without their hosts."""
    ec2 = hooks.service("ec2")
    ids = ec2._parse_member_list(params, "InstanceId")
    volume = ec2._volumes.get(ec2._p(params, "VolumeId", "")) or {}
    for instance_id in ids or [each["InstanceId"] for each in volume.get("Attachments", [])]:
        await asyncio.to_thread(disks.settle, instance_id)


_BEFORE: dict[str, Callable[[Disks, dict[str, Any]], Awaitable[None]]] = {
    **dict.fromkeys(_CUTS_OFF, _before_cut), **dict.fromkeys(_FREEZES, freeze),
}  # fmt: skip


def _refuse_launch(params: dict[str, Any]) -> Any:
    """What a launch asks of snapshots and the lab cannot give."""
    ec2, number = hooks.service("ec2"), 1
    if ec2._registered_image(ec2._p(params, "ImageId", "")) is not None:
        said = "The lab boots no instance from an image that was made in it; create volumes from its snapshots."
        return ec2._error("UnsupportedOperation", said, 400)
    while device := ec2._p(params, f"BlockDeviceMapping.{number}.DeviceName", ""):
        snapshot_id = ec2._p(params, f"BlockDeviceMapping.{number}.Ebs.SnapshotId", "")
        if snapshot_id and device in ("/dev/xvda", "/dev/sda1"):
            said = "The lab boots no instance from a snapshot; create a volume from it and attach that."
            return ec2._error("UnsupportedOperation", said, 400)
        refusal = _refuse_source(snapshot_id) if snapshot_id else None
        if refusal is not None:
            return refusal
        size = _sizes(params).get(device)
        if snapshot_id and size and size < (restorable(snapshot_id) or {})["VolumeSize"]:
            return ec2._error(
                "InvalidBlockDeviceMapping", f"Volume of size {size}GB is smaller than its snapshot.", 400
            )
        number += 1
    return None


def _refuse_source(snapshot_id: str) -> Any:
    ec2, snapshot = hooks.service("ec2"), restorable(snapshot_id)
    if snapshot is None:
        return ec2._error("InvalidSnapshot.NotFound", f"The snapshot '{snapshot_id}' does not exist.", 400)
    if settled(snapshot)["State"] != "completed":
        return ec2._error("IncorrectState", f"The snapshot '{snapshot_id}' is not in the 'completed' state.", 400)
    if not may_decrypt(snapshot, hooks.current_region()):
        # AWS answers well and lets the volume vanish; the lab says at once what it is.
        return ec2._error("UnauthorizedOperation", "The caller may not use the KMS key of the snapshot.", 403)
    return None


def _creating(old: Callable[[dict[str, Any]], Any], disks: Disks) -> Callable[[dict[str, Any]], Any]:
    """CreateVolume with the size, encryption and key that a snapshot brings along."""
    ec2 = hooks.service("ec2")

    def create(params: dict[str, Any]) -> Any:
        snapshot_id, size = ec2._p(params, "SnapshotId", ""), ec2._p(params, "Size", "")
        if not snapshot_id and not size:
            return ec2._error("MissingParameter", "The request must contain the parameter size/snapshot", 400)
        refusal = _refuse_source(snapshot_id) if snapshot_id else None
        if refusal is not None:
            return refusal
        source = restorable(snapshot_id) or {}
        if size and int(size) < source.get("VolumeSize", 0):
            said = f"The volume size must be at least that of its snapshot: {source['VolumeSize']} GiB."
            return ec2._error("InvalidParameterValue", said, 400)
        key = ec2._p(params, "KmsKeyId", "")
        asked = bool(key) or ec2._p(params, "Encrypted", "").lower() == "true"
        encrypted = source.get("Encrypted") or asked or disks.encrypts(hooks.current_account(), hooks.current_region())
        before = set(ec2._volumes.keys())
        answer = old({**params, "Size": [size or str(source["VolumeSize"])], "Encrypted": [str(bool(encrypted))]})
        for volume_id in [each for each in ec2._volumes.keys() if each not in before]:  # noqa: SIM118
            ec2._volumes[volume_id]["_lineage"] = source.get("_lineage")
            if encrypted:
                ec2._volumes[volume_id]["KmsKeyId"] = key or source.get("KmsKeyId") or default_key()
        return answer

    return create


def _attaching(old: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
    """AttachVolume, in DescribeInstances too."""
    ec2 = hooks.service("ec2")

    def attach(params: dict[str, Any]) -> Any:
        volume = ec2._volumes.get(ec2._p(params, "VolumeId", ""))
        instance = ec2._instances.get(ec2._p(params, "InstanceId", ""))
        device = ec2._p(params, "Device", "")
        if volume is None or instance is None:
            return old(params)
        if volume["Attachments"]:
            return ec2._error("VolumeInUse", f"{volume['VolumeId']} is already attached to an instance", 400)
        if any(mapping["DeviceName"] == device for mapping in instance["BlockDeviceMappings"]):
            said = f"Invalid value '{device}' for unixDevice. Attachment point {device} is already in use"
            return ec2._error("InvalidParameterValue", said, 400)
        if device == instance["RootDeviceName"] and instance.get("_lab_root") != volume["VolumeId"]:
            said = "The lab boots an instance only from the root volume that it was launched with."
            return ec2._error("UnsupportedOperation", said, 400)
        answer = old(params)
        if answer[0] == 200:  # noqa: PLR2004
            attachment = volume["Attachments"][0]
            ebs = {"VolumeId": volume["VolumeId"], "Status": "attached", "AttachTime": attachment["AttachTime"],
                   "DeleteOnTermination": False}  # fmt: skip
            instance["BlockDeviceMappings"].append({"DeviceName": attachment["Device"], "Ebs": ebs})
        return answer

    return attach


def _detaching(old: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
    """DetachVolume; a root volume only of an instance that is stopped, which then cannot start."""
    ec2 = hooks.service("ec2")

    def detach(params: dict[str, Any]) -> Any:
        volume = ec2._volumes.get(ec2._p(params, "VolumeId", ""))
        if volume is None:
            return old(params)
        if not volume["Attachments"]:
            said = f"Volume '{volume['VolumeId']}' is in the 'available' state."
            return ec2._error("IncorrectState", said, 400)
        instance = ec2._instances.get(volume["Attachments"][0]["InstanceId"])
        root = instance is not None and volume["Attachments"][0]["Device"] == instance["RootDeviceName"]
        if root and instance["State"]["Name"] != "stopped":
            said = f"Unable to detach root volume '{volume['VolumeId']}' from instance '{instance['InstanceId']}'"
            return ec2._error("OperationNotPermitted", said, 400)
        answer = old(params)
        if answer[0] == 200 and instance is not None:  # noqa: PLR2004
            if root:
                instance["_lab_root"] = volume["VolumeId"]
            instance["BlockDeviceMappings"] = [
                each for each in instance["BlockDeviceMappings"] if each["Ebs"]["VolumeId"] != volume["VolumeId"]
            ]
        return answer

    return detach


def _install_start(hosts: Hosts) -> None:
    """An instance without its root volume cannot start."""
    ec2 = hooks.service("ec2")

    def start(params: dict[str, Any]) -> Any:
        for instance_id in ec2._parse_member_list(params, "InstanceId"):
            instance = ec2._instances.get(instance_id)
            devices = [mapping["DeviceName"] for mapping in (instance or {}).get("BlockDeviceMappings", [])]
            if instance is not None and hosts.get(instance_id) and instance["RootDeviceName"] not in devices:
                said = (f"Invalid value '{instance_id}' for instanceId. Instance does not have a volume attached at root "
                        f"({instance['RootDeviceName']})")  # fmt: skip
                return ec2._error("IncorrectState", said, 400)
        return old(params)

    old = hooks.replace("services.ec2", "_start_instances", start)


def _modifying(old: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
    ec2 = hooks.service("ec2")

    def modify(params: dict[str, Any]) -> Any:
        volume, size = ec2._volumes.get(ec2._p(params, "VolumeId", "")), ec2._p(params, "Size", "")
        if volume is not None and size and int(size) < volume["Size"]:
            return ec2._error("InvalidParameterValue", "New size cannot be smaller than existing size", 400)
        return old(params)

    return modify
