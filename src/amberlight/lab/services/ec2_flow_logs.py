"""VPC flow logs: the kernel's counts of each wire, written by delivery.logs.amazonaws.com to S3 or CloudWatch Logs.

A record covers MaxAggregationInterval times the lab's `flow_log_scale`, and is delivered when that is over. Metadata and
mirrored packets are not in it, as on AWS. A bucket needs its policy before the flow log is made (AWS adds one itself where the
caller may).

References:
    CreateFlowLogs, DescribeFlowLogs, DeleteFlowLogs, EC2 API Reference, 2026-11.
    "Publish flow logs to Amazon S3", "Flow log files", "Publish flow logs to CloudWatch Logs", VPC User Guide, 2026-11: keys,
    bucket policy, role, names of streams.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from typing import Any

from amberlight.lab import clock, flows, hooks
from amberlight.lab.flow_delivery import RESOURCES, FlowLog, Place, bucket_problem, deliver, interfaces
from amberlight.lab.flows import Reader
from amberlight.lab.own import Refused, paged
from amberlight.lab.own_ec2 import matches, serve, tagged, tags_of
from amberlight.lab.wire import Wires
from amberlight.lab.world import World

AFTER = ("ec2_groups",)
REAL = {
    "ec2.CreateFlowLogs": "counts of real packets, accepted and rejected, delivered to S3 or CloudWatch Logs",
    "ec2.DeleteFlowLogs": "nothing is counted or delivered any more",
    "ec2.DescribeFlowLogs": "the flow logs, and whether they could be delivered",
}

_INTERVALS = (60, 600)
_MISSING = {"VPC": "InvalidVpcId.NotFound", "Subnet": "InvalidSubnetID.NotFound",
            "NetworkInterface": "InvalidNetworkInterfaceID.NotFound"}  # fmt: skip
_DEFAULT = " ".join(f"${{{name}}}" for name in flows.DEFAULT)
_FILTERS = {
    "deliver-log-status": "DeliverLogsStatus", "log-destination-type": "LogDestinationType", "flow-log-id": "FlowLogId",
    "log-group-name": "LogGroupName", "resource-id": "ResourceId", "traffic-type": "TrafficType",
}  # fmt: skip


class FlowLogs:
    """All of a lab."""

    def __init__(self, wires: Wires | None, scale: float) -> None:
        self._all: dict[str, FlowLog] = {}
        self._scale = scale
        self._reader = Reader(wires) if wires is not None else None
        if wires is not None:
            wires.counts = lambda place, each: any(log.covers(place, each) for log in self._all.values())

    def create(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """CreateFlowLogs."""
        if self._reader is None:
            raise Refused("UnsupportedOperation", "The lab cannot count packets in this run; see its limits.")
        settings, names = _settings(asked)
        made, failed = [], []
        for resource in asked.get("ResourceIds") or []:
            problem = self._problem(asked["ResourceType"], resource, settings)
            if problem is None:
                made.append(self._make(asked, resource, settings, names))
            else:
                failed.append({"ResourceId": resource, "Error": {"Code": problem[0], "Message": problem[1]}})
        return {"FlowLogIds": made, "Unsuccessful": failed, "ClientToken": asked.get("ClientToken")}

    def _make(
        self, asked: Mapping[str, Any], resource: str, settings: dict[str, Any], names: tuple[str, ...]
    ) -> str:  # fmt: skip
        ident, now = f"fl-{secrets.token_hex(9)[:17]}", clock.now()
        shown = {**settings, "FlowLogId": ident, "ResourceId": resource, "CreationTime": now, "FlowLogStatus": "ACTIVE",
                 "DeliverLogsStatus": "SUCCESS"}  # fmt: skip
        if not self._all and self._reader is not None:
            self._reader.start()
        self._all[ident] = FlowLog(_here(), asked["ResourceType"], shown, names, now)
        tagged(asked, "vpc-flow-log", ident)
        return ident

    def _problem(self, kind: str, resource: str, settings: Mapping[str, Any]) -> tuple[str, str] | None:
        ec2 = hooks.service("ec2")
        store = {"VPC": ec2._vpcs, "Subnet": ec2._subnets, "NetworkInterface": ec2._network_interfaces}[kind]
        if store.get(resource) is None:
            return _MISSING[kind], f"The {kind} ID '{resource}' does not exist"
        same = ("LogDestinationType", "LogDestination", "LogGroupName", "TrafficType", "LogFormat")
        for log in self._mine():
            if log.shown["ResourceId"] == resource and all(log.shown.get(n) == settings.get(n) for n in same):
                return "FlowLogAlreadyExists", (
                    "Error. There is an existing Flow Log with the same configuration and log destination."
                )
        return bucket_problem(settings["LogDestination"], _here()) if settings["LogDestinationType"] == "s3" else None

    def _mine(self) -> list[FlowLog]:
        return [log for log in self._all.values() if log.place == _here()]

    def describe(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """DescribeFlowLogs."""
        wanted = asked.get("FlowLogIds")
        found = [
            {**log.shown, "Tags": tags_of(log.shown["FlowLogId"])} for log in self._mine()
            if (not wanted or log.shown["FlowLogId"] in wanted)
            and matches(log.shown, asked.get("Filter"), _FILTERS, log.shown["FlowLogId"])
        ]  # fmt: skip
        page, following = paged(
            found, asked.get("NextToken"), asked.get("MaxResults"), most=1000, code="InvalidNextToken"
        )
        return {"FlowLogs": page, "NextToken": following}

    def delete(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """DeleteFlowLogs; what was collected is delivered first."""
        failed = []
        mine = {log.shown["FlowLogId"] for log in self._mine()}
        for ident in asked.get("FlowLogIds") or []:
            if ident in mine:
                self._collect()
                deliver(self._all.pop(ident), clock.now())
            else:
                said = f"The flow log ID '{ident}' does not exist"
                failed.append({"ResourceId": ident, "Error": {"Code": "InvalidFlowLogId.NotFound", "Message": said}})
        return {"Unsuccessful": failed}

    def tick(self) -> None:
        """Collect, and deliver what is due."""
        self._collect()
        now = clock.now()
        for log in list(self._all.values()):
            if now >= log.since + log.shown["MaxAggregationInterval"] * self._scale:
                deliver(log, now)

    def _collect(self) -> None:
        if self._reader is None or self._reader.read.empty():
            return
        known = {ident: (place, each) for ident, place, each in interfaces()}
        for key, tally in _drained(self._reader.read):
            for log in self._all.values():
                if key.interface in known and log.covers(*known[key.interface]):
                    log.take(key, tally)
        for name in _drained(self._reader.skipped):
            for log in self._all.values():
                if name in known and log.covers(*known[name]):
                    log.skipped.add(name)


def install(world: World) -> None:
    """Put the actions in place."""
    logs = FlowLogs(world.network.wires, world.options.flow_log_scale)
    serve({"CreateFlowLogs": logs.create, "DescribeFlowLogs": logs.describe, "DeleteFlowLogs": logs.delete})
    world.jobs.append(logs.tick)


def _here() -> Place:
    return hooks.current_account(), hooks.current_region()


def _drained(waiting: Any) -> Iterator[Any]:
    while not waiting.empty():
        yield waiting.get()


def _settings(asked: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What DescribeFlowLogs says of a new flow log, and the fields of its records."""
    kind = asked.get("LogDestinationType") or "cloud-watch-logs"
    options = asked.get("DestinationOptions") or {}
    if asked.get("ResourceType") not in RESOURCES or kind not in ("s3", "cloud-watch-logs"):
        raise Refused(
            "UnsupportedOperation", "The lab logs flows of VPCs, subnets and interfaces, to S3 or CloudWatch Logs."
        )
    if options.get("FileFormat", "plain-text") != "plain-text" or asked.get("TagFieldSpecifications"):
        raise Refused("UnsupportedOperation", "The lab writes plain text, and no tags into records.")
    interval = int(asked.get("MaxAggregationInterval") or 600)
    if interval not in _INTERVALS:
        raise Refused("InvalidParameter", f"MaxAggregationInterval must be one of {_INTERVALS}")
    traffic = asked.get("TrafficType") or ""
    if traffic not in ("ACCEPT", "REJECT", "ALL"):
        raise Refused("InvalidParameter", "TrafficType must be ACCEPT, REJECT or ALL")
    log_format = asked.get("LogFormat") or _DEFAULT
    try:
        names = flows.fields(log_format)
    except ValueError as error:
        raise Refused("InvalidParameter", f"Unknown fields provided, or fields the lab cannot fill: {error}") from error
    return {
        "TrafficType": traffic, "LogDestinationType": kind, "LogFormat": log_format, "MaxAggregationInterval": interval,
        **_destination(asked, kind), "DestinationOptions": {
            "FileFormat": "plain-text", "HiveCompatiblePartitions": bool(options.get("HiveCompatiblePartitions")),
            "PerHourPartition": bool(options.get("PerHourPartition"))} if kind == "s3" else None,
    }, names  # fmt: skip


def _destination(asked: Mapping[str, Any], kind: str) -> dict[str, Any]:
    if kind == "s3":
        if not str(asked.get("LogDestination", "")).startswith("arn:aws:s3:::"):
            raise Refused("InvalidParameter", "LogDestination must be the ARN of a bucket")
        return {"LogDestination": asked["LogDestination"]}
    arn = str(asked.get("LogDestination") or "")
    name = asked.get("LogGroupName") or arn.removesuffix(":*").rpartition("log-group:")[2]
    if not name or not asked.get("DeliverLogsPermissionArn"):
        raise Refused("InvalidParameter", "LogGroupName and DeliverLogsPermissionArn are needed for CloudWatch Logs")
    return {"LogGroupName": name, "DeliverLogsPermissionArn": asked["DeliverLogsPermissionArn"]}
