"""Which hosts a command is for, and which of them its sender may use.

References:
    "Send commands at scale" (keys of targets; several are joined by and), AWS Systems Manager User Guide; "Actions, resources, and
    condition keys for AWS Systems Manager" (SendCommand needs the document and each instance), Service Authorization
    Reference, 2026-11.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from amberlight.lab import hooks
from amberlight.lab.own import Refused
from amberlight.lab.recorder.requests import Request, scope_of

_key: ContextVar[str] = ContextVar("lab_ssm_key", default="")


def begin_request(request: Request) -> None:
    """Keep the key that a request is signed with."""
    signature = scope_of(request.headers, request.query)
    _key.set(signature.access_key_id if signature else "")


def named(asked: Mapping[str, Any]) -> list[str] | None:
    """The instances that a request names; None when it names tags."""
    ids, targets = asked.get("InstanceIds") or [], asked.get("Targets") or []
    if bool(ids) == bool(targets):
        raise Refused("ValidationException", "Exactly one of InstanceIds and Targets must be specified.")
    for target in targets:
        if target["Key"].startswith("resource-groups:"):
            raise Refused("ValidationException", "The lab has no resource groups as targets.")
        if target["Key"] == "InstanceIds":
            ids = [*ids, *(target.get("Values") or [])]
    if len(set(ids)) < len(ids):
        raise Refused("DuplicateInstanceId", "You can't specify an instance ID in more than one association.")
    return ids or None


def tagged(asked: Mapping[str, Any], instances: list[str]) -> list[str]:
    """Those of *instances* that have every tag which the request's targets ask for."""
    return [each for each in instances if all(_has(each, target) for target in asked.get("Targets") or [])]


def _has(instance: str, target: Mapping[str, Any]) -> bool:
    tags, key, values = tags_of(instance), str(target["Key"]), target.get("Values") or []
    if key.startswith("tag:"):
        return tags.get(key[4:]) in values
    if key == "tag-key":
        return any(value in tags for value in values)
    raise Refused("ValidationException", f"The lab has no targets by {key}.")


def tags_of(instance: str) -> dict[str, str]:
    """The tags of an instance."""
    return {tag["Key"]: tag["Value"] for tag in hooks.service("ec2")._tags.get(instance) or []}


def current_key() -> str:
    """The access key of the current request."""
    return _key.get()


def denial(instance: str) -> str | None:
    """Why the caller may not send commands to an instance, or None if he may."""
    arn = f"arn:aws:ec2:{hooks.current_region()}:{hooks.current_account()}:instance/{instance}"
    tags = {f"{prefix}/{key}": value for key, value in tags_of(instance).items()
            for prefix in ("ssm:resourceTag", "aws:ResourceTag")}  # fmt: skip
    return refusal("ssm:SendCommand", "ssm", arn, tags)


def refusal(action: str, service: str, arn: str, context: Mapping[str, Any] | None = None) -> str | None:
    """Why the caller may not do something beside what he asked for, or None if he may."""
    denied = hooks.emulator("core.iam_evaluator").enforce(
        _key.get(), action, service, hooks.current_region(), resource_arn=arn, service_context=dict(context or {})
    )
    if denied is None:
        return None
    explicit = getattr(denied, "decision", "") == "Deny"
    return str(hooks.emulator("core.iam_actions").identity_denial_message(
        action, getattr(denied, "principal_arn", ""), arn, explicit
    ))  # fmt: skip
