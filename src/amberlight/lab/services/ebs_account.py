"""EC2: what an account says once for all its disks of a Region: encryption unasked, and no public snapshots.

References:
    EnableEbsEncryptionByDefault, EnableSnapshotBlockPublicAccess, EC2 API Reference, and "Block public access for Amazon EBS
    snapshots" (`block-all-sharing` also takes away what is public already, and gives it back afterwards), EBS User Guide, 2026-11.
    `unblocked` is no state to enable (`InvalidRequest`, seen in public reports).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from amberlight.lab import hooks
from amberlight.lab.disks.disks import Disks
from amberlight.lab.services.ec2 import default_key
from amberlight.lab.world import World

_BLOCKS = ("block-all-sharing", "block-new-sharing")


def install(world: World) -> None:
    """Add the actions."""
    table, disks = hooks.service("ec2")._ACTION_MAP, world.disks
    table["EnableEbsEncryptionByDefault"] = _switch(disks, "Enable", disks.encrypted.add)
    table["DisableEbsEncryptionByDefault"] = _switch(disks, "Disable", disks.encrypted.discard)
    table["GetEbsEncryptionByDefault"] = _switch(disks, "Get", lambda _: None)
    table["GetEbsDefaultKmsKeyId"] = lambda _: _xml("GetEbsDefaultKmsKeyId", f"<kmsKeyId>{default_key()}</kmsKeyId>")
    table["EnableSnapshotBlockPublicAccess"] = lambda params: _enable(disks, params)
    table["DisableSnapshotBlockPublicAccess"] = lambda _: _block(disks, "Disable", "unblocked")
    table["GetSnapshotBlockPublicAccessState"] = lambda _: _xml(
        "GetSnapshotBlockPublicAccessState",
        f"<state>{disks.public_state(*_here())}</state><managedBy>account</managedBy>",
    )


def _here() -> tuple[str, str]:
    return hooks.current_account(), hooks.current_region()


def _xml(operation: str, inner: str) -> Any:
    return hooks.service("ec2")._xml(200, f"{operation}Response", inner)


def _switch(disks: Disks, verb: str, act: Callable[[tuple[str, str]], None]) -> Callable[[dict[str, Any]], Any]:
    def handle(_: dict[str, Any]) -> Any:
        act(_here())
        on = str(disks.encrypts(*_here())).lower()
        return _xml(f"{verb}EbsEncryptionByDefault", f"<ebsEncryptionByDefault>{on}</ebsEncryptionByDefault>")

    return handle


def _enable(disks: Disks, params: dict[str, Any]) -> Any:
    ec2 = hooks.service("ec2")
    state = ec2._p(params, "State", "")
    if state not in _BLOCKS:
        said = f"Value '{state}' for State is not valid. Valid values are 'block-all-sharing' and 'block-new-sharing'."
        return ec2._error("InvalidRequest", ec2._esc(said), 400)
    return _block(disks, "Enable", state)


def _block(disks: Disks, verb: str, state: str) -> Any:
    disks.public[_here()] = state
    for snapshot in hooks.service("ec2")._snapshots.values():
        snapshot["_public_off"] = state == "block-all-sharing"
    return _xml(f"{verb}SnapshotBlockPublicAccess", f"<state>{state}</state>")
