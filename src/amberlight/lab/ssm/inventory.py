"""Inventory: what Systems Manager knows of a host without being told to gather more.

That is `AWS:InstanceInformation`. Other types are gathered by associations, which the lab has not: of them there is nothing, as on AWS
where no association gathers them.

References:
    GetInventory, ListInventoryEntries, AWS Systems Manager API Reference; "Metadata collected by inventory", User Guide, 2026-11.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amberlight.lab import clock
from amberlight.lab.own import Operation, Refused, paged
from amberlight.lab.ssm.agents import Agents

TYPE, SCHEMA = "AWS:InstanceInformation", "1.0"

_MOST = 50
_STATUS = {"Online": "Active", "ConnectionLost": "ConnectionLost"}


class Inventory:
    """Inventory over the agents."""

    def __init__(self, agents: Agents) -> None:
        self._agents = agents

    def operations(self) -> dict[str, Operation]:
        """The API."""
        return {"GetInventory": self._get, "ListInventoryEntries": self._list}

    def _get(self, asked: dict[str, Any]) -> dict[str, Any]:
        if absent := [name for name in ("Aggregators", "ResultAttributes") if asked.get(name)]:
            raise Refused("ValidationException", f"The lab has no {', '.join(absent)} of inventory.")
        rows = [row for row in self._agents.rows() if all(_matches(row, each) for each in asked.get("Filters") or [])]
        page, following = paged(
            rows, asked.get("NextToken"), asked.get("MaxResults"), most=_MOST, code="InvalidNextToken"
        )
        return {"Entities": [_entity(row) for row in page], "NextToken": following}

    def _list(self, asked: dict[str, Any]) -> dict[str, Any]:
        row = next((each for each in self._agents.rows() if each["InstanceId"] == asked["InstanceId"]), None)
        if row is None:
            raise Refused("InvalidInstanceId", f"{asked['InstanceId']} is not a managed node of this account.")
        if asked.get("Filters"):
            raise Refused("InvalidFilter", "The lab does not filter the entries of one node.")
        known = asked["TypeName"] == TYPE
        moment = clock.iso(row["LastPingDateTime"])
        return {
            "TypeName": asked["TypeName"], "InstanceId": row["InstanceId"], "Entries": [_entry(row)] if known else [],
            "SchemaVersion": SCHEMA if known else None, "CaptureTime": moment if known else None,
        }  # fmt: skip


def _entry(row: Mapping[str, Any]) -> dict[str, str]:
    return {
        "AgentType": "amazon-ssm-agent", "AgentVersion": row["AgentVersion"], "InstanceId": row["InstanceId"],
        "ComputerName": row["ComputerName"] or "", "IpAddress": row["IPAddress"] or "",
        "InstanceStatus": _STATUS[row["PingStatus"]], "PlatformName": row["PlatformName"],
        "PlatformType": row["PlatformType"], "PlatformVersion": row["PlatformVersion"],
        "ResourceType": row["ResourceType"],
    }  # fmt: skip


def _entity(row: Mapping[str, Any]) -> dict[str, Any]:
    item = {"TypeName": TYPE, "SchemaVersion": SCHEMA, "CaptureTime": clock.iso(row["LastPingDateTime"]),
            "Content": [_entry(row)]}  # fmt: skip
    return {"Id": row["InstanceId"], "Data": {TYPE: item}}


def _matches(row: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    name = str(wanted["Key"]).removeprefix(f"{TYPE}.")
    entry = _entry(row)
    if name not in entry or wanted.get("Type", "Equal") not in ("Equal", "NotEqual"):
        raise Refused(
            "InvalidFilter", f"The lab does not filter inventory by {wanted['Key']} {wanted.get('Type', '')}."
        )
    return bool(entry[name] in wanted["Values"]) is (wanted.get("Type", "Equal") == "Equal")
