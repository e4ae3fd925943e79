"""AWS::S3::Bucket: nearly everything about it stands in `supplementaryConfiguration`.

References:
    Real items of buckets, 2017 to 2022: the access control list is JSON in a text, versioning that was never set is `Off`, and
    what was never set otherwise is absent (encryption, tags, lock) or holds nulls (policy, logging, acceleration).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from amberlight.lab import hooks
from amberlight.lab.awsconfig.item import Reading, dump
from amberlight.lab.awsconfig.kind import Kind, Place, camel, moment, named, tag_map
from amberlight.lab.recorder import responses
from amberlight.lab.recorder.history import Event

_GRANTEES = {
    "http://acs.amazonaws.com/groups/global/AllUsers": "AllUsers",
    "http://acs.amazonaws.com/groups/global/AuthenticatedUsers": "AuthenticatedUsers",
    "http://acs.amazonaws.com/groups/s3/LogDelivery": "LogDelivery",
}
_PERMISSIONS = {"FULL_CONTROL": "FullControl", "READ": "Read", "WRITE": "Write", "READ_ACP": "ReadAcp",
                "WRITE_ACP": "WriteAcp"}  # fmt: skip


def _asked(operation: str, answer: tuple[int, Mapping[str, str], Any]) -> dict[str, Any]:
    """The answer of one of S3's own functions; nothing when S3 says that there is no such configuration."""
    status, headers, body = answer
    raw = body if isinstance(body, bytes) else str(body).encode()
    return responses.parse("s3", operation, status, headers, raw) if status < 300 else {}  # noqa: PLR2004


def _list_of_grants(answer: Mapping[str, Any]) -> str:
    owner = {"displayName": None, "id": answer.get("Owner", {}).get("ID")}
    grants = [
        {"grantee": _GRANTEES.get(each["Grantee"].get("URI", "")) or {"id": each["Grantee"].get("ID"), "displayName": None},
         "permission": _PERMISSIONS.get(each["Permission"], each["Permission"])}
        for each in answer.get("Grants", [])
    ]  # fmt: skip
    return dump({"grantSet": None, "grantList": grants, "owner": owner, "isRequesterCharged": False})


