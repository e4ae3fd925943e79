"""What is billed in the lab now: running instances, volumes, snapshots and keys by the hour, requests by the piece.

Stored bytes, traffic and everything else are not billed.

References:
    "Understanding your usage types", "Amazon S3 pricing" (tiers of requests), "EBS direct APIs pricing", 2026-11.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from amberlight.lab import hooks
from amberlight.lab.cost import prices
from amberlight.lab.cost.ledger import Ledger, Use
from amberlight.lab.options import REGION
from amberlight.lab.recorder.identity import Caller
from amberlight.lab.recorder.requests import Call

_HOURS_A_MONTH = 730.0
_VOLUMES = {"standard": "", "io1": ".piops"}
_TIER_1 = ("Put", "Copy", "Create", "Complete", "Upload", "List", "Restore")
_EBS = {"GetSnapshotBlock": "Get", "PutSnapshotBlock": "Put", "ListSnapshotBlocks": "List", "ListChangedBlocks": "List"}


def running() -> Mapping[Use, float]:
    """What runs now, with its quantity in an hour."""
    found: Counter[Use] = Counter()
    for use, quantity in (*_instances(), *_storage(), *_keys()):
        found[use] += quantity  # type: ignore[assignment]  # a counter of hours and gigabytes
    return found


def _instances() -> Iterator[tuple[Use, float]]:
    for (account, region, _), instance in hooks.service("ec2")._instances.all_items():
        if instance["State"]["Name"] == "running":
            kind = f"BoxUsage:{instance['InstanceType']}"
            yield Use(account, region, prices.COMPUTE, kind, "RunInstances"), 1.0


def _storage() -> Iterator[tuple[Use, float]]:
    ec2 = hooks.service("ec2")
    for (account, region, _), volume in ec2._volumes.all_items():
        kind = str(volume["VolumeType"])
        usage = "EBS:VolumeUsage" + _VOLUMES.get(kind, f".{kind}")
        yield (
            Use(account, region, prices.OTHER, usage, f"CreateVolume-{kind.capitalize()}"),
            volume["Size"] / _HOURS_A_MONTH,
        )
    for (account, region, _), snapshot in ec2._snapshots.all_items():
        if snapshot["OwnerId"] == account:
            use = Use(account, region, prices.OTHER, "EBS:SnapshotUsage", "CreateSnapshot")
            yield use, int(snapshot["VolumeSize"]) / _HOURS_A_MONTH


def _keys() -> Iterator[tuple[Use, float]]:
    for (account, region, _), key in hooks.service("kms")._keys.all_items():
        if key.get("KeyManager", "CUSTOMER") == "CUSTOMER" and key.get("KeyState") != "PendingDeletion":
            yield Use(account, region, prices.KMS, "KMS-Keys", "Unknown"), 1 / _HOURS_A_MONTH


def count(ledger: Ledger, caller: Caller, region: str, call: Call) -> None:
    """Bill a request."""
    use = _request(caller, region, call)
    if use is not None:
        ledger.add(use, 1.0)


def _request(caller: Caller, region: str, call: Call) -> Use | None:
    if call.service == "s3":
        if call.operation.startswith(("Delete", "Abort")):
            return None
        tier = "Requests-Tier1" if call.operation.startswith(_TIER_1) else "Requests-Tier2"
        return Use(_owner(caller, call.params), region, prices.S3, tier, call.operation)
    if call.service == "kms":
        return Use(caller.account, region, prices.KMS, "KMS-Requests", call.operation)
    if call.service == "ebs" and call.operation in _EBS:
        usage = f"EBS:directAPI.snapshot.{_EBS[call.operation]}"
        return Use(caller.account, region, prices.OTHER, usage, call.operation)
    if call.service == "ce":
        return Use(caller.account, REGION, prices.EXPLORER, "APIRequest", call.operation)
    return None


def _owner(caller: Caller, params: Mapping[str, Any]) -> str:
    """Requests are billed to the owner of the bucket."""
    bucket = params.get("Bucket")
    return str((bucket and hooks.service("s3")._bucket_owner_account(bucket)) or caller.account)
