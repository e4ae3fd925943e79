"""Event selectors that AWS takes; what it refuses would be a trail that records something else than was meant.

References:
    PutEventSelectors, AdvancedFieldSelector, CloudTrail API Reference, 2026-11: fields for each category, operators, limits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from amberlight.lab.recorder.selectors import OPERATORS

_CODE = "InvalidEventSelectorsException"
_BASIC_TYPES = frozenset({"AWS::S3::Object", "AWS::Lambda::Function", "AWS::DynamoDB::Table"})
_LEAVABLE = frozenset({"kms.amazonaws.com", "rdsdata.amazonaws.com"})
"""High-volume services whose management events can be left out."""

_FIELDS = {
    "Management": frozenset({"eventCategory", "eventSource", "readOnly"}),
    "Data": frozenset({"eventCategory", "eventName", "eventSource", "eventType", "readOnly", "resources.ARN",
                       "resources.type", "sessionCredentialFromConsole", "userIdentity.arn"}),
}  # fmt: skip
_MOST_RESOURCES, _MOST_VALUES = 250, 500
Problem = tuple[str, str]


def problem(body: Mapping[str, Any]) -> Problem | None:
    """Why a call of PutEventSelectors is refused, or None."""
    if body.get("EventSelectors") and not body.get("AdvancedEventSelectors"):
        said = _basic(body["EventSelectors"])
    else:
        said = _advanced(body.get("AdvancedEventSelectors") or [])
    return (_CODE, said) if said else None


def _basic(selectors: Sequence[Mapping[str, Any]]) -> str | None:
    resources = [each for selector in selectors for each in selector.get("DataResources") or []]
    if sum(len(each.get("Values") or []) for each in resources) > _MOST_RESOURCES:
        return f"A trail has at most {_MOST_RESOURCES} data resources."
    said = (*map(_resource, resources), *map(_management, selectors))
    return next((each for each in said if each), None)


def _resource(each: Mapping[str, Any]) -> str | None:
    if each.get("Type") not in _BASIC_TYPES:
        return f"Basic event selectors do not take {each.get('Type')}: use advanced ones."
    if not all(str(value).startswith("arn:aws:") for value in each.get("Values") or []):
        return "The values of a data resource are ARNs, or the beginning of ARNs."
    return None


def _management(selector: Mapping[str, Any]) -> str | None:
    left_out = set(selector.get("ExcludeManagementEventSources") or [])
    if left_out - _LEAVABLE:
        return f"Management events of {', '.join(sorted(left_out - _LEAVABLE))} cannot be left out."
    if left_out and selector.get("IncludeManagementEvents") is False:
        return "Sources are left out only where management events are included."
    if selector.get("ReadWriteType", "All") not in ("All", "ReadOnly", "WriteOnly"):
        return "ReadWriteType is All, ReadOnly or WriteOnly."
    return None


def _advanced(selectors: Sequence[Mapping[str, Any]]) -> str | None:
    values = [
        value
        for selector in selectors
        for each in selector.get("FieldSelectors") or []
        for name in OPERATORS
        for value in each.get(name) or []
    ]
    if len(values) > _MOST_VALUES:
        return f"A trail has at most {_MOST_VALUES} values in its advanced selectors."
    return next((said for said in map(_selector, selectors) if said), None)


def _selector(selector: Mapping[str, Any]) -> str | None:
    fields = selector.get("FieldSelectors") or []
    equals = {str(each["Field"]): each.get("Equals") or [] for each in fields}
    category = equals.get("eventCategory") or []
    if category == ["NetworkActivity"]:
        return "The lab has no events of VPC endpoints."
    if len(category) != 1 or category[0] not in _FIELDS:
        return "Each advanced selector has eventCategory with Equals and one value: Management or Data."
    strange = set(equals) - _FIELDS[category[0]]
    if strange:
        return f"Selectors of {category[0]} events do not take {', '.join(sorted(strange))}."
    if category == ["Data"] and len(equals.get("resources.type") or []) != 1:
        return "A selector of Data events has resources.type with Equals and one value."
    return next((said for said in (_field(each, category[0]) for each in fields) if said), None)


def _field(each: Mapping[str, Any], category: str) -> str | None:
    used = {name for name in OPERATORS if each.get(name)}
    if not used or set(each) - OPERATORS - {"Field"}:
        return f"{each['Field']} has no operator with values."
    if each["Field"] in ("eventCategory", "resources.type", "readOnly") and used != {"Equals"}:
        return f"{each['Field']} takes Equals alone."
    if each["Field"] == "readOnly" and each["Equals"] not in (["true"], ["false"]):
        return "readOnly is true or false."
    if category == "Management" and each["Field"] == "eventSource":
        values = set(each.get("NotEquals") or [])
        if used != {"NotEquals"} or values - _LEAVABLE:
            return f"eventSource of Management events takes NotEquals with {' or '.join(sorted(_LEAVABLE))}."
    return None
