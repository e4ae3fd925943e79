"""A higher service quota asked for.

A higher limit is asked for: many instances, much mail. It prepares theft of computing power.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, shown
from amberlight.trail import Event


def match(found: Event) -> Match:
    """Any request, refused ones too."""
    asked = found.request
    return Match(reason=f"{found.name}: {shown(asked.get('quotaCode') or asked.get('subject') or 'unnamed')}")


RULE = Rule(
    id="quota_raised",
    title="A higher service quota asked for",
    tactic="impact",
    techniques=("T1496",),
    points=15,
    severity="low",
    denied=True,
    false_triggers="growing applications",
    references=(
        "https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_RequestServiceQuotaIncrease.html",
    ),
    events=(
        "servicequotas:RequestServiceQuotaIncrease",
        "support:CreateCase",
    ),
    on_event=match,
    examples=(event("servicequotas:RequestServiceQuotaIncrease", {"quotaCode": "L-1"}),),
    near_misses=(event("servicequotas:ListServiceQuotas", {}),),
)
