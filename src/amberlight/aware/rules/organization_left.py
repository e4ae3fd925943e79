"""Leaving the organisation.

The account leaves its organisation, or somebody tries: guard rails and central logging end with it. Refused tries count,
since nobody makes this call by accident.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event
from amberlight.trail import Event


def match(found: Event) -> Match:
    """Any attempt to leave; guard rails detached count less."""
    tried = " (refused)" if found.failed else ""
    lesser = found.name in ("DetachPolicy", "DisablePolicyType")
    return Match(reason=f"organisation: {found.name}{tried}", points=35 if lesser else None, lone=not lesser)


RULE = Rule(
    id="organization_left",
    title="Leaving the organisation",
    tactic="defense-evasion",
    techniques=("T1562", "T1666"),
    points=80,
    severity="critical",
    denied=True,
    may_page_alone=True,
    softens=False,
    false_triggers="accounts that are handed over in a planned move",
    references=("https://docs.aws.amazon.com/organizations/latest/APIReference/API_LeaveOrganization.html",),
    events=(
        "organizations:LeaveOrganization",
        "organizations:RemoveAccountFromOrganization",
        "organizations:DetachPolicy",
        "organizations:DisablePolicyType",
    ),
    on_event=match,
    examples=(event("organizations:LeaveOrganization", None, errorCode="AccessDenied"),),
    near_misses=(event("organizations:DescribeOrganization", None),),
)
