"""Which trails want an event: Regions, organisation, and what their selectors say.

References:
    "Logging management events", "Logging data events", "Filtering data events by using advanced event selectors" (fields, operators),
    "Understanding organization trails", CloudTrail User Guide, 2026-11.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from amberlight.lab import hooks
from amberlight.lab.options import REGION
from amberlight.lab.recorder import names
from amberlight.lab.recorder.history import Event
from amberlight.lab.recorder.requests import Call

TYPES = {"s3": "AWS::S3::Object", "lambda": "AWS::Lambda::Function", "dynamodb": "AWS::DynamoDB::Table",
         "sns": "AWS::SNS::Topic", "sqs": "AWS::SQS::Queue", "cloudwatch": "AWS::CloudWatch::Metric",
         "ebs": "AWS::EC2::Snapshot"}  # fmt: skip
"""`resources.type` of the data events that the lab makes."""

Trail = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Organisation:
    """The accounts whose events a trail of the organisation has."""

    management: str
    members: frozenset[str]
    ident: Callable[[], str]
    """Gives the organisation's id."""


def account_of(trail: Trail) -> str:
    """The account that owns a trail."""
    return str(trail["TrailARN"]).split(":")[4]


def visible(account: str, organisation: Organisation | None) -> list[Trail]:
    """The trails that take an account's events while they are on: its own, and those of its organisation."""
    found = [trail for _, _, trail in hooks.service("cloudtrail")._account_trail_items(account)]
    if organisation is not None and account in organisation.members:
        others = hooks.service("cloudtrail")._account_trail_items(organisation.management)
        found += [trail for _, _, trail in others if trail.get("IsOrganizationTrail")]
    return found


def active(account: str, organisation: Organisation | None) -> list[Trail]:
    """Those of them that are on, as they are now."""
    return [dict(trail) for trail in visible(account, organisation) if trail.get("IsLogging")]


def covers(trail: Trail, region: str) -> bool:
    """Whether a trail takes events of a Region."""
    return bool(trail.get("IsMultiRegionTrail")) or trail["HomeRegion"] == region


def selects(trail: Trail, event: Event) -> bool:
    """Whether a trail wants an event of an account and Region that it covers."""
    fields = {
        "eventCategory": event.record["eventCategory"], "readOnly": str(bool(event.record["readOnly"])).lower(),
        "eventSource": event.record["eventSource"], "eventName": event.record["eventName"],
        "eventType": event.record["eventType"], "userIdentity.arn": event.record["userIdentity"].get("arn", ""),
        "sessionCredentialFromConsole": event.record.get("sessionCredentialFromConsole", "false"),
    }  # fmt: skip
    if event.data:
        return event.call is not None and _wants(
            trail, {**fields, **data_fields(event.call, event.account, event.region)}
        )
    if not trail.get("IncludeGlobalServiceEvents", True) and _is_global(event):
        return False
    return any(_wants_management(each, fields) for each in _selectors(trail))


def selects_data(trail: Trail, call: Call, account: str, region: str, *, read: bool) -> bool:
    """Whether a trail may want a data event, before it is known who made it."""
    known = {"eventCategory": "Data", "readOnly": str(read).lower(), "eventName": names.event_name(call),
             "eventSource": names.event_source(call), "eventType": "AwsApiCall"}  # fmt: skip
    return _wants(trail, {**known, **data_fields(call, account, region)})


def data_fields(call: Call, account: str, region: str) -> dict[str, str]:
    """The resource of a data event, as selectors name it."""
    return {"resources.type": TYPES.get(call.service, ""), "resources.ARN": _arn(call, account, region)}


def _is_global(event: Event) -> bool:
    """Whether it is of a service whose events are in us-east-1 whatever was called from where."""
    return event.region == REGION and event.record["eventSource"].split(".")[0] in ("iam", "sts", "cloudfront")


def _selectors(trail: Trail) -> list[Mapping[str, Any]]:
    module = hooks.service("cloudtrail")
    found = module._event_selectors.get_scoped(account_of(trail), trail["HomeRegion"], trail["Name"])
    return list(found or module._DEFAULT_EVENT_SELECTORS)


def _wants_management(selector: Mapping[str, Any], fields: Mapping[str, str]) -> bool:
    if "FieldSelectors" in selector:
        return _matches(selector, fields)
    excluded = fields["eventSource"] in selector.get("ExcludeManagementEventSources", [])
    return bool(selector.get("IncludeManagementEvents", True)) and not excluded and _is_kind(selector, fields)


def _is_kind(selector: Mapping[str, Any], fields: Mapping[str, str]) -> bool:
    wanted = "ReadOnly" if fields["readOnly"] == "true" else "WriteOnly"
    return selector.get("ReadWriteType", "All") in ("All", wanted)


def _wants(trail: Trail, fields: Mapping[str, str]) -> bool:
    """Whether a trail's selectors name the resource of a data event."""
    for selector in _selectors(trail):
        if "FieldSelectors" in selector:
            if _matches(selector, fields):
                return True
            continue
        for resource in selector.get("DataResources", []) if _is_kind(selector, fields) else []:
            named = any(fields["resources.ARN"].startswith(value) for value in resource["Values"])
            if resource["Type"] == fields["resources.type"] and named:
                return True
    return False


_TESTS: dict[str, Callable[[str, list[str]], bool]] = {
    "Equals": lambda value, wanted: value in wanted,
    "StartsWith": lambda value, wanted: value.startswith(tuple(wanted)),
    "EndsWith": lambda value, wanted: value.endswith(tuple(wanted)),
    "NotEquals": lambda value, wanted: value not in wanted,
    "NotStartsWith": lambda value, wanted: not value.startswith(tuple(wanted)),
    "NotEndsWith": lambda value, wanted: not value.endswith(tuple(wanted)),
}
OPERATORS = frozenset(_TESTS)


def _matches(selector: Mapping[str, Any], fields: Mapping[str, str]) -> bool:
    """Whether all conditions hold; one on a field that is not known yet may."""
    return all(
        test(fields[each["Field"]], each[name])
        for each in selector["FieldSelectors"]
        for name, test in _TESTS.items()
        if each.get(name) and each["Field"] in fields
    )


def _arn(call: Call, account: str, region: str) -> str:
    if call.service == "s3":
        return f"arn:aws:s3:::{call.params.get('Bucket', '')}/{call.params.get('Key', '')}"
    if call.service == "ebs":
        snapshot = call.params.get("SnapshotId") or call.params.get("SecondSnapshotId") or ""
        return f"arn:aws:ec2:{region}::snapshot/{snapshot}"
    named = {"lambda": "FunctionName", "sns": "TopicArn", "dynamodb": "TableName", "sqs": "QueueUrl"}
    name = str(call.params.get(named.get(call.service, "")) or "")
    if not name or name.startswith("arn:"):
        return name
    kind = {"lambda": "function:", "dynamodb": "table/"}.get(call.service, "")
    return f"arn:aws:{call.service}:{region}:{account}:{kind}{name.rsplit('/', 1)[-1]}"


def bucket_owner(call: Call) -> str | None:
    """The account whose bucket a call is about."""
    bucket = call.params.get("Bucket") if call.service == "s3" else None
    owner = hooks.service("s3")._bucket_owner_account(bucket) if bucket else None
    return str(owner) if owner else None
