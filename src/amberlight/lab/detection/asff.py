"""The AWS Security Finding Format: what Security Hub asks of a finding, and what it adds.

References:
    "BatchImportFindings", Security Hub API Reference; "AWS Security Finding Format (ASFF)" and "Guidelines for using the
    BatchImportFindings API", Security Hub User and Partner Guides, 2026-11: 100 findings and 6 MB a batch, 240 KB a finding, lengths.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping
from typing import Any

from amberlight.lab import hooks
from amberlight.lab.detection import wire

Finding = dict[str, Any]
MOST_BYTES = 240_000
_LENGTHS = {"Id": 512, "GeneratorId": 512, "Title": 256, "Description": 1024, "ProductArn": 2048, "SourceUrl": 2048}
_COUNTS = {"Types": 50, "Resources": 32, "ProductFields": 50, "UserDefinedFields": 50, "RelatedFindings": 10,
           "Malware": 5, "ThreatIntelIndicators": 5}  # fmt: skip
_SPACES = (
    "Software and Configuration Checks",
    "TTPs",
    "Effects",
    "Unusual Behaviors",
    "Sensitive Data Identifications",
)
_LEVELS = (("INFORMATIONAL", 0), ("LOW", 1), ("MEDIUM", 40), ("HIGH", 70), ("CRITICAL", 90))
_DATES = ("CreatedAt", "UpdatedAt", "FirstObservedAt", "LastObservedAt")
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:?\d\d)$")
OF_CUSTOMERS = ("Note", "UserDefinedFields", "VerificationState", "Workflow")
"""What only customers set: an import never changes it."""
_GIVEN = ("Severity", "Types", "Confidence", "Criticality", "RelatedFindings")
"""What providers give in `FindingProviderFields`, and customers may set otherwise."""


def problem(finding: Mapping[str, Any]) -> str:
    """Why a finding is none, in words, or nothing."""
    shape = hooks.model("securityhub").shape_for("AwsSecurityFinding")
    if missing := [name for name in shape.required_members if not finding.get(name)]:
        return f"data should have required property '{missing[0]}'"
    if odd := wire.strange(finding, shape):
        return f"data{odd[0]} should not be there, or is of another type"
    return _sizes(finding) or _texts(finding) or _members(finding)


def _sizes(finding: Mapping[str, Any]) -> str:
    if len(json.dumps(finding)) > MOST_BYTES:
        return "data should not be larger than 240 KB"
    for name, most in _LENGTHS.items():
        if len(str(finding.get(name, ""))) > most:
            return f"data.{name} should NOT be longer than {most} characters"
    for name, most in _COUNTS.items():
        if len(finding.get(name) or ()) > most:
            return f"data.{name} should NOT have more than {most} items"
    return ""


def _texts(finding: Mapping[str, Any]) -> str:
    if finding["SchemaVersion"] != "2018-10-08":
        return "data.SchemaVersion should be equal to one of the allowed values"
    for name in _DATES:
        if name in finding and not _DATE.match(finding[name]):
            return f"data.{name} should match format 'date-time'"
    types = [*(finding.get("Types") or ()), *(finding.get("FindingProviderFields", {}).get("Types") or ())]
    for number, name in enumerate(types):
        if name.split("/")[0] not in _SPACES or name.count("/") > 2:  # noqa: PLR2004
            return f"data.Types[{number}] should match a namespace/category/classifier"
    return ""


def _members(finding: Mapping[str, Any]) -> str:
    if any(not each.get("Type") or not each.get("Id") for each in finding["Resources"]):
        return "data.Resources should have required properties 'Type' and 'Id'"
    severity = finding.get("Severity") or finding.get("FindingProviderFields", {}).get("Severity") or {}
    label, number = severity.get("Label"), severity.get("Normalized")
    if label is None and number is None:
        return "data.Severity should have 'Label' or 'Normalized'"
    if label not in (None, *dict(_LEVELS)) or not 0 <= (number or 0) <= 100:  # noqa: PLR2004
        return "data.Severity should be one of the allowed values"
    return ""


def graded(severity: Mapping[str, Any]) -> dict[str, Any]:
    """A severity with both label and number."""
    label, number = severity.get("Label"), severity.get("Normalized")
    if label is None:
        label = next(name for name, least in reversed(_LEVELS) if (number or 0) >= least)
    return {**severity, "Label": label, "Normalized": dict(_LEVELS)[label] if number is None else number}


def entered(finding: Mapping[str, Any], old: Finding | None, names: tuple[str, str], now: float) -> Finding:
    """A finding as Security Hub keeps it: *names* are product and company; *old* is the same one as it was."""
    given = {**{name: finding[name] for name in _GIVEN if name in finding}, **finding.get("FindingProviderFields", {})}
    given["Severity"] = graded(given["Severity"])
    made: Finding = {**finding, **given, "FindingProviderFields": _kept(given)}
    made.update({
        "ProductName": names[0], "CompanyName": names[1], "Region": finding.get("Region") or arn_region(finding),
        "RecordState": finding.get("RecordState", "ACTIVE"), "WorkflowState": "NEW", "Workflow": {"Status": "NEW"},
        "ProcessedAt": stamp(now),
        "ProductFields": {
            **finding.get("ProductFields", {}),
            "aws/securityhub/FindingId": f"{finding['ProductArn']}/{finding['Id']}",
            "aws/securityhub/ProductName": names[0], "aws/securityhub/CompanyName": names[1],
        },
    })  # fmt: skip
    for name in (*OF_CUSTOMERS, *((old or {}).get("_set") or ())):
        if old is not None and name in old:
            made[name] = old[name]
        elif name in ("Note", "UserDefinedFields", "VerificationState"):
            made.pop(name, None)
    return {**made, "_set": (old or {}).get("_set", ())}


def _kept(given: Mapping[str, Any]) -> dict[str, Any]:
    """`FindingProviderFields`; only label and origin of a severity are kept there."""
    severity = {name: each for name, each in given["Severity"].items() if name in ("Label", "Original")}
    return {**given, "Severity": severity}


def arn_region(finding: Mapping[str, Any]) -> str:
    """The Region of a finding's product."""
    return str(finding["ProductArn"]).split(":")[3]


def stamp(moment: float) -> str:
    """A moment as Security Hub writes it."""
    return dt.datetime.fromtimestamp(moment, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
