"""The witness of a response plan: a folder that is there, or a bucket, opened by a role of its own where the plan names one."""

from __future__ import annotations

from pathlib import Path

from amberlight._aws import Clock, Door, Sessions
from amberlight.model.errors import NotPossible
from amberlight.model.response_plan import WitnessPlan
from amberlight.vault import FolderStore, S3Store, Store


def open_witness(witness: WitnessPlan, sessions: Sessions, hub: Door, *, session: str, clock: Clock) -> Store:
    """The second place.

    Args:
        witness: Which.
        sessions: Takes on the witness's role.
        hub: Speaks to a bucket where the plan names no role.
        session: Name of the role's session.
        clock: Time.

    Raises:
        NotPossible: the folder is not there; a disk in a drawer must be plugged in, and is never made.
        CredentialsError, Unreachable: the role cannot be taken on.
    """
    if witness.bucket:
        door = sessions.role_door(witness.role, name=session) if witness.role else hub
        # A witness need not lock: what differs from the vault is an alarm, whoever changed it.
        return S3Store(door, door, witness.bucket, clock, must_lock=False)
    folder = Path(witness.place)
    if not folder.is_dir():
        raise NotPossible(f"The witness's folder {folder} is not there.", "Mount or make it, then copy again.")
    return FolderStore(folder, clock)
