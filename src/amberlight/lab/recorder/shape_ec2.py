"""EC2's actions of before 2015 in CloudTrail's spelling: names of the XML on the wire, every list as `{"items": [...]}`.

What a Describe action can be asked for by a list stands in its record also where it was not asked: `"instancesSet": {}`. Younger
actions are in `shape_ec2_wrapped`.

References:
    Real records of 50 actions; "Log Amazon EC2 API calls using AWS CloudTrail", EC2 User Guide, 2026-11.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from amberlight.lab import hooks
from amberlight.lab.recorder import shape_ec2_wrapped
from amberlight.lab.recorder.xml_json import SENSITIVE

_SETS = {
    "InstanceIds": ("instancesSet", "instanceId"), "VolumeIds": ("volumeSet", "volumeId"),
    "SnapshotIds": ("snapshotSet", "snapshotId"), "ImageIds": ("imagesSet", "imageId"),
    "GroupIds": ("securityGroupIdSet", "groupId"), "GroupNames": ("securityGroupSet", "groupName"),
    "SubnetIds": ("subnetSet", "subnetId"), "VpcIds": ("vpcSet", "vpcId"), "OwnerIds": ("ownersSet", "owner"),
    "Owners": ("ownersSet", "owner"), "KeyNames": ("keySet", "keyName"), "RegionNames": ("regionSet", "regionName"),
    "ZoneNames": ("availabilityZoneSet", "zoneName"), "ZoneIds": ("availabilityZoneIdSet", "zoneId"),
    "ExecutableUsers": ("executableBySet", "user"), "RestorableByUserIds": ("sharedUsersSet", "user"),
    "Resources": ("resourcesSet", "resourceId"), "AllocationIds": ("allocationIdsSet", "allocationId"),
    "PublicIps": ("publicIpsSet", "publicIp"), "DhcpOptionsIds": ("dhcpOptionsSet", "dhcpOptionsId"),
    "BundleIds": ("bundlesSet", "bundleId"), "AttributeNames": ("accountAttributeNameSet", "attributeName"),
    "Groups": ("groupSet", "groupId"), "SecurityGroupIds": ("groupSet", "groupId"), "SecurityGroups": ("groupSet", "groupName"),
    "Values": ("valueSet", "value"),
}  # fmt: skip
"""Lists of one value that are not called `<name>Set` after their member."""

_SETS_OF = {
    ("DescribePlacementGroups", "GroupNames"): ("placementGroupSet", "groupName"),
    ("DescribePlacementGroups", "GroupIds"): ("placementGroupIdSet", "groupId"),
}  # fmt: skip
_STRUCTURES = {"Filters": "filterSet", "Tags": "tagSet", "TagSpecifications": "tagSpecificationSet",
               "NetworkInterfaces": "networkInterfaceSet"}  # fmt: skip
_FILTER_ONLY_IF_ASKED = frozenset({"DescribeAvailabilityZones", "DescribeRegions", "DescribeBundleTasks"})
_BEYOND_THE_MODEL: dict[str, dict[str, Any]] = {
    "StopInstances": {"force": False}, "DescribeInstanceStatus": {"includeAllInstances": False},
    "DescribeKeyPairs": {"includePublicKey": False}, "AttachVolume": {"deleteOnTermination": False},
    "DeleteSnapshot": {"force": False}, "DeleteVolume": {"reportVolumeFailure": False},
    "DescribeAccountAttributes": {"filterSet": {}},
    "RunInstances": {"blockDeviceMapping": {}, "monitoring": {"enabled": False}, "disableApiTermination": False,
                     "disableApiStop": False},
    "CreateNetworkAclEntry": {"icmpTypeCode": {}, "portRange": {}},
    "ReplaceNetworkAclEntry": {"icmpTypeCode": {}, "portRange": {}},
}  # fmt: skip
"""What EC2 itself fills in, or asks itself, when the caller does not say it."""

_RENAMED = {
    ("CreateVolume", "availabilityZone"): "zone", ("CreateNetworkAclEntry", "protocol"): "aclProtocol",
    ("ReplaceNetworkAclEntry", "protocol"): "aclProtocol", ("CreateNetworkAclEntry", "icmp"): "icmpTypeCode",
    ("ReplaceNetworkAclEntry", "icmp"): "icmpTypeCode",
}  # fmt: skip
_PERMISSION = ("groups", "ipRanges", "ipv6Ranges", "prefixListIds")


def request(operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """`requestParameters` of an EC2 call."""
    if shape_ec2_wrapped.is_wrapped(operation):
        return shape_ec2_wrapped.request(operation, params)
    shape = hooks.model("ec2").operation_model(operation).input_shape
    found = _SPECIAL.get(operation, _fields)(operation, params, shape)
    found = {_RENAMED.get((operation, name), name): value for name, value in found.items()}
    if operation == "CreateVolume" and "size" in found:
        found["size"] = str(found["size"])
    return {**_BEYOND_THE_MODEL.get(operation, {}), **found}


def _fields(operation: str, params: Mapping[str, Any], shape: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, member in shape.members.items():
        wire = _set_of(operation, name, member)[0] if member.type_name == "list" else _camel(name, member)
        if name in params:
            found[wire] = _sent(operation, name, params[name], member)
        elif member.type_name == "list" and _stands_empty(operation, name, wire):
            found[wire] = {}
    return found


def _stands_empty(operation: str, name: str, wire: str) -> bool:
    """Whether a list that nobody gave is in the record."""
    if wire == "ipPermissions":
        return True
    return operation.startswith("Describe") and not (name == "Filters" and operation in _FILTER_ONLY_IF_ASKED)


def _set_of(operation: str, name: str, member: Any) -> tuple[str, str]:
    """The name of a list, and of the value in each of its items."""
    known = _SETS_OF.get((operation, name)) or _SETS.get(name)
    if known is not None:
        return known
    wire = _camel(name, member)
    if member.member.type_name == "structure":
        return _STRUCTURES.get(name, wire), ""
    single = str(member.member.serialization.get("name", wire))
    single = wire if single in ("item", "member") else single[0].lower() + single[1:]
    return f"{single}Set", single


def _sent(operation: str, name: str, value: Any, shape: Any) -> Any:
    """A parameter: like the wire, with the values of lists in items of their own."""
    if shape.metadata.get("sensitive"):
        return SENSITIVE
    if shape.type_name == "list":
        single = _set_of(operation, name, shape)[1]
        items = [{single: item} if single else _structure(operation, item, shape.member) for item in value]
        return {"items": items} if items else {}
    return _structure(operation, value, shape) if shape.type_name == "structure" else value


def _structure(operation: str, value: Mapping[str, Any], shape: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, inner in value.items():
        member = shape.members[name]
        wire = _set_of(operation, name, member)[0] if member.type_name == "list" else _camel(name, member)
        found[wire] = _sent(operation, name, inner, member)
    if shape.name == "IpPermission":
        found = {**{each: {} for each in _PERMISSION}, **found}
    if shape.name == "TagSpecification":
        found["tags"] = found.pop("tagSet", {}).get("items", [])
    return found


def _run_instances(operation: str, params: Mapping[str, Any], shape: Any) -> dict[str, Any]:
    inside = {"ImageId": "imageId", "MinCount": "minCount", "MaxCount": "maxCount", "KeyName": "keyName"}
    launch = {wire: params[name] for name, wire in inside.items() if name in params}
    found = _fields(operation, {name: value for name, value in params.items() if name not in inside}, shape)
    placement = found.pop("placement", {})
    for name in ("tenancy", "availabilityZone"):
        if name in placement:
            found[name] = placement.pop(name)
    return {"instancesSet": {"items": [launch]}, **found, **({"placement": placement} if placement else {})}


def _modify_instance(operation: str, params: Mapping[str, Any], shape: Any) -> dict[str, Any]:
    found = _fields(operation, params, shape)
    return {**found, "userData": SENSITIVE} if "userData" in found else found


def _modify_permission(key: str, wire: str, kind: str) -> Callable[[str, Mapping[str, Any], Any], dict[str, Any]]:
    def modify(operation: str, params: Mapping[str, Any], shape: Any) -> dict[str, Any]:
        del operation, shape
        changes: dict[str, Any] = {}
        for action, entries in (params.get(key) or {}).items():
            changes[action.lower()] = {"items": [{n[0].lower() + n[1:]: v for n, v in e.items()} for e in entries]}
        listed = [{"userId": user} for user in params.get("UserIds", [])]
        listed += [{"group": group} for group in params.get("GroupNames", params.get("UserGroups", []))]
        if listed:
            changes[str(params.get("OperationType", "add"))] = {"items": listed}
        ident = {name[0].lower() + name[1:]: params[name] for name in ("SnapshotId", "ImageId") if name in params}
        return {**ident, wire: changes, "attributeType": kind}

    return modify


_SPECIAL: dict[str, Callable[[str, Mapping[str, Any], Any], dict[str, Any]]] = {
    "RunInstances": _run_instances,
    "ModifyInstanceAttribute": _modify_instance,
    "ModifySnapshotAttribute": _modify_permission(
        "CreateVolumePermission", "createVolumePermission", "CREATE_VOLUME_PERMISSION"
    ),
    "ModifyImageAttribute": _modify_permission("LaunchPermission", "launchPermission", "launchPermission"),
}


def response(operation: str, output: Mapping[str, Any], request_id: str) -> dict[str, Any]:
    """`responseElements` of a changing EC2 call."""
    if shape_ec2_wrapped.is_wrapped(operation):
        return shape_ec2_wrapped.response(operation, output, request_id)
    shape = hooks.model("ec2").operation_model(operation).output_shape
    found = {"requestId": request_id, **(_answered(output, shape) if shape is not None else {})}
    if "return" in found:
        found["_return"] = found.pop("return")
    if len(found) == 1 or operation == "CreateSecurityGroup":
        found["_return"] = True
    if operation == "RunInstances":
        _launched(found)
    if operation == "CreateVolume":
        found = {{"availabilityZone": "zone"}.get(name, name): value for name, value in found.items()}
        found["size"] = str(found.get("size", ""))
    return found


def _launched(found: dict[str, Any]) -> None:
    """At launch no device is attached yet, and what has no members stands empty."""
    found.setdefault("groupSet", {})
    for instance in found.get("instancesSet", {}).get("items", []):
        instance["blockDeviceMapping"] = {}
        instance.setdefault("productCodes", {})
        for interface in instance.get("networkInterfaceSet", {}).get("items", []):
            for name in ("ipv6AddressesSet", "tagSet"):
                interface.setdefault(name, {})


def _answered(value: Any, shape: Any) -> Any:
    """A parsed answer in the names of the XML on the wire."""
    if shape.type_name == "structure" and isinstance(value, Mapping):
        return {
            _camel(name, member): SENSITIVE if member.metadata.get("sensitive") else _answered(value[name], member)
            for name, member in shape.members.items()
            if name in value
        }
    if shape.type_name == "list" and isinstance(value, list):
        # One list of all has its members in `item`, in every real record.
        key = "item" if shape.name == "InstancePrivateIpAddressList" else "items"
        return {key: [_answered(item, shape.member) for item in value]} if value else {}
    return int(value.timestamp() * 1000) if isinstance(value, dt.datetime) else value


_camel = shape_ec2_wrapped.answered
