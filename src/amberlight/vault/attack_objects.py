"""Attacks on the canary, and on the place where it lies: delete, hide, overwrite, plant, shorten, lift, read.

References:
    "Actions, resources, and condition keys for Amazon S3", Service Authorization Reference, 2026-11.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from amberlight.vault import attack_undo
from amberlight.vault.attack import EVERYBODY_INSIDE, Attack, Target

CENTURY = timedelta(days=36500)
CALLERS_KEY = b"0123456789abcdef0123456789abcdef"
"""Thirty-two bytes that stand for a key that only an attacker has."""


def on_objects(target: Target) -> Iterator[Attack]:
    """Every attack that names an object."""
    yield from _overwrites(target)
    yield from _plantings(target)
    yield from _locks(target)
    yield from _readings(target)
    yield from _removals(target)  # last: what is gone can be attacked no more


def _on(action: str, operation: str, target: Target, *, lawful: str = "", **parameters: Any) -> Attack:
    """A call on the target's bucket; `lawful` names the roles whose work it is."""
    allowed = frozenset(lawful.split())
    return Attack(
        action=action, operation=f"s3.{operation}", parameters={"Bucket": target.bucket, **parameters}, lawful=allowed
    )


def _removals(target: Target) -> Iterator[Attack]:
    key = target.stored.key
    version: dict[str, Any] = {"Key": key, "VersionId": target.stored.version}
    yield _on("delete the version", "DeleteObject", target, **version)
    hide = _on("hide it under a delete marker", "DeleteObject", target, Key=key)
    yield replace(hide, undo=attack_undo.marker)
    yield _on("delete it in a batch", "DeleteObjects", target, Delete={"Objects": [version]})
    yield _on("delete it by governance bypass", "DeleteObject", target, **version, BypassGovernanceRetention=True)


def _overwrites(target: Target) -> Iterator[Attack]:
    key = target.stored.key
    copy: dict[str, Any] = {
        "Key": key,
        "CopySource": {"Bucket": target.bucket, "Key": key, "VersionId": target.stored.version},
    }
    held: dict[str, Any] = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": CALLERS_KEY}
    written: dict[str, Any] = {"Body": b"replaced", "ChecksumAlgorithm": "SHA256"}
    yield _on("overwrite it", "PutObject", target, Key=key, **written)
    yield _on("overwrite it on condition that it is absent", "PutObject", target, Key=key, IfNoneMatch="*", **written)
    yield _on("re-encrypt it in place with the caller's key", "CopyObject", target, **copy, **held)
    yield _on("move it to another storage class", "CopyObject", target, **copy, StorageClass="GLACIER")
    tags = {"TagSet": [{"Key": "expire", "Value": "yes"}]}
    version: dict[str, Any] = {"Key": key, "VersionId": target.stored.version}
    yield _on("tag it, to steer an expiry", "PutObjectTagging", target, **version, Tagging=tags)
    yield _on("open it by an access list", "PutObjectAcl", target, **version, ACL="public-read")


def _plantings(target: Target) -> Iterator[Attack]:
    def planted(action: str, name: str, *, lawful: str = "", **more: Any) -> Attack:
        new: dict[str, Any] = {
            "Key": f"{target.prefix}/{name}",
            "Body": b"planted",
            "IfNoneMatch": "*",
            "ChecksumAlgorithm": "SHA256",
        }
        return _on(action, "PutObject", target, lawful=lawful, **new, **more)

    yield planted("plant an object", "planted", lawful="writer")
    yield planted(
        "store under a key that only the caller has",
        "callers-key",
        SSECustomerAlgorithm="AES256",
        SSECustomerKey=CALLERS_KEY,
    )
    foreign = "arn:aws:kms:us-east-1:000000000000:key/00000000-0000-0000-0000-000000000000"
    yield planted(
        "store under a KMS key of another account", "foreign-key", ServerSideEncryption="aws:kms", SSEKMSKeyId=foreign
    )
    if target.stored.retain_until is not None:
        soon = target.stored.retain_until - timedelta(hours=1)
        yield planted(
            "store with a shorter lock than the bucket's",
            "short-lock",
            ObjectLockMode="GOVERNANCE",
            ObjectLockRetainUntilDate=soon,
        )


def _locks(target: Target) -> Iterator[Attack]:
    version: dict[str, Any] = {"Key": target.stored.key, "VersionId": target.stored.version}
    until = target.stored.retain_until
    if until is not None:
        # An hour earlier: shorter, and still in the future as S3 demands.
        shorter = {**version, "Retention": {"Mode": "GOVERNANCE", "RetainUntilDate": until - timedelta(hours=1)}}
        yield _on("shorten its lock", "PutObjectRetention", target, **shorter)
        yield _on(
            "shorten its lock by governance bypass",
            "PutObjectRetention",
            target,
            **shorter,
            BypassGovernanceRetention=True,
        )
        endless = {"Mode": "GOVERNANCE", "RetainUntilDate": until + CENTURY}
        yield _on("lock it for a century", "PutObjectRetention", target, **version, Retention=endless)
    on, off = {"Status": "ON"}, {"Status": "OFF"}
    yield _on("place a hold", "PutObjectLegalHold", target, lawful="custodian", **version, LegalHold=on)
    yield _on("lift its legal hold", "PutObjectLegalHold", target, **version, LegalHold=off)


def _readings(target: Target) -> Iterator[Attack]:
    version: dict[str, Any] = {"Key": target.stored.key, "VersionId": target.stored.version}
    yield _on("read it", "GetObject", target, lawful="examiner", **version)
    yield _on("list what is there", "ListObjectVersions", target, lawful="examiner", MaxKeys=1)
    yield _on("read the bucket's policy", "GetBucketPolicy", target, lawful=EVERYBODY_INSIDE)
