"""How what an attack changed is put back, by the credential that changed it."""

from __future__ import annotations

from typing import Any

from amberlight._aws import Door
from amberlight.model.errors import Denied, NotPossible
from amberlight.vault.attack import Standing, Target, Undo


def standing_of(door: Door, bucket: str) -> Standing:
    """Read the settings with a door that may (the examiner's)."""
    return Standing(
        policy=door.call("s3.GetBucketPolicy", Bucket=bucket)["Policy"],
        lock=door.call("s3.GetObjectLockConfiguration", Bucket=bucket)["ObjectLockConfiguration"],
        lifecycle=tuple(
            _or_none(door, "GetBucketLifecycleConfiguration", bucket, "NoSuchLifecycleConfiguration", "Rules")
        ),
        public_access=_public_access_of(door, bucket),
    )


def _public_access_of(door: Door, bucket: str) -> dict[str, Any]:
    absent = "NoSuchPublicAccessBlockConfiguration"
    try:
        return dict(_or_none(door, "GetPublicAccessBlock", bucket, absent, "PublicAccessBlockConfiguration"))
    except Denied:
        return {}  # a role that may not look: what is put back is then the strictest


def _or_none(door: Door, operation: str, bucket: str, absent: str, name: str) -> Any:
    try:
        return door.call(f"s3.{operation}", Bucket=bucket)[name]
    except NotPossible as problem:
        if problem.aws_code != absent:
            raise
        return ()


def policy(door: Door, target: Target, standing: Standing, answer: dict[str, Any]) -> None:
    """The bucket's policy."""
    del answer
    door.call("s3.PutBucketPolicy", Bucket=target.bucket, Policy=standing.policy)


def lock(door: Door, target: Target, standing: Standing, answer: dict[str, Any]) -> None:
    """The default lock."""
    del answer
    door.call("s3.PutObjectLockConfiguration", Bucket=target.bucket, ObjectLockConfiguration=standing.lock)


def lifecycle(door: Door, target: Target, standing: Standing, answer: dict[str, Any]) -> None:
    """The lifecycle rules, or none."""
    del answer
    if standing.lifecycle:
        rules = {"Rules": list(standing.lifecycle)}
        door.call("s3.PutBucketLifecycleConfiguration", Bucket=target.bucket, LifecycleConfiguration=rules)
    else:
        door.call("s3.DeleteBucketLifecycle", Bucket=target.bucket)


def public_access(door: Door, target: Target, standing: Standing, answer: dict[str, Any]) -> None:
    """What is blocked of public access; where nothing was said, everything is."""
    del answer
    names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    blocked = standing.public_access or dict.fromkeys(names, True)
    door.call("s3.PutPublicAccessBlock", Bucket=target.bucket, PublicAccessBlockConfiguration=blocked)


def bucket(operation: str, **parameters: Any) -> Undo:
    """One call on the bucket that takes the change away."""

    def undo(door: Door, target: Target, standing: Standing, answer: dict[str, Any]) -> None:
        del standing, answer
        door.call(f"s3.{operation}", Bucket=target.bucket, **parameters)

    return undo


def calls(*steps: tuple[str, dict[str, Any]]) -> Undo:
    """Calls that take the change away, with fixed parameters."""

    def undo(door: Door, target: Target, standing: Standing, answer: dict[str, Any]) -> None:
        del target, standing, answer
        for operation, parameters in steps:
            door.call(operation, **parameters)

    return undo


def grant(door: Door, target: Target, standing: Standing, answer: dict[str, Any]) -> None:
    """A grant on the signing key."""
    del standing
    door.call("kms.RevokeGrant", KeyId=target.signing_key, GrantId=answer["GrantId"])


def marker(door: Door, target: Target, standing: Standing, answer: dict[str, Any]) -> None:
    """The delete marker over the canary."""
    del standing
    door.call("s3.DeleteObject", Bucket=target.bucket, Key=target.stored.key, VersionId=answer["VersionId"])
