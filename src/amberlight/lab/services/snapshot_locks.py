"""EBS snapshot locks: nobody deletes a snapshot before its lock ends, nor shortens a lock in compliance mode.

References:
    LockSnapshot, UnlockSnapshot, DescribeLockedSnapshots, EC2 API Reference, 2026-11.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from amberlight.lab import clock, hooks
from amberlight.lab.world import World

_DAY_S = 86400.0


def install(_: World) -> None:
    """Add the actions."""
    table = hooks.service("ec2")._ACTION_MAP
    table["LockSnapshot"] = _lock
    table["UnlockSnapshot"] = _unlock
    table["DescribeLockedSnapshots"] = _describe_locked


def param(params: dict[str, Any], name: str) -> str:
    """A parameter of a request, or nothing."""
    return str(hooks.service("ec2")._p(params, name, "") or "")


def refusal(code: str, message: str) -> Any:
    """An error as EC2 answers it."""
    return hooks.service("ec2")._error(code, message, 400)


def missing(snapshot_id: str) -> Any:
    """The error for a snapshot that the caller cannot see."""
    return refusal("InvalidSnapshot.NotFound", f"The snapshot '{snapshot_id}' does not exist.")


def lock_state(snapshot: dict[str, Any]) -> str | None:
    """`governance`, `compliance`, `compliance-cooloff`, or None when not locked (any more)."""
    lock = snapshot.get("_lock")
    now = clock.now()
    if lock is None or lock["until"] <= now:
        return None
    if lock["mode"] == "compliance" and now < lock["cool_off_until"]:
        return "compliance-cooloff"
    return str(lock["mode"])


def _lock(params: dict[str, Any]) -> Any:
    ec2 = hooks.service("ec2")
    snapshot = ec2._snapshots.get(param(params, "SnapshotId"))
    mode = param(params, "LockMode")
    if snapshot is None:
        return missing(param(params, "SnapshotId"))
    if mode not in ("governance", "compliance"):
        return refusal("InvalidParameterValue", "LockMode must be governance or compliance.")
    now = clock.now()
    until = _lock_end(params, now)
    if until is None:
        return refusal("MissingParameter", "Specify either LockDuration or ExpirationDate.")
    if lock_state(snapshot) == "compliance" and (until < snapshot["_lock"]["until"] or mode != "compliance"):
        return refusal("OperationNotPermitted", "A lock in compliance mode can only be extended.")
    hours = float(param(params, "CoolOffPeriod") or 0)
    snapshot["_lock"] = {"mode": mode, "since": now, "until": until, "cool_off_until": now + hours * 3600}
    inner = _lock_xml(snapshot, f"<coolOffPeriod>{int(hours)}</coolOffPeriod>" if hours else "")
    return ec2._xml(200, "LockSnapshotResponse", inner)


def _lock_end(params: dict[str, Any], now: float) -> float | None:
    days, date = param(params, "LockDuration"), param(params, "ExpirationDate")
    if date:
        return dt.datetime.fromisoformat(date).timestamp()
    return now + int(days) * _DAY_S if days else None


def _lock_xml(snapshot: dict[str, Any], extra: str = "") -> str:
    lock = snapshot["_lock"]
    days = max(1, round((lock["until"] - lock["since"]) / _DAY_S))
    cool = lock["cool_off_until"]
    extra += f"<coolOffPeriodExpiresOn>{clock.iso(cool)}</coolOffPeriodExpiresOn>" if cool > lock["since"] else ""
    return (
        f"<snapshotId>{snapshot['SnapshotId']}</snapshotId><lockState>{lock_state(snapshot)}</lockState>"
        f"<lockDuration>{days}</lockDuration>{extra}<lockCreatedOn>{clock.iso(lock['since'])}</lockCreatedOn>"
        f"<lockExpiresOn>{clock.iso(lock['until'])}</lockExpiresOn>"
        f"<lockDurationStartTime>{clock.iso(lock['since'])}</lockDurationStartTime>"
    )


def _unlock(params: dict[str, Any]) -> Any:
    ec2 = hooks.service("ec2")
    snapshot = ec2._snapshots.get(param(params, "SnapshotId"))
    if snapshot is None:
        return missing(param(params, "SnapshotId"))
    state = lock_state(snapshot)
    if state == "compliance":
        return refusal("OperationNotPermitted", "A snapshot that is locked in compliance mode cannot be unlocked.")
    if state is None:
        return refusal("SnapshotLockNotFound", "The snapshot is not locked.")
    del snapshot["_lock"]
    return ec2._xml(200, "UnlockSnapshotResponse", f"<snapshotId>{snapshot['SnapshotId']}</snapshotId>")


def _describe_locked(params: dict[str, Any]) -> Any:
    ec2 = hooks.service("ec2")
    ids, filters = ec2._parse_member_list(params, "SnapshotId"), ec2._parse_filters(params)
    states = filters.get("lock-state")
    items = "".join(
        f"<item><ownerId>{snapshot['OwnerId']}</ownerId>{_lock_xml(snapshot)}</item>"
        for snapshot in ec2._snapshots.values()
        if lock_state(snapshot) is not None
        and (not ids or snapshot["SnapshotId"] in ids)
        and (not states or lock_state(snapshot) in states)
    )
    return ec2._xml(200, "DescribeLockedSnapshotsResponse", f"<snapshotSet>{items}</snapshotSet>")
