"""EC2: images of the account's own, on snapshots that have bytes.

CreateImage stops the host for a moment unless `NoReboot` says otherwise, as AWS does, and takes all its volumes. An image is
`pending` as long as its snapshots are. No instance is started from one here: such a launch is refused.

References:
    CreateImage, RegisterImage, DescribeImages, DeregisterImage (`DeleteAssociatedSnapshots`), ModifyImageAttribute, EC2 API
    Reference, 2026-11; "Share an AMI" (none on snapshots under the AWS managed key), EC2 User Guide, 2026-11.
"""

from __future__ import annotations

import asyncio
import re
from contextvars import ContextVar
from typing import Any
from urllib.parse import parse_qs

from amberlight.lab import clock, hooks
from amberlight.lab.disks.disks import Disks
from amberlight.lab.ebs.rights import allowed
from amberlight.lab.hosts import Hosts
from amberlight.lab.services.ec2 import tags_in
from amberlight.lab.services.snapshots import delete, has_default_key, settled, taken
from amberlight.lab.world import World

AFTER = ("ebs", "snapshots", "volumes")
REAL = {
    "ec2.CreateImage": "the bytes of all disks, and the host is off meanwhile",
    "ec2.DeregisterImage": "with its snapshots their bytes are gone, if asked for",
}
_ROOTS = ("/dev/xvda", "/dev/sda1")

_left_out: ContextVar[frozenset[str]] = ContextVar("lab_image_left_out", default=frozenset())
"""The devices that a request leaves out: `NoDevice` is an empty parameter, which the emulator does not hand on."""


def install(world: World) -> None:
    """Replace and add the actions."""
    ec2, disks, pending_s = hooks.service("ec2"), world.disks, world.options.snapshot_pending_s
    # To the emulator a registered image is a container to be run.
    hooks.replace("services.ec2", "_any_image_registered", lambda: False)
    ec2._ACTION_MAP["CreateImage"] = lambda params: _create(params, disks, pending_s)
    _install_stop(world.hosts)
    _install_register()
    _install_describe()
    _install_deregister(disks)
    _install_sharing()


def _install_stop(hosts: Hosts) -> None:
    """The host is off while its disks are taken."""
    ec2 = hooks.service("ec2")

    async def handle(method: str, path: str, headers: Any, body: bytes, query: dict[str, Any]) -> Any:
        params = {**query, **parse_qs(body.decode(errors="replace"), keep_blank_values=True)}
        _left_out.set(_without(params))
        instance_id = ec2._p(params, "InstanceId", "")
        quiet = ec2._p(params, "Action", "") == "CreateImage" and ec2._p(params, "NoReboot", "").lower() != "true"
        if not quiet or _refuse_create(params) is not None or not hosts.managed(instance_id):
            return await old(method, path, headers, body, query)
        await asyncio.to_thread(hosts.halt, instance_id)
        try:
            return await old(method, path, headers, body, query)
        finally:
            hosts.start(instance_id)

    old = hooks.replace("services.ec2", "handle_request", handle)


def _refuse_create(params: dict[str, Any]) -> Any:
    """Why an image cannot be made of an instance; None when it can."""
    ec2 = hooks.service("ec2")
    instance_id, name = ec2._p(params, "InstanceId", ""), ec2._p(params, "Name", "")
    instance = ec2._instances.get(instance_id)
    if instance is None:
        return ec2._error("InvalidInstanceID.NotFound", f"The instance ID '{instance_id}' does not exist", 400)
    if instance["State"]["Name"] not in ("running", "stopped"):
        return ec2._error("IncorrectState", f"The instance '{instance_id}' is not in a state to be imaged.", 400)
    if not ec2._AMI_NAME_RE.match(name):
        return ec2._error("InvalidAMIName.Malformed", "AMI names must be between 3 and 128 characters long.", 400)
    if any(image["Name"] == name for image in ec2._images.values()):
        return ec2._error("InvalidAMIName.Duplicate", f"AMI name {name} is already in use by another AMI", 400)
    return None


