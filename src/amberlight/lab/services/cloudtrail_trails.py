"""CloudTrail's trails, as strict as AWS: names, buckets, keys, organisations, selectors; and what the lab's trails have not.

A trail of the organisation is made by its management account (the lab's `security`). Members see it, and cannot change it.

References:
    CreateTrail, UpdateTrail, PutEventSelectors, GetInsightSelectors (their errors), CloudTrail API Reference, 2026-11.
    "Creating a trail for an organization", "Quotas in AWS CloudTrail" (five trails a Region), CloudTrail User Guide, 2026-11.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from amberlight.lab import hooks
from amberlight.lab.options import REGION
from amberlight.lab.recorder import selector_rules
from amberlight.lab.recorder.delivery import may_deliver
from amberlight.lab.recorder.selectors import Organisation, account_of
from amberlight.lab.world import World

AFTER = ("cloudtrail", "organizations")

Handler = Callable[[dict[str, Any]], Any]
Problem = tuple[str, str]
_NAME = re.compile(r"[a-zA-Z0-9](?:[._-]?[a-zA-Z0-9])*")
_TRAILS_A_REGION = 5
_OK = 300


def install(world: World) -> None:
    """Put the operations in place."""
    whole = _organisation(world)
    world.delivery.organisation = whole
    table = hooks.service("cloudtrail")._DISPATCH
    _show_shadows(whole)
    _guard_shadows()
    table["CreateTrail"] = _checked(table["CreateTrail"], lambda body: _creation(body, whole))
    table["UpdateTrail"] = _checked(table["UpdateTrail"], lambda body: _update(body, whole))
    table["PutEventSelectors"] = _checked(table["PutEventSelectors"], selector_rules.problem)
    table["GetEventSelectors"] = _as_owner(table["GetEventSelectors"], whole)
    table["GetInsightSelectors"] = _insights
    for name in hooks.model("cloudtrail").operation_names:
        table.setdefault(name, lambda _, name=name: _refuse("UnsupportedOperationException", f"The lab has no {name}."))


def _refuse(code: str, message: str) -> Any:
    return hooks.service("cloudtrail")._err(code, message)


def _checked(old: Handler, problem: Callable[[dict[str, Any]], Problem | None]) -> Handler:
    def handle(body: dict[str, Any]) -> Any:
        found = problem(body)
        return _refuse(*found) if found else old(body)

    return handle


def _organisation(world: World) -> Organisation:
    management = world.accounts["security"].id

    def ident() -> str:
        org = hooks.service("organizations")
        with hooks.acting_for(management, REGION):
            org._ensure_org()
            return str(org._orgs["self"]["Id"])

    members = {account.id for account in world.accounts.values()} - {management}
    return Organisation(management, frozenset(members), ident)


def _show_shadows(whole: Organisation) -> None:
    """Members see the organisation's trails, by their ARN."""

    def shadows() -> list[Mapping[str, Any]]:
        if hooks.current_account() not in whole.members:
            return []
        found = hooks.service("cloudtrail")._account_trail_items(whole.management)
        return [trail for _, _, trail in found if trail.get("IsOrganizationTrail")]

    def items(*, include_shadow_trails: bool = True) -> Any:
        near = [
            trail
            for trail in shadows()
            if trail["HomeRegion"] == hooks.current_region() or (include_shadow_trails and trail["IsMultiRegionTrail"])
        ]
        return [*listed(include_shadow_trails=include_shadow_trails), *((t["HomeRegion"], t["Name"], t) for t in near)]

    def find(raw: str) -> Any:
        for trail in shadows():
            if trail["TrailARN"] == raw:
                return trail["Name"], trail["HomeRegion"], trail
        return found(raw)

    listed = hooks.replace("services.cloudtrail", "_visible_trail_items", items)
    found = hooks.replace("services.cloudtrail", "_find_visible_trail", find)


def _guard_shadows() -> None:
    """Members change nothing of the organisation's trails."""

    def mutable(raw: str) -> Any:
        trail = (
            hooks.service("cloudtrail")._find_visible_trail(raw)[2] if raw.startswith("arn:aws:cloudtrail:") else None
        )
        if trail is not None and account_of(trail) != hooks.current_account():
            said = "Only the management account of the organization can change its trails."
            return raw, None, None, _refuse("NotOrganizationMasterAccountException", said)
        return old(raw)

    old = hooks.replace("services.cloudtrail", "_find_mutable_trail", mutable)


