"""EBS snapshots: pending for a while, of all volumes at one instant, shared, copied across accounts.

References:
    CreateSnapshots, ModifySnapshotAttribute, CopySnapshot, EC2 API Reference;
    "Copy an Amazon EBS snapshot" (without rights on the source's key the copy ends as `error`),
    "Share an Amazon EBS snapshot" (default-key snapshots cannot be shared), EBS User Guide, 2026-11.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import Any

from amberlight.lab import clock, hooks
from amberlight.lab.disks.disks import Disks
from amberlight.lab.disks.images import Frozen
from amberlight.lab.ebs.rights import may_decrypt
from amberlight.lab.services.ec2 import default_key, tags_in
from amberlight.lab.services.snapshot_locks import lock_state, missing, param, refusal
from amberlight.lab.world import World

REAL = {
    "ec2.CreateSnapshot": "the volume's bytes of that moment; a host's disk holds its files",
    "ec2.CreateSnapshots": "the bytes of all volumes of that moment; a host's disk holds its files",
    "ec2.CopySnapshot": "the same bytes",
    "ec2.DeleteSnapshot": "the bytes are gone with the last copy",
}

_frozen: ContextVar[dict[str, Frozen | None] | None] = ContextVar("lab_frozen", default=None)
"""The bytes of the volumes that the request is about, by volume id."""


def install(world: World) -> None:
    """Replace the emulator's snapshot actions."""
    pending_s, disks = world.options.snapshot_pending_s, world.disks
    ec2 = hooks.service("ec2")
    for name, handler in (
        ("_create_snapshot", lambda p: _create_one(p, pending_s, disks)),
        ("_describe_snapshots", _describe),
        ("_copy_snapshot", lambda p: _copy(p, pending_s, disks)),
        ("_delete_snapshot", lambda p: delete(p, disks)),
        ("_modify_snapshot_attribute", lambda p: _modify(p, disks)),
        ("_describe_snapshot_attribute", _describe_attribute),
    ):
        hooks.replace("services.ec2", name, handler)
    ec2._ACTION_MAP["CreateSnapshots"] = lambda p: _create_many(p, pending_s, disks)


# --- creating -------------------------------------------------------------------------------------------------------


async def freeze(disks: Disks, params: dict[str, Any]) -> None:
    """Keep the bytes of the volumes that a request names, or that its instance has, before the request is carried out.

    What was written before the request is in them, and what is written after its answer is not.
    """
    ec2 = hooks.service("ec2")
    instance = param(params, "InstanceSpecification.InstanceId") or param(params, "InstanceId")
    found = (ec2._instances.get(instance) or {}).get("BlockDeviceMappings", [])
    ids = [param(params, "VolumeId"), *(mapping["Ebs"]["VolumeId"] for mapping in found)]
    volumes = [volume for volume in map(ec2._volumes.get, ids) if volume is not None]
    bytes_of = await asyncio.gather(*(asyncio.to_thread(disks.freeze, volume) for volume in volumes))
    _frozen.set({volume["VolumeId"]: frozen for volume, frozen in zip(volumes, bytes_of, strict=True)})


def unfreeze() -> None:
    """Let the bytes go that no snapshot was made of."""
    for frozen in (_frozen.get() or {}).values():
        if frozen is not None:
            frozen.release()
    _frozen.set(None)


def taken(volume: dict[str, Any], description: str, pending_s: float, now: float, disks: Disks) -> dict[str, Any]:
    """A new snapshot with the bytes that `freeze` kept of its volume."""
    snapshot = new(volume, description, pending_s, now)
    disks.keep(snapshot["SnapshotId"], (_frozen.get() or {}).pop(volume["VolumeId"], None))
    return snapshot


