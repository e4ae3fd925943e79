"""S3 in CloudTrail's spelling: `bucketName`, `key`, `Host`, and the query and header names as they were sent.

References:
    "Amazon S3 CloudTrail events" and "Example: CloudTrail log file entries for Amazon S3", S3 User Guide, 2026-11.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from amberlight.lab.recorder import xml_json
from amberlight.lab.recorder.requests import Call, Request, Scope

_NAMES = {
    "ListObjectsV2": "ListObjects", "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock", "DeletePublicAccessBlock": "DeleteBucketPublicAccessBlock",
    "PutObjectLockConfiguration": "PutBucketObjectLockConfiguration",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "PutBucketLifecycleConfiguration": "PutBucketLifecycle", "GetBucketLifecycleConfiguration": "GetBucketLifecycle",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "GetBucketAccelerateConfiguration": "GetAccelerateConfiguration",
    "PutBucketAccelerateConfiguration": "PutAccelerateConfiguration",
}  # fmt: skip
_BUCKET_DATA = frozenset({"ListObjects", "ListObjectsV2", "ListObjectVersions", "ListMultipartUploads", "HeadBucket",
                          "DeleteObjects"})  # fmt: skip
_SKIPPED_HEADERS = ("x-amz-date", "x-amz-content-sha256", "x-amz-security-token", "x-amz-user-agent", "x-amz-meta-")
_SKIPPED_QUERY = ("X-Amz-Signature", "X-Amz-Security-Token", "x-id", "Signature", "x-amz-security-token")


def event_name(operation: str) -> str:
    """The name under which CloudTrail has an operation."""
    return _NAMES.get(operation, operation)


def is_data(call: Call) -> bool:
    """Whether a call is a data event, which trails record only when their selectors ask for it."""
    return "Key" in call.params or call.operation in _BUCKET_DATA


def request(call: Call, wire: Request) -> dict[str, Any]:
    """`requestParameters` of an S3 call."""
    found: dict[str, Any] = {}
    if "Bucket" in call.params:
        found["bucketName"] = call.params["Bucket"]
    if "Key" in call.params:
        found["key"] = call.params["Key"]
    found["Host"] = wire.headers.get("host", "")
    found.update({name: values[0] for name, values in wire.query.items() if name not in _SKIPPED_QUERY})
    sent = {name: value for name, value in wire.headers.items() if name.startswith("x-amz-")}
    found.update({name: value for name, value in sent.items() if not name.startswith(_SKIPPED_HEADERS)})
    if call.operation == "PutBucketPolicy":
        found["bucketPolicy"] = _json(wire.body)
    elif not is_data(call):
        found.update(xml_json.of_body(wire.body))
    return found


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")


def response(headers: Mapping[str, str]) -> dict[str, Any] | None:
    """`responseElements` of a changing S3 call: only what came back as header."""
    wanted = ("x-amz-server-side-encryption", "x-amz-version-id", "x-amz-copy-source-version-id",
              "x-amz-delete-marker")  # fmt: skip
    return {name: headers[name] for name in wanted if name in headers} or None


def additional(signature: Scope, *, sent: int, received: int, headers: Mapping[str, str]) -> dict[str, Any]:
    """`additionalEventData` of an S3 call."""
    return {
        "SignatureVersion": signature.version,
        "AuthenticationMethod": "QueryString" if signature.presigned else "AuthHeader",
        "CipherSuite": "TLS_AES_128_GCM_SHA256",
        "bytesTransferredIn": received,
        "bytesTransferredOut": sent,
        "x-amz-id-2": headers.get("x-amz-id-2", ""),
    }


def resources(call: Call, owner: str | None) -> list[dict[str, str]] | None:
    """`resources` of an S3 call; a bucket that nobody has is none."""
    bucket = call.params.get("Bucket")
    if not bucket or owner is None:
        return None
    arn = f"arn:aws:s3:::{bucket}"
    found = [{"type": "AWS::S3::Bucket", "ARN": arn, "accountId": owner}]
    if "Key" in call.params:
        found.insert(0, {"type": "AWS::S3::Object", "ARN": f"{arn}/{call.params['Key']}"})
    elif is_data(call):
        found.insert(0, {"type": "AWS::S3::Object", "ARNPrefix": f"{arn}/{call.params.get('Prefix', '')}"})
    return found
