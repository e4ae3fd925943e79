"""Route 53 Resolver's query logging: its configurations.

A configuration logs nothing until it is associated with a network. The lab's networks have no resolver whose queries could be
logged, so an association is refused; all else about a configuration is as on AWS.

References:
    CreateResolverQueryLogConfig and its neighbours, Route 53 Resolver API Reference, 2026-11: ids, statuses, destinations.
"""

from __future__ import annotations

import datetime as dt
import re
import secrets
from collections.abc import Mapping
from typing import Any

from amberlight.lab import clock, hooks
from amberlight.lab.own import Refused, paged, serve
from amberlight.lab.world import World

Place = tuple[str, str]
_DESTINATION = re.compile(r"arn:aws:(s3:::|logs:[^:]+:\d{12}:log-group:|firehose:[^:]+:\d{12}:deliverystream/).+")
_MOST = 100


class Configurations:
    """By account and Region."""

    def __init__(self) -> None:
        self._all: dict[Place, dict[str, dict[str, Any]]] = {}

    def _mine(self) -> dict[str, dict[str, Any]]:
        return self._all.setdefault((hooks.current_account(), hooks.current_region()), {})

    def create(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Make one; the same request id gives the same one again."""
        mine, request = self._mine(), asked["CreatorRequestId"]
        for known in mine.values():
            if known["CreatorRequestId"] == request:
                return {"ResolverQueryLogConfig": known}
        if not _DESTINATION.fullmatch(asked["DestinationArn"]):
            raise Refused("InvalidParameterException", "The destination is no bucket, log group or delivery stream.")
        ident = f"rqlc-{secrets.token_hex(8)[:15]}"
        place = f"{hooks.current_region()}:{hooks.current_account()}"
        mine[ident] = {
            "Id": ident, "OwnerId": hooks.current_account(), "Status": "CREATED", "ShareStatus": "NOT_SHARED",
            "AssociationCount": 0, "Arn": f"arn:aws:route53resolver:{place}:resolver-query-log-config/{ident}",
            "Name": asked["Name"], "DestinationArn": asked["DestinationArn"], "CreatorRequestId": request,
            "CreationTime": dt.datetime.fromtimestamp(clock.now(), dt.UTC).isoformat().replace("+00:00", "Z"),
        }  # fmt: skip
        return {"ResolverQueryLogConfig": mine[ident]}

    def get(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """One by its id."""
        ident = asked["ResolverQueryLogConfigId"]
        if ident not in self._mine():
            raise Refused("ResourceNotFoundException", f"Resolver query logging configuration {ident} does not exist.")
        return {"ResolverQueryLogConfig": self._mine()[ident]}

    def delete(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Remove one."""
        found = self.get(asked)["ResolverQueryLogConfig"]
        del self._mine()[found["Id"]]
        return {"ResolverQueryLogConfig": {**found, "Status": "DELETING"}}

    def page(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Some of them."""
        if asked.get("Filters") or asked.get("SortBy"):
            raise Refused("InvalidParameterException", "The lab does not filter or sort query logging configurations.")
        items = list(self._mine().values())
        found, following = paged(
            items, asked.get("NextToken"), asked.get("MaxResults"), most=_MOST, code="InvalidNextTokenException"
        )
        return {"ResolverQueryLogConfigs": list(found), "NextToken": following, "TotalCount": len(items),
                "TotalFilteredCount": len(items)}  # fmt: skip

    def associate(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Refused: see the module's docstring."""
        self.get(asked)
        raise Refused("InvalidRequestException", "The lab's networks have no resolver whose queries could be logged.")


def install(_: World) -> None:
    """Serve the API."""
    made = Configurations()
    serve("route53resolver", {
        "CreateResolverQueryLogConfig": made.create, "GetResolverQueryLogConfig": made.get,
        "DeleteResolverQueryLogConfig": made.delete, "ListResolverQueryLogConfigs": made.page,
        "AssociateResolverQueryLogConfig": made.associate,
    })  # fmt: skip