def new(volume: dict[str, Any], description: str, pending_s: float, now: float) -> dict[str, Any]:
    """The record of a new snapshot of the current account."""
    ec2 = hooks.service("ec2")
    snapshot: dict[str, Any] = {
        "SnapshotId": ec2._new_snapshot_id(), "VolumeId": volume["VolumeId"], "VolumeSize": volume["Size"],
        "Description": description, "State": "pending", "Progress": "", "StartTime": _stamp(now),
        "OwnerId": hooks.current_account(), "Encrypted": volume["Encrypted"], "StorageTier": "standard",
        "_done_at": now + pending_s, "_lineage": volume.get("_lineage") or volume["VolumeId"],
    }  # fmt: skip
    if volume["Encrypted"]:
        snapshot["KmsKeyId"] = volume.get("KmsKeyId") or default_key()
    ec2._snapshots[snapshot["SnapshotId"]] = snapshot
    return snapshot


def _stamp(moment: float) -> str:
    return clock.iso(moment).replace("Z", f".{int(moment * 1000) % 1000:03d}Z")


def _create_one(params: dict[str, Any], pending_s: float, disks: Disks) -> Any:
    ec2 = hooks.service("ec2")
    volume = ec2._volumes.get(param(params, "VolumeId"))
    if volume is None:
        return refusal("InvalidVolume.NotFound", f"The volume '{param(params, 'VolumeId')}' does not exist.")
    snapshot = taken(volume, param(params, "Description"), pending_s, clock.now(), disks)
    _tag(snapshot, params)
    return ec2._xml(200, "CreateSnapshotResponse", _xml(snapshot))


def _create_many(params: dict[str, Any], pending_s: float, disks: Disks) -> Any:
    """CreateSnapshots: every volume of an instance at the same instant."""
    ec2 = hooks.service("ec2")
    instance_id = param(params, "InstanceSpecification.InstanceId")
    instance = ec2._instances.get(instance_id)
    if instance is None:
        return refusal("InvalidInstanceID.NotFound", f"The instance ID '{instance_id}' does not exist")
    without_boot = param(params, "InstanceSpecification.ExcludeBootVolume").lower() == "true"
    excluded = ec2._parse_member_list(params, "InstanceSpecification.ExcludeDataVolumeId")
    now, items = clock.now(), ""
    for mapping in instance["BlockDeviceMappings"]:
        volume = ec2._volumes[mapping["Ebs"]["VolumeId"]]
        if (without_boot and mapping["DeviceName"] == instance["RootDeviceName"]) or volume["VolumeId"] in excluded:
            continue
        snapshot = taken(volume, param(params, "Description"), pending_s, now, disks)
        _tag(snapshot, params, volume["VolumeId"] if param(params, "CopyTagsFromSource") == "volume" else None)
        items += f"<item>{_xml(snapshot).replace('<status>', '<state>').replace('</status>', '</state>')}</item>"
    return ec2._xml(200, "CreateSnapshotsResponse", f"<snapshotSet>{items}</snapshotSet>")


def _tag(snapshot: dict[str, Any], params: dict[str, Any], source: str | None = None) -> None:
    ec2 = hooks.service("ec2")
    tags = [*(ec2._tags.get(source) or [] if source else []), *tags_in(params, "snapshot")]
    if tags:
        ec2._tags[snapshot["SnapshotId"]] = tags


def _xml(snapshot: dict[str, Any]) -> str:
    settled(snapshot)
    key = f"<kmsKeyId>{snapshot['KmsKeyId']}</kmsKeyId>" if snapshot.get("KmsKeyId") else ""
    said = f"<statusMessage>{snapshot['_message']}</statusMessage>" if "_message" in snapshot else ""
    return str(hooks.service("ec2")._snapshot_inner_xml(snapshot)) + key + said


def settled(snapshot: dict[str, Any]) -> dict[str, Any]:
    """The snapshot, completed if its time has come."""
    if snapshot["State"] == "pending":
        done = snapshot.get("_done_at", 0) <= clock.now()
        snapshot["State"] = "completed" if done else "pending"
        snapshot["Progress"] = "100%" if done else "42%"
    return snapshot


# --- seeing -------------------------------------------------------------------------------------------------------


def _visible() -> list[dict[str, Any]]:
    """Snapshots of the current Region that the current account owns or may create volumes from."""
    account, region = hooks.current_account(), hooks.current_region()
    found = []
    for (owner, where, _), snapshot in hooks.service("ec2")._snapshots.all_items():
        if where == region and (owner == account or shared_with(snapshot, account)):
            found.append(snapshot)
    return found


