"""What Lambda's records have beyond the public model: an environment without variables, the unpacked size of layers.

References:
    A real record of UpdateFunctionConfiguration: `environment: {}` also where none was sent, `layers[].uncompressedCodeSize`; nothing
    of a network, a key or a reason that the function has not.
"""

from __future__ import annotations

import io
import zipfile
from typing import Any

from amberlight.lab import hooks

_LAYER_PARTS = 8
_UNSET = ("kMSKeyArn", "stateReason", "stateReasonCode", "lastUpdateStatusReason", "lastUpdateStatusReasonCode")


def complete(shaped: dict[str, Any]) -> None:
    """Make an answer in CloudTrail's spelling what AWS would have answered."""
    for name in _UNSET:
        if shaped.get(name) == "":
            del shaped[name]
    if not shaped.get("vpcConfig", {}).get("vpcId", True):
        del shaped["vpcConfig"]
    if "functionArn" in shaped and "runtime" in shaped:
        shaped.setdefault("environment", {})
    for layer in shaped.get("layers") or []:
        size = _unpacked(str(layer.get("arn", "")))
        if size is not None:
            layer["uncompressedCodeSize"] = size


def _unpacked(arn: str) -> int | None:
    parts = arn.split(":")
    if len(parts) != _LAYER_PARTS:
        return None
    region, account, _, name, number = parts[3:]
    found = hooks.service("lambda_svc")._layers.get_scoped(account, region, name) or {}
    packed = next((each["_zip_data"] for each in found.get("versions", []) if str(each["Version"]) == number), None)
    if not packed:
        return None
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        return sum(each.file_size for each in archive.infolist())
