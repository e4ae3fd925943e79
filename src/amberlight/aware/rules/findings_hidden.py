"""Security findings hidden.

Findings are made invisible before anybody reads them: an archiving filter, a trusted address list, findings set to
suppressed.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event
from amberlight.trail import Event


def match(found: Event) -> Match | None:
    """Filters that archive, address lists that are activated, findings that are suppressed."""
    asked = found.request
    if found.name.endswith("Filter"):
        return Match(reason="a GuardDuty filter archives findings") if asked.get("action") == "ARCHIVE" else None
    if found.name.endswith("IPSet"):
        return Match(reason="a trusted address list silences GuardDuty") if asked.get("activate") is True else None
    workflow = asked.get("Workflow") or asked.get("workflow")
    status = workflow.get("Status") or workflow.get("status") if isinstance(workflow, dict) else ""
    return Match(reason="Security Hub findings were suppressed", points=15) if status == "SUPPRESSED" else None


RULE = Rule(
    id="findings_hidden",
    title="Security findings hidden",
    tactic="defense-evasion",
    techniques=("T1562.001",),
    points=35,
    severity="medium",
    false_triggers="an analyst who tunes known noise; that is done daily in some teams",
    references=(
        "https://docs.aws.amazon.com/guardduty/latest/APIReference/API_CreateFilter.html",
        "https://docs.aws.amazon.com/guardduty/latest/APIReference/API_CreateIPSet.html",
    ),
    events=(
        "guardduty:CreateFilter",
        "guardduty:UpdateFilter",
        "guardduty:CreateIPSet",
        "guardduty:UpdateIPSet",
        "securityhub:BatchUpdateFindings",
    ),
    on_event=match,
    examples=(
        event("guardduty:CreateFilter", {"action": "ARCHIVE", "name": "x"}),
        event("guardduty:CreateIPSet", {"activate": True}),
    ),
    near_misses=(
        event("guardduty:CreateFilter", {"action": "NOOP"}),
        event("securityhub:BatchUpdateFindings", {"workflow": {"status": "RESOLVED"}}),
    ),
)