def _create(params: dict[str, Any], disks: Disks, pending_s: float) -> Any:
    refusal = _refuse_create(params)
    if refusal is not None:
        return refusal
    ec2, now = hooks.service("ec2"), clock.now()
    instance, image_id = ec2._instances[ec2._p(params, "InstanceId")], ec2._new_image_id()
    left_out, mappings = _left_out.get(), []
    for mapping in instance["BlockDeviceMappings"]:
        if mapping["DeviceName"] in left_out:
            continue
        volume = ec2._volumes[mapping["Ebs"]["VolumeId"]]
        said = f"Created by CreateImage({instance['InstanceId']}) for {image_id}"
        snapshot = taken(volume, said, pending_s, now, disks)
        if tags := tags_in(params, "snapshot"):
            ec2._tags[snapshot["SnapshotId"]] = tags
        mappings.append(_mapping(mapping["DeviceName"], snapshot, volume))
    ec2._images[image_id] = {
        "ImageId": image_id, "Name": ec2._p(params, "Name"), "ImageLocation": "", "CreationDate": clock.iso(now),
        "Description": ec2._p(params, "Description", ""), "Architecture": instance["Architecture"],
        "RootDeviceType": "ebs", "RootDeviceName": instance["RootDeviceName"], "BlockDeviceMappings": mappings,
        "VirtualizationType": "hvm", "OwnerId": hooks.current_account(),
    }  # fmt: skip
    if tags := tags_in(params, "image"):
        ec2._tags[image_id] = tags
    return ec2._xml(200, "CreateImageResponse", f"<imageId>{image_id}</imageId>")


def _without(params: dict[str, Any]) -> frozenset[str]:
    """The devices that the request leaves out."""
    ec2, number, found = hooks.service("ec2"), 1, set()
    while device := ec2._p(params, f"BlockDeviceMapping.{number}.DeviceName", ""):
        if f"BlockDeviceMapping.{number}.NoDevice" in params:
            found.add(device)
        number += 1
    return frozenset(found)


def _mapping(device: str, snapshot: dict[str, Any], volume: dict[str, Any]) -> dict[str, Any]:
    keep = volume.get("Attachments") or [{}]
    return {"DeviceName": device, "Ebs": {
        "SnapshotId": snapshot["SnapshotId"], "VolumeSize": volume.get("Size") or snapshot["VolumeSize"],
        "VolumeType": volume.get("VolumeType") or "gp2", "Encrypted": str(snapshot["Encrypted"]).lower(),
        "DeleteOnTermination": str(keep[0].get("DeleteOnTermination", True)).lower(),
    }}  # fmt: skip


def _install_register() -> None:
    ec2 = hooks.service("ec2")

    def register(params: dict[str, Any]) -> Any:
        if ec2._p(params, "ImageLocation", ""):
            return ec2._error("UnsupportedOperation", "The lab has no images that are instance store-backed.", 400)
        wanted = ec2._parse_register_block_device_mappings(params)
        root = ec2._p(params, "RootDeviceName", "") or _ROOTS[0]
        if not any(each["DeviceName"] == root and each.get("Ebs", {}).get("SnapshotId") for each in wanted):
            said = "The image needs a snapshot for its root device."
            return ec2._error("InvalidBlockDeviceMapping", said, 400)
        for each in wanted:
            snapshot_id = each.get("Ebs", {}).get("SnapshotId")
            snapshot = ec2._snapshots.get(snapshot_id) if snapshot_id else None
            if snapshot_id and snapshot is None:
                return ec2._error("InvalidSnapshot.NotFound", f"The snapshot '{snapshot_id}' does not exist.", 400)
            if snapshot is not None and settled(snapshot)["State"] != "completed":
                return ec2._error(
                    "IncorrectState", f"The snapshot '{snapshot_id}' is not in the 'completed' state.", 400
                )
        before = set(ec2._images.keys())
        answer = old(params)
        for image_id in [each for each in ec2._images.keys() if each not in before]:  # noqa: SIM118
            _complete(ec2._images[image_id])
        return answer

    old = hooks.replace("services.ec2", "_register_image", register)


def _complete(image: dict[str, Any]) -> None:
    """Say of a registered image's disks what their snapshots say."""
    for mapping in image["BlockDeviceMappings"]:
        snapshot = hooks.service("ec2")._snapshots.get(mapping.get("Ebs", {}).get("SnapshotId"))
        if snapshot is not None:
            mapping["Ebs"] = {**_mapping("", snapshot, {})["Ebs"], **mapping["Ebs"],
                              "Encrypted": str(snapshot["Encrypted"]).lower()}  # fmt: skip


