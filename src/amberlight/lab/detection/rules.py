"""Which recorded calls make which GuardDuty finding: one row for each that can be decided from the call itself.

What AWS decides by a model of each identity (`AnomalousBehavior`), by its lists of addresses or by packets is not here: the
owner plants it.

References:
    "GuardDuty IAM finding types" and "GuardDuty S3 Protection finding types", GuardDuty User Guide, 2026-11: what causes each,
    and its default severity (low 2, medium 5, high 8); "Severity levels for GuardDuty findings".
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from typing import Any

from amberlight.lab import hooks
from amberlight.lab.detection import seen as parts
from amberlight.lab.detection.guardduty import Made
from amberlight.lab.detection.seen import Seen
from amberlight.lab.recorder.requests import Call

LOW, MEDIUM, HIGH = 2.0, 5.0, 8.0


@dataclasses.dataclass(frozen=True)
class Rule:
    """A row: the finding, the calls that it is about (none named: all), and what else must be so."""

    type: str
    severity: float
    calls: frozenset[str]
    holds: Callable[[Seen], bool]
    title: str
    description: str
    about: Callable[[Seen], dict[str, Any]] = lambda _: {}
    """Members of `resource` beside the access key."""


def judge(seen: Seen) -> list[Made]:
    """The findings that a call makes."""
    return [_make(rule, seen) for rule in RULES if (not rule.calls or seen.name in rule.calls) and rule.holds(seen)]


def _make(rule: Rule, seen: Seen) -> Made:
    words = seen.words()
    return Made(
        type=rule.type, severity=rule.severity, title=rule.title.format(**words), when=seen.event.time,
        description=rule.description.format(**words), action=parts.api_call(seen),
        resource={"resourceType": "AccessKey", "accessKeyDetails": parts.key_details(seen), **rule.about(seen)},
        subject=json.dumps([words["principal"], words["bucket"], words["trail"], words["instance"]]),
    )  # fmt: skip


def look_before(call: Call, account: str, region: str) -> Any:
    """What rules need to know of a thing as it was before the call that changed it."""
    del region
    if call.service == "iam" and call.operation.endswith("AccountPasswordPolicy"):
        return dict(hooks.service("iam")._account_password_policy.get_scoped(account, None, "policy") or {})
    if call.service == "s3" and call.operation == "PutBucketLogging":
        return (
            hooks.service("s3")._bucket_logging_config.get_scoped(account, None, str(call.params.get("Bucket"))) or ""
        )
    if call.service == "s3" and call.operation == "DeleteBucket":
        return _log_buckets(account)
    return None


def _log_buckets(account: str) -> frozenset[str]:
    trails = hooks.service("cloudtrail")._trails.all_items()
    return frozenset(str(trail["S3BucketName"]) for (owner, _, _), trail in trails if owner == account)


def _weaker(seen: Seen) -> bool:
    """Fewer characters, fewer kinds of them, a longer life, or more reuse than before; deletion always is."""
    if not seen.succeeded:
        return False
    asked, before = seen.call.params, {"MinimumPasswordLength": 8, **seen.before}
    lower = any(
        int(asked.get(name, before.get(name, 0))) < int(before.get(name, 0))
        for name in ("MinimumPasswordLength", "PasswordReusePrevention")
    )
    fewer = any(before.get(name) and asked.get(name) is False for name in before if name.startswith("Require"))
    longer = int(asked.get("MaxPasswordAge", 0)) > int(before.get("MaxPasswordAge", 0)) > 0
    return seen.call.operation.startswith("Delete") or lower or fewer or longer


def _outside(seen: Seen) -> bool:
    return bool(seen.instance) and seen.at is None


def _inside(seen: Seen) -> bool:
    return bool(seen.instance) and seen.at is not None and seen.at.account != seen.event.account


def _trail_off(seen: Seen) -> bool:
    return seen.succeeded and (seen.call.service == "cloudtrail" or seen.call.params["Bucket"] in seen.before)


def _block_off(seen: Seen) -> bool:
    wanted = seen.call.params.get("PublicAccessBlockConfiguration", {})
    names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    return seen.succeeded and not all(wanted.get(name) for name in names)


def _granted(group: str, canned: tuple[str, ...]) -> Callable[[Seen], bool]:
    def holds(seen: Seen) -> bool:
        return seen.succeeded and (_by_acl(seen, group, canned) or (group == "AllUsers" and _by_policy(seen)))

    return holds


def _by_acl(seen: Seen, group: str, canned: tuple[str, ...]) -> bool:
    if seen.call.operation != "PutBucketAcl" or _blocked(seen, "IgnorePublicAcls"):
        return False
    return seen.call.params.get("ACL") in canned or f"groups/global/{group}" in json.dumps(seen.call.params)


def _by_policy(seen: Seen) -> bool:
    policy = (seen.record["requestParameters"] or {}).get("bucketPolicy")
    if not policy or _blocked(seen, "RestrictPublicBuckets"):
        return False
    return bool(hooks.service("s3")._policy_is_public(json.dumps(policy)))


def _blocked(seen: Seen, setting: str) -> bool:
    return bool(hooks.service("s3")._public_access_blocked(seen.event.account, seen.call.params["Bucket"], setting))


def _logs_off(seen: Seen) -> bool:
    wanted: Mapping[str, Any] = seen.call.params.get("BucketLoggingStatus") or {}
    return seen.succeeded and "LoggingEnabled" not in wanted and "LoggingEnabled" in seen.before


def _bucket(seen: Seen) -> dict[str, Any]:
    return {"s3BucketDetails": [parts.bucket_details(seen)]}


def _instance(seen: Seen) -> dict[str, Any]:
    return {"instanceDetails": parts.instance_details(seen)}


RULES: tuple[Rule, ...] = (
    Rule(
        "Policy:IAMUser/RootCredentialUsage", LOW, frozenset(), lambda seen: seen.identity["type"] == "Root",
        "API {api} was invoked using root credentials.",
        "API {api} was invoked using root credentials from IP address {address}.",
    ),
    Rule(
        "Stealth:IAMUser/CloudTrailLoggingDisabled", LOW,
        frozenset({"cloudtrail:StopLogging", "cloudtrail:DeleteTrail", "cloudtrail:UpdateTrail", "s3:DeleteBucket"}),
        _trail_off,
        "AWS CloudTrail trail {trail}{bucket} was disabled.",
        "AWS CloudTrail trail {trail}{bucket} was disabled by {principal} calling {api}.",
    ),
    Rule(
        "Stealth:IAMUser/PasswordPolicyChange", LOW,
        frozenset({"iam:UpdateAccountPasswordPolicy", "iam:DeleteAccountPasswordPolicy"}), _weaker,
        "Account password policy was weakened by calling {api}.",
        "Account password policy was weakened by {principal} calling {api}.",
    ),
    Rule(
        "UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS", HIGH, frozenset(), _outside,
        "Credentials for the EC2 instance role {user} were used from an external IP address.",
        "Credentials created exclusively for an EC2 instance using instance role {user} have been used from an external IP "
        "address {address}.", _instance,
    ),
    Rule(
        # Medium, for all accounts of the lab are of one organization: affiliated.
        "UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.InsideAWS", MEDIUM, frozenset(), _inside,
        "Credentials for the EC2 instance role {user} were used from a remote AWS account.",
        "Credentials created exclusively for an EC2 instance using instance role {user} have been used from a remote AWS "
        "account at IP address {address}.", _instance,
    ),
    Rule(
        "Policy:S3/BucketBlockPublicAccessDisabled", LOW,
        frozenset({"s3:PutPublicAccessBlock", "s3:DeletePublicAccessBlock"}), _block_off,
        "Amazon S3 Block Public Access was disabled for S3 bucket {bucket}.",
        "Amazon S3 Block Public Access was disabled for S3 bucket {bucket} by {principal} calling {api}.", _bucket,
    ),
    Rule(
        "Policy:S3/BucketAnonymousAccessGranted", HIGH, frozenset({"s3:PutBucketPolicy", "s3:PutBucketAcl"}),
        _granted("AllUsers", ("public-read", "public-read-write")),
        "Amazon S3 bucket {bucket} was granted anonymous access.",
        "Anonymous access to Amazon S3 bucket {bucket} was granted by {principal} calling {api}.", _bucket,
    ),
    Rule(
        "Policy:S3/BucketPublicAccessGranted", HIGH, frozenset({"s3:PutBucketAcl"}),
        _granted("AuthenticatedUsers", ("authenticated-read",)),
        "Amazon S3 bucket {bucket} was granted access for all AWS users.",
        "Access for all AWS users to Amazon S3 bucket {bucket} was granted by {principal} calling {api}.", _bucket,
    ),
    Rule(
        "Stealth:S3/ServerAccessLoggingDisabled", LOW, frozenset({"s3:PutBucketLogging"}), _logs_off,
        "Amazon S3 server access logging was disabled for S3 bucket {bucket}.",
        "Amazon S3 server access logging was disabled for S3 bucket {bucket} by {principal} calling {api}.", _bucket,
    ),
)  # fmt: skip
