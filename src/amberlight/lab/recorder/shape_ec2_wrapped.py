"""EC2's actions of 2015 and later: request and answer stand in a record whole, as `{Operation}Request` and `{Operation}Response`.

References:
    Real records: EnableSerialConsoleAccess, DeleteFlowLogs, DescribeInstanceTypes, CreateLaunchTemplate and twenty more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amberlight.lab import hooks
from amberlight.lab.recorder import xml_json

_OLD_WITHOUT_DRY_RUN = frozenset({
    "AssignPrivateIpAddresses", "UnassignPrivateIpAddresses", "CreateInstanceExportTask", "CancelExportTask",
    "DescribeExportTasks", "CreateReservedInstancesListing", "CancelReservedInstancesListing", "ModifyReservedInstances",
    "DescribeReservedInstancesListings", "DescribeReservedInstancesModifications", "CreateVpnConnectionRoute",
    "DeleteVpnConnectionRoute", "ModifySubnetAttribute", "ModifyVpcAttribute",
})  # fmt: skip
_NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"


def is_wrapped(operation: str) -> bool:
    """Whether an action is of the younger kind, which the model tells by how it writes `DryRun` on the wire."""
    shape = hooks.model("ec2").operation_model(operation).input_shape
    dry_run = shape.members.get("DryRun") if shape is not None else None
    if dry_run is None:
        return operation not in _OLD_WITHOUT_DRY_RUN
    return bool(dry_run.serialization.get("name") != "dryRun")


def request(operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """`requestParameters`."""
    shape = hooks.model("ec2").operation_model(operation).input_shape
    return {f"{operation}Request": xml_json.nested(params, shape, _sent) if shape is not None else ""}


def response(operation: str, output: Mapping[str, Any], request_id: str) -> dict[str, Any]:
    """`responseElements`."""
    shape = hooks.model("ec2").operation_model(operation).output_shape
    body = xml_json.plain(output, shape, answered) if shape is not None else {}
    return {f"{operation}Response": {**(body or {}), "requestId": request_id, "xmlns": _NAMESPACE}}


def _sent(name: str, member: Any) -> str:
    wire = str(member.serialization.get("queryName") or member.serialization.get("name", name))
    return wire[0].upper() + wire[1:]


def answered(name: str, member: Any) -> str:
    """The name of an element of an answer."""
    wire = str(member.serialization.get("name", name))
    return wire[0].lower() + wire[1:]
