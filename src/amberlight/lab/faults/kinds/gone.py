"""A resource vanishes between two calls: right after a call that named it, it is deleted.

It really is: an instance is terminated and its host ends, a snapshot or the object's newest version is deleted, by AWS itself,
so that no trail says who did it. What cannot be deleted (a locked version) stays, and is not counted.
"""

from __future__ import annotations

import re
import sys
from typing import Any, Literal

from amberlight.lab import hooks
from amberlight.lab.faults.fault import CallFault, Facts, Patterns, matches
from amberlight.lab.faults.points import Inner, Points, Reply, facts_of
from amberlight.lab.recorder.middleware import Passing

_IDS = {"instance": re.compile(rb"\bi-[0-9a-f]{8,17}\b"), "snapshot": re.compile(rb"\bsnap-[0-9a-f]{8,17}\b")}


class Gone(CallFault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which kind of `resource`; `id` narrows it (an object's is `BUCKET/KEY`)."""

    resource: Literal["instance", "snapshot", "object"]
    id: Patterns = "*"


FAULT = Gone
EXAMPLE = """
- fault: gone
  resource: snapshot
  operation: DescribeSnapshots
  skip: 1
  count: 1
- fault: gone
  resource: object
  operation: ListObjectsV2
  id: "cloudtrail-logs/AWSLogs/*"
  count: 1
"""


def install(points: Points) -> None:
    """Delete what a call named, once it is answered."""

    async def handler(passing: Passing, inner: Inner, go: Any) -> Reply:
        reply: Reply = await go(inner)
        facts = facts_of(passing)
        if reply[0] < 300 and points.board.may_strike("gone", facts):  # noqa: PLR2004
            for kind in ("instance", "snapshot", "object"):
                await _vanish(points, passing, (kind, facts), reply[2])
        return reply

    points.handler("answer", handler)


async def _vanish(points: Points, passing: Passing, what: tuple[str, Facts], answer: Any) -> None:
    kind, facts = what
    named = _named(kind, passing, answer if isinstance(answer, bytes) else b"")

    def wanted(placed: Any) -> bool:
        fault = placed.fault
        return fault.resource == kind and any(matches(fault.id, name) for name in named)

    struck = points.board.strike("gone", facts, wanted)
    if struck is not None and isinstance(struck.fault, Gone):
        name = next(name for name in named if matches(struck.fault.id, name))
        try:
            await _delete(kind, name, facts)
        except RuntimeError as error:
            struck.spare()
            sys.stderr.write(f"NOT GONE: {kind} {name}: {error}\n")


def _named(kind: str, passing: Passing, answer: bytes) -> list[str]:
    """Ids that the call or its answer named and that the caller's account has, in order."""
    if kind == "object":
        return _objects(passing, answer)
    text = passing.wire.body + answer
    store = hooks.service("ec2")._instances if kind == "instance" else hooks.service("ec2")._snapshots
    return [name for name in dict.fromkeys(each.decode() for each in _IDS[kind].findall(text)) if name in store]


def _objects(passing: Passing, answer: bytes) -> list[str]:
    params = passing.call.params if passing.call and passing.call.service == "s3" else {}
    bucket = params.get("Bucket")
    if not bucket:
        return []
    keys = [params["Key"]] if "Key" in params else [m.decode() for m in re.findall(rb"<Key>([^<&]+)</Key>", answer)]
    return [f"{bucket}/{key}" for key in keys]


async def _delete(kind: str, name: str, facts: Facts) -> None:
    where = (facts.account, facts.region)
    if kind == "instance":
        await hooks.call(*where, "ec2", "TerminateInstances", InstanceIds=[name])
    elif kind == "snapshot":
        await hooks.call(*where, "ec2", "DeleteSnapshot", SnapshotId=name)
    else:
        bucket, _, key = name.partition("/")
        _delete_object(bucket, key, facts.region)


def _delete_object(bucket: str, key: str, region: str) -> None:
    s3 = hooks.service("s3")
    with hooks.acting_for(s3._bucket_owner_account(bucket), region):
        newest = s3._ensure_bucket(bucket)["objects"].get(key) or {}
        version = {"versionId": [newest["version_id"]]} if newest.get("version_id") else {}
        status, _, answer = s3._delete_object(bucket, key, {}, version)
    if status >= 300:  # noqa: PLR2004
        raise RuntimeError(str(answer))
