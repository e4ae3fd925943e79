"""Alarms or log groups deleted.

Alarms, log groups or their subscriptions go away. Clean-up does that every day, so it only supports other reasons.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, shown
from amberlight.trail import Event


def match(found: Event) -> Match:
    """Any of the calls."""
    asked = found.request
    name = asked.get("logGroupName") or asked.get("name") or asked.get("alarmNames") or "unnamed"
    return Match(reason=f"{found.service}: {found.name} of {shown(name)}")


RULE = Rule(
    id="watching_reduced",
    title="Alarms or log groups deleted",
    tactic="defense-evasion",
    techniques=("T1562.008", "T1070"),
    points=20,
    severity="medium",
    false_triggers="stacks that are deleted take their log groups and alarms along",
    references=("https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DeleteLogGroup.html",),
    events=(
        "logs:DeleteLogGroup",
        "logs:DeleteLogStream",
        "logs:DeleteSubscriptionFilter",
        "monitoring:DeleteAlarms",
        "monitoring:DisableAlarmActions",
        "events:DisableRule",
        "events:DeleteRule",
    ),
    on_event=match,
    examples=(event("logs:DeleteLogGroup", {"logGroupName": "/app"}),),
    near_misses=(event("logs:CreateLogGroup", {"logGroupName": "/app"}),),
)
