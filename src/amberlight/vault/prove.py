"""Attacks on the vault: every way to alter, delete, shorten or hide, with every credential, and the store's own answers.

A canary is attacked, made beforehand by the writer; no evidence is named in any request. Attempts on the bucket's settings
would touch everything if they were let through: give `standing`, and what was let through is put back at once by the same
credential. An answer counts as a refusal only if the store gave it; a connection that fails, or a door of ours that does
not open, proves nothing and is raised.

References:
    "Error responses", Amazon S3 API Reference, 2026-11: AccessDenied, PreconditionFailed, InvalidBucketState.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from amberlight._aws import Door
from amberlight.model.custody import Attempt, Stored
from amberlight.model.errors import Denied, NotPossible
from amberlight.vault.store import Exists, Store

REFUSALS = frozenset(
    {"AccessDenied", "ObjectLocked", "PreconditionFailed", "InvalidBucketState", "MethodNotAllowed", "BucketNotEmpty"}
)
"""Answers by which S3 refuses an attempt that it understood. `MalformedPolicy` is none: it is said to who may write one."""
CANARY_BYTES = b"Nothing of value. This object exists to be attacked.\n"
RESIDUAL = (
    "The vault account's root can remove the bucket's policy unless an SCP forbids it; Object Lock holds all the same.",
    "The organisation's management account stands above SCPs and can close the vault account, locked objects and all.",
    "AWS itself, by law or by support, can reach what it stores.",
    "Whoever may sign with the key and write to the vault can lie at the moment of capture; nothing later can.",
)
"""What no attempt can show, because AWS would allow it."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The bucket's settings as they stand, to be put back: policy text, Object Lock configuration, lifecycle rules."""

    policy: str
    lock: dict[str, Any]
    lifecycle: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Attack:
    """One way in: what it is called, the operation, its parameters, and whether it is about the whole bucket."""

    action: str
    operation: str
    parameters: dict[str, Any]
    undo: Callable[[Door, str, Standing], None] | None = None


def standing_of(door: Door, bucket: str) -> Standing:
    """Read the settings with a door that may (the examiner's)."""
    return Standing(
        policy=door.call("s3.GetBucketPolicy", Bucket=bucket)["Policy"],
        lock=door.call("s3.GetObjectLockConfiguration", Bucket=bucket)["ObjectLockConfiguration"],
        lifecycle=_lifecycle_of(door, bucket),
    )


def _lifecycle_of(door: Door, bucket: str) -> tuple[dict[str, Any], ...]:
    try:
        return tuple(door.call("s3.GetBucketLifecycleConfiguration", Bucket=bucket)["Rules"])
    except NotPossible as problem:
        if problem.aws_code != "NoSuchLifecycleConfiguration":
            raise
        return ()


def plant(store: Store, case_id: str) -> Stored:
    """The canary of a case: made now, or the one that is there."""
    key = f"cases/{case_id}/canary/attempts.txt"
    try:
        return store.put(key, [CANARY_BYTES], media_type="text/plain")
    except Exists:
        found = store.find(key)
        if found is None:
            raise
        return found


def attempt(
    doors: Mapping[str, Door], bucket: str, stored: Stored, *, standing: Standing | None = None
) -> tuple[Attempt, ...]:
    """Try every attack with every door, in order of the doors' names as given.

    Args:
        doors: Role name to a door with that role's credentials, allowed to make any call.
        bucket: The vault's bucket.
        stored: The canary.
        standing: Settings to put back when an attempt on them is let through.

    Raises:
        Unreachable, CredentialsError, Undeclared, NotPossible: the store gave no answer that settles an attempt.
    """
    return tuple(
        _answer(role, door, bucket, attack, standing)
        for role, door in doors.items()
        for attack in attacks(bucket, stored)
    )


def _answer(role: str, door: Door, bucket: str, attack: Attack, standing: Standing | None) -> Attempt:
    try:
        answer = door.call(attack.operation, Bucket=bucket, **attack.parameters)
    except (Denied, NotPossible) as problem:
        if isinstance(problem, NotPossible) and problem.aws_code not in REFUSALS:
            raise
        return Attempt(
            role=role, action=attack.action, refused=True, answer=_words(problem), request_id=problem.request_id
        )
    refused = [each for each in answer.get("Errors", ()) if each.get("Code") in REFUSALS]
    if refused and not answer.get("Deleted"):
        words = f"{refused[0]['Code']}: {refused[0].get('Message', '')}"
        return Attempt(role=role, action=attack.action, refused=True, answer=words)
    words = "let through"
    if attack.undo and standing:
        attack.undo(door, bucket, standing)
        words += ", and put back"
    return Attempt(role=role, action=attack.action, refused=False, answer=words)


