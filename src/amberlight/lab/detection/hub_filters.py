"""Which findings match the filters of Security Hub's GetFindings, and in which order.

References:
    "GetFindings", "AwsSecurityFindingFilters", "StringFilter" and "DateFilter", Security Hub API Reference, 2026-11: of the filters
    of one attribute one of `EQUALS`, `PREFIX` and `CONTAINS` has to hold, and every one of the others; attributes all have to.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from amberlight.lab.detection.wire import values_at

_PATHS = {
    "Type": "Types", "SeverityLabel": "Severity.Label", "SeverityNormalized": "Severity.Normalized",
    "SeverityProduct": "Severity.Product", "ResourceType": "Resources.Type", "ResourceId": "Resources.Id",
    "ResourcePartition": "Resources.Partition", "ResourceRegion": "Resources.Region", "ResourceTags": "Resources.Tags",
    "ResourceDetailsOther": "Resources.Details.Other", "ComplianceStatus": "Compliance.Status",
    "ComplianceSecurityControlId": "Compliance.SecurityControlId", "WorkflowStatus": "Workflow.Status",
    "NoteText": "Note.Text", "NoteUpdatedBy": "Note.UpdatedBy", "NoteUpdatedAt": "Note.UpdatedAt",
    "RecommendationText": "Remediation.Recommendation.Text", "RelatedFindingsId": "RelatedFindings.Id",
    "RelatedFindingsProductArn": "RelatedFindings.ProductArn", "MalwareName": "Malware.Name",
    "ProcessName": "Process.Name", "ProcessPath": "Process.Path", "NetworkSourceIpV4": "Network.SourceIpV4",
    "NetworkDestinationIpV4": "Network.DestinationIpV4", "NetworkSourceDomain": "Network.SourceDomain",
    "ThreatIntelIndicatorValue": "ThreatIntelIndicators.Value",
    "FindingProviderFieldsSeverityLabel": "FindingProviderFields.Severity.Label",
    "FindingProviderFieldsTypes": "FindingProviderFields.Types",
    **{name: name for name in (
        "ProductArn", "AwsAccountId", "Id", "GeneratorId", "Region", "FirstObservedAt", "LastObservedAt", "CreatedAt",
        "UpdatedAt", "Confidence", "Criticality", "Title", "Description", "SourceUrl", "ProductFields", "ProductName",
        "CompanyName", "UserDefinedFields", "VerificationState", "WorkflowState", "RecordState", "Sample",
    )},
}  # fmt: skip
"""The attributes that the lab filters and orders by."""

_MAPS = ("ProductFields", "UserDefinedFields", "ResourceTags", "ResourceDetailsOther")
_YES: Mapping[str, Callable[[str, str], bool]] = {
    "EQUALS": lambda have, wanted: have == wanted,
    "PREFIX": lambda have, wanted: have.startswith(wanted),
    "CONTAINS": lambda have, wanted: wanted in have,
    "CONTAINS_WORD": lambda have, wanted: wanted in re.split(r"\W+", have),
}
_NO = {"NOT_EQUALS": "EQUALS", "PREFIX_NOT_EQUALS": "PREFIX", "NOT_CONTAINS": "CONTAINS"}
_NUMBERS: Mapping[str, Callable[[float, float], bool]] = {
    "Eq": lambda have, wanted: have == wanted, "Gte": lambda have, wanted: have >= wanted,
    "Lte": lambda have, wanted: have <= wanted, "Gt": lambda have, wanted: have > wanted,
    "Lt": lambda have, wanted: have < wanted,
}  # fmt: skip


def path_of(attribute: str) -> str:
    """Where an attribute stands in a finding.

    Raises:
        ValueError: The lab does not filter by it.
    """
    if attribute not in _PATHS:
        raise ValueError(f"the lab does not filter by {attribute}")
    return _PATHS[attribute]


def matches(finding: Mapping[str, Any], filters: Mapping[str, Sequence[Mapping[str, Any]]], now: float) -> bool:
    """Whether a finding passes all filters."""
    return all(_passes(finding, name, wanted, now) for name, wanted in filters.items() if wanted)


def _passes(finding: Mapping[str, Any], attribute: str, wanted: Sequence[Mapping[str, Any]], now: float) -> bool:
    have = list(values_at(finding, path_of(attribute)))
    if attribute in _MAPS:
        return _strings(wanted, lambda each: [str(one[each["Key"]]) for one in have if each["Key"] in one])
    if "Comparison" in wanted[0]:
        return _strings(
            wanted, lambda _: [str(text) for one in have for text in (one if isinstance(one, list) else [one])]
        )
    if set(wanted[0]) & set(_NUMBERS):
        return any(_number(value, each) for each in wanted for value in have)
    if set(wanted[0]) & {"Start", "End", "DateRange"}:
        return any(_date(value, each, now) for each in wanted for value in have)
    return any(value == each.get("Value") for each in wanted for value in have)


def _strings(wanted: Sequence[Mapping[str, Any]], have: Callable[[Mapping[str, Any]], list[str]]) -> bool:
    positive = [each for each in wanted if each["Comparison"] in _YES]
    if unknown := [each["Comparison"] for each in wanted if each["Comparison"] not in {*_YES, *_NO}]:
        raise ValueError(f"the lab does not know the comparison {unknown[0]}")
    some = any(_YES[each["Comparison"]](text, each["Value"]) for each in positive for text in have(each))
    none = not any(
        _YES[_NO[each["Comparison"]]](text, each["Value"])
        for each in wanted if each["Comparison"] in _NO for text in have(each)
    )  # fmt: skip
    return (some or not positive) and none


def _number(value: float, wanted: Mapping[str, float]) -> bool:
    return all(_NUMBERS[name](value, limit) for name, limit in wanted.items())


def _date(value: str, wanted: Mapping[str, Any], now: float) -> bool:
    moment = _moment(value)
    if between := wanted.get("DateRange"):
        within = moment >= now - float(between["Value"]) * 86400
        wanted_within: bool = between.get("Comparison", "WITHIN") == "WITHIN"
        return within is wanted_within
    return _moment(wanted.get("Start", value)) <= moment <= _moment(wanted.get("End", value))


def _moment(text: str) -> float:
    return dt.datetime.fromisoformat(text).timestamp()


def ordered(findings: Sequence[dict[str, Any]], criteria: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    """Findings by several attributes, the first one first; without any, the newest first."""
    found = list(findings)
    for each in reversed(criteria or [{"Field": "UpdatedAt", "SortOrder": "desc"}]):
        path = path_of(each["Field"])

        def rank(finding: Mapping[str, Any], path: str = path) -> tuple[bool, Any]:
            values = list(values_at(finding, path))
            return (bool(values), values[0] if values else "")

        found.sort(key=rank, reverse=each["SortOrder"] == "desc")
    return found
