"""What rules found: the last result of each rule and resource, and how results add up.

References:
    Compliance, ComplianceContributorCount (counts up to 25 for a rule, 100 for summaries), EvaluationResult, AWS Config API
    Reference, 2026-11.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from amberlight.lab.awsconfig.item import iso
from amberlight.lab.awsconfig.rules.verdict import COMPLIANT, INSUFFICIENT, NON_COMPLIANT, NOT_APPLICABLE, Verdict

CAP = 25


@dataclasses.dataclass(frozen=True)
class Result:
    """A verdict, with who said it and when."""

    rule: str
    verdict: Verdict
    invoked: float
    recorded: float

    def form(self) -> dict[str, Any]:
        """As GetComplianceDetailsByConfigRule tells it."""
        said = self.verdict
        return {
            "EvaluationResultIdentifier": {
                "EvaluationResultQualifier": {"ConfigRuleName": self.rule, "ResourceType": said.type,
                                              "ResourceId": said.id, "EvaluationMode": "DETECTIVE"},
                "OrderingTimestamp": said.ordered,
            },
            "ComplianceType": said.compliance, "ResultRecordedTime": self.recorded,
            "ConfigRuleInvokedTime": self.invoked, "Annotation": said.annotation,
        }  # fmt: skip

    def message(self) -> dict[str, Any]:
        """As messages tell it."""
        said = self.verdict
        return {
            "evaluationResultIdentifier": {
                "evaluationResultQualifier": {"configRuleName": self.rule, "resourceType": said.type,
                                              "resourceId": said.id, "evaluationMode": "DETECTIVE"},
                "orderingTimestamp": iso(said.ordered),
            },
            "complianceType": said.compliance, "resultRecordedTime": iso(self.recorded),
            "configRuleInvokedTime": iso(self.invoked), "annotation": said.annotation,
        }  # fmt: skip


class Results:
    """The results of an account and Region."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str, str], Result] = {}

    def of(self, *, rule: str | None = None, kind: str | None = None, ident: str | None = None) -> list[Result]:
        """The results of a rule, of a resource, or all."""
        return [
            result for (name, type_, id_), result in self._kept.items()
            if rule in (None, name) and kind in (None, type_) and ident in (None, id_)
        ]  # fmt: skip

    def put(self, result: Result) -> tuple[Result | None, bool]:
        """Keep a result; gives the one before it, and whether it counts: one about an earlier moment does not."""
        said = result.verdict
        key = (result.rule, said.type, said.id)
        known = self._kept.get(key)
        if known is not None and known.verdict.ordered > said.ordered:
            return known, False
        if said.compliance == NOT_APPLICABLE:
            return self._kept.pop(key, None), True
        self._kept[key] = result
        return known, True

    def forget(self, *, rule: str | None = None, kind: str | None = None, ident: str | None = None) -> None:
        """Drop results."""
        for result in self.of(rule=rule, kind=kind, ident=ident):
            del self._kept[result.rule, result.verdict.type, result.verdict.id]


def compliance(results: Iterable[Result]) -> dict[str, Any]:
    """What results come to: one that does not comply decides."""
    bad = [each for each in results if each.verdict.compliance == NON_COMPLIANT]
    if bad:
        count = {"CappedCount": min(len(bad), CAP), "CapExceeded": len(bad) > CAP}
        return {"ComplianceType": NON_COMPLIANT, "ComplianceContributorCount": count}
    found = list(results)
    return {"ComplianceType": COMPLIANT if found else INSUFFICIENT}


def summary(compliances: Iterable[Mapping[str, Any]], cap: int, now: float) -> dict[str, Any]:
    """How many comply and how many do not."""
    kinds = [each["ComplianceType"] for each in compliances]

    def count(kind: str) -> dict[str, Any]:
        number = kinds.count(kind)
        return {"CappedCount": min(number, cap), "CapExceeded": number > cap}

    return {
        "CompliantResourceCount": count(COMPLIANT), "NonCompliantResourceCount": count(NON_COMPLIANT),
        "ComplianceSummaryTimestamp": now,
    }  # fmt: skip