def _words(problem: Denied | NotPossible) -> str:
    """The store's own words: its code and message."""
    response = getattr(problem.__cause__, "response", None) or {}
    message = response.get("Error", {}).get("Message", "") or problem.cause
    return f"{problem.aws_code}: {message}"


def attacks(bucket: str, stored: Stored) -> Iterator[Attack]:
    """Every attack on an object and on the bucket that holds it."""
    yield from _removals(stored)
    yield from _overwrites(stored)
    yield from _shortenings(stored)
    yield from _settings(bucket, stored)


def _removals(stored: Stored) -> Iterator[Attack]:
    version = {"Key": stored.key, "VersionId": stored.version}
    yield Attack(action="delete the version", operation="s3.DeleteObject", parameters=version)
    yield Attack(action="hide it under a delete marker", operation="s3.DeleteObject", parameters={"Key": stored.key})
    yield Attack(
        action="delete it in a batch", operation="s3.DeleteObjects", parameters={"Delete": {"Objects": [version]}}
    )
    yield Attack(
        action="delete it by governance bypass",
        operation="s3.DeleteObject",
        parameters={**version, "BypassGovernanceRetention": True},
    )


def _overwrites(stored: Stored) -> Iterator[Attack]:
    body = {"Key": stored.key, "Body": b"replaced"}
    yield Attack(action="overwrite it", operation="s3.PutObject", parameters=body)
    yield Attack(
        action="overwrite it on condition that it is absent",
        operation="s3.PutObject",
        parameters={**body, "IfNoneMatch": "*"},
    )


def _shortenings(stored: Stored) -> Iterator[Attack]:
    version = {"Key": stored.key, "VersionId": stored.version}
    if stored.retain_until is not None:
        # An hour earlier: shorter, and still in the future as S3 demands.
        sooner = {"Mode": "GOVERNANCE", "RetainUntilDate": stored.retain_until - timedelta(hours=1)}
        shorter = {**version, "Retention": sooner}
        yield Attack(action="shorten its lock", operation="s3.PutObjectRetention", parameters=shorter)
        yield Attack(
            action="shorten its lock by governance bypass",
            operation="s3.PutObjectRetention",
            parameters={**shorter, "BypassGovernanceRetention": True},
        )
    yield Attack(
        action="lift its legal hold",
        operation="s3.PutObjectLegalHold",
        parameters={**version, "LegalHold": {"Status": "OFF"}},
    )


def _settings(bucket: str, stored: Stored) -> Iterator[Attack]:
    expire = {
        "ID": "expire",
        "Status": "Enabled",
        "Filter": {"Prefix": stored.key},
        "Expiration": {"Days": 1},
    }
    # Valid, and harmless by itself: what it takes away is everything else that stands there.
    weak = {"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteBucket", "Resource": f"arn:aws:s3:::{bucket}"}
    yield Attack(
        action="suspend versioning",
        operation="s3.PutBucketVersioning",
        parameters={"VersioningConfiguration": {"Status": "Suspended"}},
    )
    yield Attack(
        action="turn the default lock off",
        operation="s3.PutObjectLockConfiguration",
        parameters={"ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled"}},
        undo=_lock_again,
    )
    yield Attack(
        action="let it expire by lifecycle",
        operation="s3.PutBucketLifecycleConfiguration",
        parameters={"LifecycleConfiguration": {"Rules": [expire]}},
        undo=_lifecycle_again,
    )
    yield Attack(
        action="weaken the bucket's policy",
        operation="s3.PutBucketPolicy",
        parameters={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [weak]})},
        undo=_policy_again,
    )
    yield Attack(
        action="remove the bucket's policy", operation="s3.DeleteBucketPolicy", parameters={}, undo=_policy_again
    )
    yield Attack(action="delete the bucket", operation="s3.DeleteBucket", parameters={})


def _policy_again(door: Door, bucket: str, standing: Standing) -> None:
    door.call("s3.PutBucketPolicy", Bucket=bucket, Policy=standing.policy)


def _lock_again(door: Door, bucket: str, standing: Standing) -> None:
    door.call("s3.PutObjectLockConfiguration", Bucket=bucket, ObjectLockConfiguration=standing.lock)


def _lifecycle_again(door: Door, bucket: str, standing: Standing) -> None:
    if standing.lifecycle:
        rules = {"Rules": list(standing.lifecycle)}
        door.call("s3.PutBucketLifecycleConfiguration", Bucket=bucket, LifecycleConfiguration=rules)
    else:
        door.call("s3.DeleteBucketLifecycle", Bucket=bucket)