def _state(image: dict[str, Any]) -> str:
    ids = [mapping.get("Ebs", {}).get("SnapshotId") for mapping in image["BlockDeviceMappings"]]
    by_id = {key[2]: snapshot for key, snapshot in hooks.service("ec2")._snapshots.all_items()}
    states = {settled(by_id[each])["State"] for each in ids if each in by_id}
    return "pending" if "pending" in states else "available"


def _install_describe() -> None:
    """DescribeImages with the state, the day of its making and the encryption of each image."""
    ec2 = hooks.service("ec2")

    def describe(params: dict[str, Any]) -> Any:
        known = {key[2]: image for key, image in ec2._images.all_items()}
        for missing in [each for each in ec2._parse_member_list(params, "ImageId") if each not in known]:
            if missing not in {stub[0] for stub in ec2._STUB_AMIS}:
                said = f"The image id '[{missing}]' does not exist"
                return ec2._error("InvalidAMIID.NotFound", said, 400)
        status, headers, body = old(params)
        text = body.decode() if isinstance(body, bytes) else body

        def filled(match: re.Match[str]) -> str:
            image = known.get(match[2])
            if image is None:
                return match[0]
            return f"{match[1]}<imageState>{_state(image)}</imageState><creationDate>{image['CreationDate']}</creationDate>"

        text = re.sub(
            r"(<imageId>([\w-]+)</imageId>(?:(?!<imageId>).)*?)<imageState>\w+</imageState>",
            filled,
            text,
            flags=re.DOTALL,
        )
        return status, headers, text.encode() if isinstance(body, bytes) else text

    old = hooks.replace("services.ec2", "_describe_images", describe)

    def mappings(view: dict[str, Any]) -> str:
        text = str(old_mappings(view))
        for mapping in view["BlockDeviceMappings"]:
            ebs = mapping.get("Ebs") or {}
            mark = f"<snapshotId>{ebs.get('SnapshotId')}</snapshotId>"
            text = text.replace(mark, f"{mark}<encrypted>{ebs.get('Encrypted', 'false')}</encrypted>")
        return text

    old_mappings = hooks.replace("services.ec2", "_image_bdm_xml", mappings)


def _install_deregister(disks: Disks) -> None:
    ec2 = hooks.service("ec2")

    def deregister(params: dict[str, Any]) -> Any:
        image = ec2._images.get(ec2._p(params, "ImageId", ""))
        answer = old(params)
        if image is None or ec2._p(params, "DeleteAssociatedSnapshots", "").lower() != "true":
            return answer
        items = "".join(
            f"<item><snapshotId>{each}</snapshotId><returnCode>{_delete_of_image(each, disks)}</returnCode></item>"
            for each in (mapping.get("Ebs", {}).get("SnapshotId") for mapping in image["BlockDeviceMappings"]) if each
        )  # fmt: skip
        inner = f"<return>true</return><deleteSnapshotResultSet>{items}</deleteSnapshotResultSet>"
        return ec2._xml(200, "DeregisterImageResponse", inner)

    old = hooks.replace("services.ec2", "_deregister_image", deregister)


def _delete_of_image(snapshot_id: str, disks: Disks) -> str:
    arn = f"arn:aws:ec2:{hooks.current_region()}::snapshot/{snapshot_id}"
    if not allowed("ec2:DeleteSnapshot", "ec2", arn):
        return "missing-permissions"
    status, _, body = delete({"SnapshotId": [snapshot_id]}, disks)
    text = body.decode() if isinstance(body, bytes) else body
    if status == 200:  # noqa: PLR2004
        return "success"
    return "skipped" if "InvalidSnapshot.InUse" in text else "client-error"


def _install_sharing() -> None:
    ec2 = hooks.service("ec2")

    def modify(params: dict[str, Any]) -> Any:
        image = ec2._images.get(ec2._p(params, "ImageId", "")) or {}
        adds = ec2._parse_launch_permission_list(params, "LaunchPermission.Add") or (
            ec2._p(params, "OperationType", "") == "add"
        )
        ids = [mapping.get("Ebs", {}).get("SnapshotId") for mapping in image.get("BlockDeviceMappings", [])]
        if adds and any(has_default_key(ec2._snapshots.get(each) or {}) for each in ids):
            said = "Snapshots encrypted with the AWS Managed CMK can't be shared."
            return ec2._error("InvalidParameter", ec2._esc(said), 400)
        return old(params)

    old = hooks.replace("services.ec2", "_modify_image_attribute", modify)