def shared_with(snapshot: dict[str, Any], account: str, *, public: bool = True) -> bool:
    """Whether an account may use the snapshot, by its own id or as everybody."""
    return any(
        entry.get("UserId") == account or (public and entry.get("Group") == "all" and not snapshot.get("_public_off"))
        for entry in snapshot.get("CreateVolumePermissions", [])
    )


def restorable(snapshot_id: str) -> dict[str, Any] | None:
    """A snapshot of the current Region, if the current account may make volumes from it."""
    found = find(snapshot_id, hooks.current_region())
    return found if found is not None and _restorable(found, hooks.current_account()) else None


def _describe(params: dict[str, Any]) -> Any:
    ec2 = hooks.service("ec2")
    account = hooks.current_account()
    ids, filters = ec2._parse_member_list(params, "SnapshotId"), ec2._parse_filters(params)
    owners = {account if o == "self" else o for o in ec2._parse_member_list(params, "Owner")}
    restorable = {account if u == "self" else u for u in ec2._parse_member_list(params, "RestorableBy")}
    visible = _visible()
    for absent in sorted(set(ids) - {snapshot["SnapshotId"] for snapshot in visible}):
        return missing(absent)
    items = "".join(
        f"<item>{_xml(snapshot)}</item>"
        for snapshot in visible
        if (not ids or snapshot["SnapshotId"] in ids)
        and (not owners or snapshot["OwnerId"] in owners)
        and (not restorable or any(_restorable(snapshot, user) for user in restorable))
        and _matches(snapshot, filters)
    )
    return ec2._xml(200, "DescribeSnapshotsResponse", f"<snapshotSet>{items}</snapshotSet>")


def _restorable(snapshot: dict[str, Any], account: str) -> bool:
    return snapshot["OwnerId"] == account or shared_with(snapshot, account)


def _matches(snapshot: dict[str, Any], filters: dict[str, list[str]]) -> bool:
    ec2 = hooks.service("ec2")
    settled(snapshot)
    tagged: bool = ec2._resource_matches_tag_filters(snapshot["SnapshotId"], filters)
    return tagged and bool(ec2._snapshot_matches_filters(snapshot, filters))


# --- sharing and copying --------------------------------------------------------------------------------------------


def _modify(params: dict[str, Any], disks: Disks) -> Any:
    ec2 = hooks.service("ec2")
    snapshot = ec2._snapshots.get(param(params, "SnapshotId"))
    if snapshot is None:
        return missing(param(params, "SnapshotId"))
    added, removed = _changes(params)
    if added and has_default_key(snapshot):
        return refusal("InvalidParameter", "Snapshots encrypted with the AWS Managed CMK can't be shared.")
    if any(entry.get("Group") for entry in added) and snapshot["Encrypted"]:
        return refusal("InvalidParameter", "Encrypted snapshots with EBS default key cannot be shared publicly.")
    state = disks.public_state(hooks.current_account(), hooks.current_region())
    if state != "unblocked" and any(entry.get("Group") == "all" for entry in added):
        return refusal("OperationNotPermitted", f"Public sharing of snapshots is blocked for this account ({state}).")
    entries = [e for e in snapshot.get("CreateVolumePermissions", []) if e not in removed]
    snapshot["CreateVolumePermissions"] = entries + [e for e in added if e not in entries]
    return ec2._xml(200, "ModifySnapshotAttributeResponse", "<return>true</return>")


def has_default_key(snapshot: dict[str, Any]) -> bool:
    """Whether it is encrypted with the AWS managed key, which no other account can use."""
    return str(snapshot.get("KmsKeyId", "")).endswith(":alias/aws/ebs")