def _as_owner(old: Handler, whole: Organisation) -> Handler:
    """What is kept with a trail is kept in its own account."""

    def handle(body: dict[str, Any]) -> Any:
        parts = str(body.get("TrailName", "")).split(":")
        if len(parts) > 4 and parts[4] == whole.management and hooks.current_account() in whole.members:  # noqa: PLR2004
            if hooks.service("cloudtrail")._find_visible_trail(":".join(parts))[2] is None:
                return _refuse("TrailNotFoundException", f"Unknown trail: {':'.join(parts)}")
            with hooks.acting_for(whole.management, hooks.current_region()):
                return old(body)
        return old(body)

    return handle


def _insights(body: dict[str, Any]) -> Any:
    """No trail of the lab's has insights, so the answer is that of a trail that has none."""
    if "EventDataStore" in body:
        return _refuse("UnsupportedOperationException", "The lab has no event data stores.")
    name = str(body.get("TrailName", ""))
    if hooks.service("cloudtrail")._find_visible_trail(name)[2] is None:
        return _refuse("TrailNotFoundException", f"Unknown trail: {name}")
    return _refuse("InsightNotEnabledException", f"Trail {name} does not have Insights enabled.")


def _creation(body: dict[str, Any], whole: Organisation) -> Problem | None:
    name = str(body.get("Name", ""))
    if not 3 <= len(name) <= 128 or not _NAME.fullmatch(name) or _is_address(name):  # noqa: PLR2004
        return (
            "InvalidTrailNameException",
            "Trail name must have 3 to 128 letters, digits, and single marks (._-) between.",
        )
    if len(hooks.service("cloudtrail")._visible_trail_items()) >= _TRAILS_A_REGION:
        return "MaximumNumberOfTrailsExceededException", f"User already has {_TRAILS_A_REGION} trails in this Region."
    return _problem(body, whole)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _update(body: dict[str, Any], whole: Organisation) -> Problem | None:
    name = str(body.get("Name", ""))
    trail, error = hooks.service("cloudtrail")._find_mutable_trail(name)[2:]
    if error:
        # The emulator gives the same error; checks of a trail that is not there would hide it.
        return None
    wanted = {**trail, **body}
    found = _problem(wanted, whole)
    if "KmsKeyId" in body:
        body["KmsKeyId"] = wanted["KmsKeyId"]
    return found


def _problem(body: dict[str, Any], whole: Organisation) -> Problem | None:
    if body.get("IsMultiRegionTrail") and body.get("IncludeGlobalServiceEvents") is False:
        return "InvalidParameterCombinationException", "Multi-Region trail must include global service events."
    if body.get("SnsTopicName"):
        return "InsufficientSnsTopicPolicyException", "The lab's trails do not publish to topics."
    if body.get("IsOrganizationTrail") and hooks.current_account() != whole.management:
        said = "The organization trail must be created by the management account of the organization."
        return "NotOrganizationMasterAccountException", said
    return _bucket_problem(body, whole) or _key_problem(body)


def _bucket_problem(body: Mapping[str, Any], whole: Organisation) -> Problem | None:
    bucket, prefix = str(body.get("S3BucketName") or ""), str(body.get("S3KeyPrefix") or "")
    owner = hooks.service("s3")._bucket_owner_account(bucket)
    if owner is None:
        return "S3BucketDoesNotExistException", f"S3 bucket {bucket} does not exist!"
    account = hooks.current_account()
    folders = [account, f"{whole.ident()}/{account}"] if body.get("IsOrganizationTrail") else [account]
    for folder in folders:
        if not may_deliver(owner, bucket, f"{prefix}/AWSLogs/{folder}/CloudTrail/probe".lstrip("/")):
            said = f"Incorrect S3 bucket policy is detected for bucket: {bucket}"
            return "InsufficientS3BucketPolicyException", said
    return None


def _key_problem(body: dict[str, Any]) -> Problem | None:
    """Whether CloudTrail may encrypt with the key; its name becomes its ARN."""
    key, kms = str(body.get("KmsKeyId") or ""), hooks.service("kms")
    if not key:
        return None
    found = kms._resolve_key(key)
    if found is None:
        return "KmsKeyNotFoundException", f"The KMS key {key} cannot be found."
    body["KmsKeyId"] = str(found["Arn"])
    evaluator = hooks.emulator("core.iam_evaluator")
    context = evaluator.EvalContext(
        principal_arn="cloudtrail.amazonaws.com", principal_type="Service", principal_account="",
        action="kms:GenerateDataKey", resource_arn=found["Arn"], region=hooks.current_region(), service_context={},
    )  # fmt: skip
    policy = json.loads(found.get("Policy") or "{}")
    for statement in policy.get("Statement", []):
        # Conditions name the trail or its account: it is that one that writes.
        statement.pop("Condition", None)
    result = evaluator.evaluate_resource_policy(policy, context, service="cloudtrail.amazonaws.com")
    if result.decision != "Allow":
        return "InsufficientEncryptionPolicyException", f"The policy of {key} does not let CloudTrail encrypt with it."
    return None
