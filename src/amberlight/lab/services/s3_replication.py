"""S3 replication: a replica has the version id of its source, so that both can be named by one id.

The emulator copies bytes and tags at once, gives the copy an id of its own, and leaves it without retention and legal hold; here
it has both, and a later change of them reaches it too.

References:
    "What does Amazon S3 replicate?", "Replicating objects created with Object Lock", S3 User Guide, 2026-11.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from amberlight.lab import hooks
from amberlight.lab.world import World

REAL = {
    "s3.PutBucketReplication": "new versions are copied with id, retention and legal hold, if role and policies allow it"
}

_next: ContextVar[str] = ContextVar("lab_s3_next_version", default="")


def install(_: World) -> None:
    """Record a source's version, which comes after its replica's, under the replica's id."""

    def make() -> str:
        wanted = _next.get()
        _next.set("")
        return wanted or str(old_make())

    old_make = hooks.replace("core.responses", "new_uuid", make)

    def record(bucket: str, key: str, prior: Any, made: dict[str, Any], data: Any) -> str | None:
        _next.set(str(made["_replica"][1] or "") if made.get("_replica") else "")
        try:
            found: str | None = old_record(bucket, key, prior, made, data)
        finally:
            _next.set("")
        return found

    old_record = hooks.replace("services.s3", "_record_object_version", record)
    _install_locks()


def _install_locks() -> None:
    s3 = hooks.service("s3")

    def apply(bucket: str, key: str, headers: Any, version: str | None) -> None:
        old_apply(bucket, key, headers, version)
        _mirror(bucket, key, version)

    old_apply = hooks.replace("services.s3", "_apply_object_lock_from_headers", apply)

    def retain(bucket: str, key: str, *args: Any) -> Any:
        answer = old_retain(bucket, key, *args)
        _mirror_all(bucket, key)
        return answer

    old_retain = hooks.replace("services.s3", "_put_object_retention", retain)

    def hold(bucket: str, key: str, *args: Any) -> Any:
        answer = old_hold(bucket, key, *args)
        _mirror_all(bucket, key)
        return answer

    old_hold = hooks.replace("services.s3", "_put_object_legal_hold", hold)

    def _mirror_all(bucket: str, key: str) -> None:
        for each in s3._object_versions.get((bucket, key)) or []:
            _mirror(bucket, key, each["version_id"])


def _mirror(bucket: str, key: str, version: str | None) -> None:
    """Give the replicas of a version, which have its id, its retention and legal hold."""
    s3 = hooks.service("s3")
    stores = (s3._object_retention, s3._object_legal_hold)
    found = [store.get((bucket, key, version)) for store in stores]
    for rule in (s3._bucket_replication.get(bucket) or {}).get("Rules", []):
        target = str((rule.get("Destination") or {}).get("Bucket", "")).rpartition(":::")[2]
        owner = s3._bucket_owner_account(target)
        if not version or owner is None:
            continue
        with hooks.acting_for(owner, hooks.current_region()):
            there = any(each["version_id"] == version for each in s3._object_versions.get((target, key)) or [])
            for store, value in zip(stores, found, strict=True):
                if there and value is not None:
                    store[target, key, version] = value