def _changes(params: dict[str, Any]) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Permissions to add and to remove, in either form of the request."""
    ec2 = hooks.service("ec2")
    listed = [{"UserId": user} for user in ec2._parse_member_list(params, "UserId")]
    listed += [{"Group": group} for group in ec2._parse_member_list(params, "UserGroup")]
    changes = {"add": _entries(params, "Add"), "remove": _entries(params, "Remove")}
    if listed:
        changes[param(params, "OperationType") or "add"] += listed
    return changes["add"], changes["remove"]


def _entries(params: dict[str, Any], kind: str) -> list[dict[str, str]]:
    found = []
    for number in range(1, 200):
        prefix = f"CreateVolumePermission.{kind}.{number}."
        entry = {name: param(params, prefix + name) for name in ("UserId", "Group") if param(params, prefix + name)}
        if not entry:
            break
        found.append(entry)
    return found


def _describe_attribute(params: dict[str, Any]) -> Any:
    ec2 = hooks.service("ec2")
    snapshot = ec2._snapshots.get(param(params, "SnapshotId"))
    if snapshot is None:
        return missing(param(params, "SnapshotId"))
    items = "".join(
        "<item>"
        + "".join(f"<{name[0].lower()}{name[1:]}>{value}</{name[0].lower()}{name[1:]}>" for name, value in e.items())
        + "</item>"
        for e in snapshot.get("CreateVolumePermissions", [])
    )
    inner = f"<snapshotId>{snapshot['SnapshotId']}</snapshotId><createVolumePermission>{items}</createVolumePermission>"
    return ec2._xml(200, "DescribeSnapshotAttributeResponse", inner)


def _copy(params: dict[str, Any], pending_s: float, disks: Disks) -> Any:
    ec2 = hooks.service("ec2")
    source_id, region = param(params, "SourceSnapshotId"), param(params, "SourceRegion") or hooks.current_region()
    source = find(source_id, region)
    if source is None or not _restorable(source, hooks.current_account()):
        return missing(source_id)
    settled(source)
    if source["State"] != "completed":
        return refusal("IncorrectState", f"The snapshot '{source_id}' is not in the 'completed' state.")
    by_default = disks.encrypts(hooks.current_account(), hooks.current_region())
    encrypted = bool(source["Encrypted"]) or by_default or param(params, "Encrypted").lower() == "true"
    volume = {"VolumeId": "vol-ffffffff", "Size": source["VolumeSize"], "Encrypted": encrypted,
              "KmsKeyId": param(params, "KmsKeyId") or None}  # fmt: skip
    made = new(volume, param(params, "Description"), pending_s, clock.now())
    made["_copy_of"], made["_lineage"] = source_id, source["_lineage"]
    if not may_decrypt(source, region):
        made["State"], made["_message"] = "error", "Given key ID is not accessible"
    elif source_id in disks.snapshots:
        disks.keep(made["SnapshotId"], disks.snapshots[source_id].held())
    _tag(made, params)
    return ec2._xml(200, "CopySnapshotResponse", f"<snapshotId>{made['SnapshotId']}</snapshotId>")


def find(snapshot_id: str, region: str) -> dict[str, Any] | None:
    """A snapshot of any account."""
    for (_, where, name), snapshot in hooks.service("ec2")._snapshots.all_items():
        if where == region and name == snapshot_id:
            found: dict[str, Any] = snapshot
            return found
    return None


# --- deleting -------------------------------------------------------------------------------------------


def delete(params: dict[str, Any], disks: Disks) -> Any:
    """DeleteSnapshot: not when it is locked, nor while an image stands on it."""
    ec2 = hooks.service("ec2")
    snapshot_id = param(params, "SnapshotId")
    snapshot = ec2._snapshots.get(snapshot_id)
    if snapshot is None:
        return missing(snapshot_id)
    if lock_state(snapshot) is not None:
        return refusal("OperationNotPermitted", f"The snapshot '{snapshot_id}' is locked and cannot be deleted.")
    for image in ec2._images.values():
        if any(mapping.get("Ebs", {}).get("SnapshotId") == snapshot_id for mapping in image["BlockDeviceMappings"]):
            said = f"The snapshot {snapshot_id} is currently in use by {image['ImageId']}"
            return refusal("InvalidSnapshot.InUse", said)
    ec2._snapshots.pop(snapshot_id)
    disks.forget(snapshot_id)
    return ec2._xml(200, "DeleteSnapshotResponse", "<return>true</return>")
