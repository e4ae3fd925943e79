"""EC2: options of the instance metadata service, which the service obeys from the next request on.

Instances begin with version 2 only, as images of 2023 and later do, and a hop limit of 2. There is no IPv6.

References:
    ModifyInstanceMetadataOptions, InstanceMetadataOptionsRequest, EC2 API Reference, 2026-11.
    "Configure the Instance Metadata Service options", EC2 User Guide, 2026-11.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amberlight.lab import hooks
from amberlight.lab.metadata import OPTIONS
from amberlight.lab.own import Refused
from amberlight.lab.own_ec2 import serve, xml
from amberlight.lab.world import World

AFTER = ("ec2", "ec2_attributes")
REAL = {"ec2.ModifyInstanceMetadataOptions": "the metadata service obeys: tokens, endpoint, hops, tags"}

_ALLOWED = {
    "HttpTokens": ("optional", "required"), "HttpEndpoint": ("enabled", "disabled"),
    "InstanceMetadataTags": ("enabled", "disabled"), "HttpProtocolIpv6": ("disabled",),
}  # fmt: skip
_MOST_HOPS = 64


def install(world: World) -> None:
    """Put the action and its traces in descriptions in place."""
    serve({"ModifyInstanceMetadataOptions": _modify})
    _install_launch()
    _install_description()
    if world.network.wires is not None:
        world.network.wires.hops = _hops


def _hops(instance: Mapping[str, Any]) -> int:
    return int(instance.get("_metadata_options", OPTIONS)["HttpPutResponseHopLimit"])


def _modify(asked: Mapping[str, Any]) -> dict[str, Any]:
    instance = hooks.service("ec2")._instances.get(asked["InstanceId"])
    if instance is None:
        raise Refused("InvalidInstanceID.NotFound", f"The instance ID '{asked['InstanceId']}' does not exist")
    _set(instance, asked)
    return {"InstanceId": asked["InstanceId"], "InstanceMetadataOptions": _shown(instance)}


def _set(instance: dict[str, Any], asked: Mapping[str, Any]) -> None:
    changed = dict(instance.get("_metadata_options", OPTIONS))
    for name, allowed in _ALLOWED.items():
        if asked.get(name) is not None and asked[name] not in allowed:
            code = "UnsupportedOperation" if name == "HttpProtocolIpv6" else "InvalidParameterValue"
            raise Refused(code, f"{name} may be {' or '.join(allowed)} in the lab, not '{asked[name]}'")
        changed[name] = asked.get(name) or changed[name]
    hops = int(asked.get("HttpPutResponseHopLimit") or changed["HttpPutResponseHopLimit"])
    if not 1 <= hops <= _MOST_HOPS:
        raise Refused("InvalidParameterValue", "HttpPutResponseHopLimit must be between 1 and 64")
    instance["_metadata_options"] = {**changed, "HttpPutResponseHopLimit": hops}


def _shown(instance: Mapping[str, Any]) -> dict[str, Any]:
    return {"State": "applied", **instance.get("_metadata_options", OPTIONS)}


def _install_launch() -> None:
    ec2 = hooks.service("ec2")

    def run(params: dict[str, Any]) -> Any:
        prefix = "MetadataOptions."
        asked = {name.removeprefix(prefix): ec2._p(params, name) for name in params if name.startswith(prefix)}
        try:
            _set({}, asked)
        except Refused as refused:
            return ec2._error(refused.code, ec2._esc(refused.message), refused.status)
        before = set(ec2._instances.keys())
        answer = old(params)
        for instance in [each for key, each in ec2._instances.items() if key not in before]:
            _set(instance, asked)
        return answer

    old = hooks.replace("services.ec2", "_run_instances", run)


def _install_description() -> None:
    def describe(instance: dict[str, Any]) -> str:
        body, end = str(old(instance)).rstrip(), "</item>"
        inner = xml("ModifyInstanceMetadataOptions", {"InstanceMetadataOptions": _shown(instance)})
        inner = inner.replace("instanceMetadataOptions>", "metadataOptions>")
        return f"{body.removesuffix(end)}{inner}{end}"

    old = hooks.replace("services.ec2", "_instance_xml", describe)
