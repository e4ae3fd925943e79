"""AWS::Lambda::Function. The environment is left out: its values may be secrets, and how items tell of it is not known to us.

References:
    Sample items of awslabs/aws-config-rdk; real answers of SelectResourceConfig, 2019: policy and tags are supplementary.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from amberlight.lab import hooks
from amberlight.lab.awsconfig.item import Reading, Relation, dump
from amberlight.lab.awsconfig.kind import Kind, Place, camel, named
from amberlight.lab.recorder.history import Event

_LEFT_OUT = ("environment", "lastUpdateStatus", "lastUpdateStatusReason", "lastUpdateStatusReasonCode")


def _name(reference: str) -> str:
    parts = reference.split(":")
    return parts[6] if reference.startswith("arn:") and len(parts) > 6 else reference  # noqa: PLR2004


async def _read(place: Place, reference: str) -> Reading | None:
    with hooks.acting_for(place.account, place.region):
        function = hooks.service("lambda_svc")._functions.get(_name(reference))
    if function is None:
        return None
    found = {key: value for key, value in camel(function["config"]).items() if key not in _LEFT_OUT}
    policy, tags = function.get("policy") or {}, dict(function.get("tags") or {})
    return Reading(
        id=found["functionName"], name=found["functionName"], arn=found["functionArn"], region=place.region,
        configuration=found, tags=tags, relations=tuple(_relations(found)),
        supplementary={
            **({"Policy": dump(policy)} if policy.get("Statement") else {}), **({"Tags": tags} if tags else {}),
        },
    )  # fmt: skip


def _relations(found: Mapping[str, Any]) -> Iterable[Relation]:
    network = found.get("vpcConfig") or {}
    yield Relation("Is associated with ", "AWS::IAM::Role", resource_name=str(found["role"]).rsplit("/", 1)[-1])
    for group in network.get("securityGroupIds") or []:
        yield Relation("Is associated with ", "AWS::EC2::SecurityGroup", group)
    for subnet in network.get("subnetIds") or []:
        yield Relation("Is contained in ", "AWS::EC2::Subnet", subnet)


async def _every(place: Place) -> Iterable[str]:
    with hooks.acting_for(place.account, place.region):
        return list(hooks.service("lambda_svc")._functions)


def _touched(event: Event) -> Iterable[str]:
    return {_name(each) for each in named(event, "FunctionName", "Resource") if "layer:" not in each}


KIND = Kind(
    name="AWS::Lambda::Function", service="lambda", touched=_touched, read=_read, every=_every,
    settling=lambda found: found.get("state") == "Pending",
)  # fmt: skip