def _notifications(answer: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for kind, arn in (("Topic", "TopicArn"), ("Queue", "QueueArn"), ("LambdaFunction", "LambdaFunctionArn")):
        for each in answer.get(f"{kind}Configurations", []):
            name = {"TopicArn": "topicARN", "QueueArn": "queueARN", "LambdaFunctionArn": "functionARN"}[arn]
            filters = {
                "s3KeyFilter": {"filterRules": camel(each.get("Filter", {}).get("Key", {}).get("FilterRules", []))}
            }
            found[str(each.get("Id"))] = {
                "type": f"{kind.removesuffix('Function')}Configuration", name: each[arn], "events": each["Events"],
                "objectPrefixes": [], "filter": filters if each.get("Filter") else None,
            }  # fmt: skip
    return {"configurations": found}


def _always(s3: Any, name: str) -> dict[str, Any]:
    logged = _asked("GetBucketLogging", s3._get_bucket_logging(name)).get("LoggingEnabled", {})
    versioning = _asked("GetBucketVersioning", s3._get_bucket_versioning(name))
    accelerated = _asked("GetBucketAccelerateConfiguration", s3._get_bucket_accelerate(name))
    payer = _asked("GetBucketRequestPayment", s3._get_bucket_request_payment(name)).get("Payer")
    return {
        "AccessControlList": _list_of_grants(_asked("GetBucketAcl", s3._get_bucket_acl(name))),
        "BucketAccelerateConfiguration": {"status": accelerated.get("Status")},
        "BucketLoggingConfiguration": {"destinationBucketName": logged.get("TargetBucket"),
                                       "logFilePrefix": logged.get("TargetPrefix")},
        "BucketNotificationConfiguration": _notifications(
            _asked("GetBucketNotificationConfiguration", s3._get_bucket_notification(name))),
        "BucketPolicy": {"policyText": s3._bucket_policies.get(name)},
        "BucketVersioningConfiguration": {"status": versioning.get("Status", "Off"), "isMfaDeleteEnabled": None},
        "IsRequesterPaysEnabled": payer == "Requester",
    }  # fmt: skip


def _lifecycle(answer: Mapping[str, Any]) -> dict[str, Any]:
    return {"rules": camel(answer.get("Rules", []))}


def _encryption(answer: Mapping[str, Any]) -> dict[str, Any]:
    rules = [
        {"applyServerSideEncryptionByDefault": {"sseAlgorithm": default.get("SSEAlgorithm"),
                                                "kmsMasterKeyID": default.get("KMSMasterKeyID")},
         "bucketKeyEnabled": each.get("BucketKeyEnabled", False)}
        for each in answer.get("ServerSideEncryptionConfiguration", {}).get("Rules", [])
        if (default := each.get("ApplyServerSideEncryptionByDefault", {}))
    ]  # fmt: skip
    return {"rules": rules}


_Part = tuple[str, str, str, Callable[[Mapping[str, Any]], Any]]
_SOMETIMES: tuple[_Part, ...] = (
    ("ServerSideEncryptionConfiguration", "GetBucketEncryption", "_get_bucket_encryption", _encryption),
    ("PublicAccessBlockConfiguration", "GetPublicAccessBlock", "_get_public_access_block",
     lambda answer: camel(answer.get("PublicAccessBlockConfiguration", {}))),
    ("BucketTaggingConfiguration", "GetBucketTagging", "_get_bucket_tagging",
     lambda answer: {"tagSets": [{"tags": tag_map(answer.get("TagSet", []))}]}),
    ("ObjectLockConfiguration", "GetObjectLockConfiguration", "_get_object_lock_configuration",
     lambda answer: camel(answer.get("ObjectLockConfiguration", {}))),
    ("BucketLifecycleConfiguration", "GetBucketLifecycleConfiguration", "_get_bucket_lifecycle", _lifecycle),
    ("BucketReplicationConfiguration", "GetBucketReplication", "_get_bucket_replication",
     lambda answer: camel(answer.get("ReplicationConfiguration", {}))),
)  # fmt: skip


async def _read(place: Place, reference: str) -> Reading | None:
    s3 = hooks.service("s3")
    name = reference.removeprefix("arn:aws:s3:::")
    with hooks.acting_for(place.account, place.region):
        bucket = s3._buckets.get(name)
        if bucket is None:
            return None
        supplementary = _always(s3, name)
        for part, operation, function, write in _SOMETIMES:
            answer = _asked(operation, getattr(s3, function)(name))
            if answer:
                supplementary[part] = write(answer)
    owner = _asked_owner(supplementary)
    tags = supplementary.get("BucketTaggingConfiguration", {"tagSets": [{"tags": {}}]})["tagSets"][0]["tags"]
    created = moment(bucket["created"])
    return Reading(
        id=name, name=name, arn=f"arn:aws:s3:::{name}", region=bucket.get("region") or place.region, zone="Regional",
        created=created, tags=tags, supplementary=supplementary,
        configuration={"name": name, "owner": {"displayName": None, "id": owner}, "creationDate": created},
    )  # fmt: skip


def _asked_owner(supplementary: Mapping[str, Any]) -> str | None:
    found = json.loads(supplementary["AccessControlList"])["owner"]["id"]
    return str(found) if found else None


async def _every(place: Place) -> Iterable[str]:
    with hooks.acting_for(place.account, place.region):
        return list(hooks.service("s3")._buckets)


def _touched(event: Event) -> Iterable[str]:
    return named(event, "Bucket")


KIND = Kind(
    name="AWS::S3::Bucket", service="s3", touched=_touched, read=_read, every=_every, everywhere=True
)  # fmt: skip
