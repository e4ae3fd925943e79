"""EC2 in CloudTrail's spelling: the wire names of its XML, with every list as `{"items": [...]}`.

Requests are older than the models and follow tables of their own; actions younger than about 2016 are wrapped whole.

References:
    310 real records (stratus detonations) and "Example: Amazon EC2 log file entries", EC2 User Guide, 2026-11.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from amberlight.lab import hooks

_ID_SETS = {
    "InstanceIds": ("instancesSet", "instanceId"), "VolumeIds": ("volumeSet", "volumeId"),
    "SnapshotIds": ("snapshotSet", "snapshotId"), "ImageIds": ("imagesSet", "imageId"),
    "GroupIds": ("securityGroupIdSet", "groupId"), "GroupNames": ("securityGroupSet", "groupName"),
    "SubnetIds": ("subnetSet", "subnetId"), "VpcIds": ("vpcSet", "vpcId"), "OwnerIds": ("ownersSet", "owner"),
    "Owners": ("ownersSet", "owner"), "NetworkInterfaceIds": ("networkInterfaceIdSet", "networkInterfaceId"),
    "RouteTableIds": ("routeTableIdSet", "routeTableId"), "KeyNames": ("keySet", "keyName"),
    "RegionNames": ("regionSet", "regionName"), "ZoneNames": ("availabilityZoneSet", "zoneName"),
    "ExecutableUsers": ("executableBySet", "user"), "RestorableByUserIds": ("sharedUsersSet", "user"),
    "NetworkAclIds": ("networkAclIdSet", "networkAclId"), "Resources": ("resourcesSet", "resourceId"),
    "AllocationIds": ("allocationIdsSet", "allocationId"), "PublicIps": ("publicIpsSet", "publicIp"),
}  # fmt: skip
_ALWAYS = {"Filters": "filterSet"}
_WRAPPED = frozenset({
    "CreateSnapshots", "EnableSerialConsoleAccess", "DisableSerialConsoleAccess", "GetSerialConsoleAccessStatus",
    "CreateFlowLogs", "DescribeFlowLogs", "DeleteFlowLogs", "LockSnapshot", "UnlockSnapshot",
    "DescribeLockedSnapshots", "ModifyInstanceMetadataOptions", "CreateLaunchTemplate", "DescribeLaunchTemplates",
    "DeleteLaunchTemplate", "GetEbsEncryptionByDefault", "EnableEbsEncryptionByDefault", "GetLaunchTemplateData",
    "DescribeIamInstanceProfileAssociations", "AssociateIamInstanceProfile", "DisassociateIamInstanceProfile",
    "ReplaceIamInstanceProfileAssociation", "CreateVpcEndpoint", "DescribeVpcEndpoints", "DeleteVpcEndpoints",
    "DescribeInstanceTypes", "DescribeInstanceTypeOfferings", "SendDiagnosticInterrupt", "DescribeAddressesAttribute",
    "EnableSnapshotBlockPublicAccess", "DisableSnapshotBlockPublicAccess", "GetSnapshotBlockPublicAccessState",
    "CreateTrafficMirrorSession", "CreateTrafficMirrorTarget", "CreateTrafficMirrorFilter",
    "DescribeSecurityGroupRules", "ModifySecurityGroupRules", "DescribeInstanceCreditSpecifications",
})  # fmt: skip
REMOVED = "<sensitiveDataRemoved>"
_NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"


def request(operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """`requestParameters` of an EC2 call."""
    if operation in _WRAPPED:
        return {f"{operation}Request": _plain(params) or ""}
    shape = hooks.model("ec2").operation_model(operation).input_shape
    special = _SPECIAL.get(operation)
    if special is not None:
        return special(params, shape)
    return _fields(params, shape)


def _fields(params: Mapping[str, Any], shape: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, member in shape.members.items():
        if name in _ID_SETS and (name in params or name != "Resources"):
            wire, item = _ID_SETS[name]
            values = [{item: value} for value in params.get(name, [])]
            found[wire] = {"items": values} if values else {}
        elif name in params:
            found[_ALWAYS.get(name) or _camel(name, member)] = wire_value(params[name], member)
        elif name in _ALWAYS:
            found[_ALWAYS[name]] = {}
    return _tags(found)


def _tags(found: dict[str, Any]) -> dict[str, Any]:
    for name in ("tagSpecification", "tagSpecificationSet"):
        if name in found:
            items = found.pop(name)["items"]
            for item in items:
                item["tags"] = item.pop("tag", item.get("tags", {})) or {}
                item["tags"] = item["tags"].get("items", []) if isinstance(item["tags"], dict) else item["tags"]
            found["tagSpecificationSet"] = {"items": items}
    if "tag" in found:
        found["tagSet"] = found.pop("tag")
    return found


def _run_instances(params: Mapping[str, Any], shape: Any) -> dict[str, Any]:
    inside = {"ImageId": "imageId", "MinCount": "minCount", "MaxCount": "maxCount", "KeyName": "keyName"}
    rest = {name: value for name, value in params.items() if name not in inside}
    launch = {wire: params[name] for name, wire in inside.items() if name in params}
    groups = [{"groupId": value} for value in rest.pop("SecurityGroupIds", [])]
    found = {"instancesSet": {"items": [launch]}, **_fields(rest, shape)}
    for name in _ID_SETS.values():
        found.pop(name[0], None) if name[0] != "instancesSet" else None
    if groups:
        found["groupSet"] = {"items": groups}
    if "userData" in found:
        found["userData"] = REMOVED
    mapping = found.pop("blockDeviceMapping", {})
    found["blockDeviceMapping"] = mapping
    found.setdefault("monitoring", {"enabled": False})
    found.setdefault("disableApiTermination", False)
    found.setdefault("disableApiStop", False)
    return found


def _modify_instance(params: Mapping[str, Any], shape: Any) -> dict[str, Any]:
    groups = params.get("Groups")
    found = _fields({key: value for key, value in params.items() if key != "Groups"}, shape)
    if groups:
        found["groupSet"] = {"items": [{"groupId": value} for value in groups]}
    if "userData" in found:
        found["userData"] = REMOVED
    return found


def _modify_permission(params: Mapping[str, Any], shape: Any, wire: str, kind: str) -> dict[str, Any]:
    del shape
    key = "CreateVolumePermission" if "SnapshotId" in params else "LaunchPermission"
    changes: dict[str, Any] = {}
    for action, entries in (params.get(key) or {}).items():
        changes[action.lower()] = {"items": [{n[0].lower() + n[1:]: v for n, v in e.items()} for e in entries]}
    listed = [{"userId": user} for user in params.get("UserIds", [])]
    listed += [{"group": group} for group in params.get("GroupNames", params.get("UserGroups", []))]
    if listed:
        changes[str(params.get("OperationType", "add"))] = {"items": listed}
    ident = {name[0].lower() + name[1:]: params[name] for name in ("SnapshotId", "ImageId") if name in params}
    return {**ident, wire: changes, "attributeType": kind}


_SPECIAL: dict[str, Callable[[Mapping[str, Any], Any], dict[str, Any]]] = {
    "RunInstances": _run_instances,
    "ModifyInstanceAttribute": _modify_instance,
    "ModifySnapshotAttribute": lambda p, s: _modify_permission(
        p, s, "createVolumePermission", "CREATE_VOLUME_PERMISSION"
    ),
    "ModifyImageAttribute": lambda p, s: _modify_permission(p, s, "launchPermission", "launchPermission"),
}


def response(operation: str, output: Mapping[str, Any], request_id: str) -> dict[str, Any]:
    """`responseElements` of a changing EC2 call."""
    shape = hooks.model("ec2").operation_model(operation).output_shape
    if operation in _WRAPPED:
        body = {**_wire(output, shape), "requestId": request_id, "xmlns": _NAMESPACE}
        return {f"{operation}Response": body}
    if shape is None or not output:
        return {"requestId": request_id, "_return": True}
    found = {"requestId": request_id, **_wire(output, shape)}
    if "return" in found:
        found["_return"] = found.pop("return")
    return found


def _wire(output: Mapping[str, Any], shape: Any) -> dict[str, Any]:
    value = wire_value(output, shape) if shape is not None else {}
    return value if isinstance(value, dict) else {}


def wire_value(value: Any, shape: Any) -> Any:
    """A parsed value in the names of the XML on the wire."""
    if shape.type_name == "structure" and isinstance(value, Mapping):
        return {
            _camel(name, member): wire_value(value[name], member)
            for name, member in shape.members.items()
            if name in value
        }
    if shape.type_name == "list" and isinstance(value, list):
        return {"items": [wire_value(item, shape.member) for item in value]} if value else {}
    if isinstance(value, dt.datetime):
        return int(value.timestamp() * 1000)
    return value


def _camel(name: str, member: Any) -> str:
    wire = str(member.serialization.get("name", name))
    return wire[0].lower() + wire[1:]


def _plain(value: Any) -> Any:
    """Values under their model names, as wrapped requests have them; lists of one field become that field's entries."""
    if isinstance(value, Mapping):
        return {_singular(name, inner): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [{"content": item, "tag": i} if not isinstance(item, Mapping) else _plain(item)
                for i, item in enumerate(value, 1)]  # fmt: skip
    return value


def _singular(name: str, value: Any) -> str:
    return name[:-1] if isinstance(value, list) and name.endswith("s") else name
