"""A trail is stopped or deleted: from then on nothing is delivered to whoever looks there.

Event history keeps management events for 90 days all the same. Teams that manage trails as code delete them rarely, and
then in a change that they know of.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, shown
from amberlight.trail import Event


def match(found: Event) -> Match:
    """Any successful stop or deletion; of an event data store, too."""
    asked = found.request
    name = asked.get("name") or asked.get("eventDataStore") or "a trail"
    done = "deleted" if found.name.startswith("Delete") else "stopped"
    return Match(reason=f"CloudTrail logging was {done}: {shown(name)}")


RULE = Rule(
    id="logging_stopped",
    title="CloudTrail logging stopped or deleted",
    tactic="defense-evasion",
    techniques=("T1562.008",),
    points=80,
    severity="high",
    may_page_alone=True,
    softens=False,
    false_triggers="a trail replaced by another in a planned change; an account being closed",
    references=("https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_StopLogging.html",),
    events=(
        "cloudtrail:StopLogging",
        "cloudtrail:DeleteTrail",
        "cloudtrail:DeleteEventDataStore",
        "cloudtrail:StopEventDataStoreIngestion",
    ),
    on_event=match,
    examples=(event("cloudtrail:StopLogging", {"name": "main"}), event("cloudtrail:DeleteTrail", {"name": "main"})),
    near_misses=(
        event("cloudtrail:StartLogging", {"name": "main"}),
        event("cloudtrail:StopLogging", {"name": "main"}, errorCode="AccessDenied"),
        event("cloudtrail:GetTrailStatus", {"name": "main"}),
    ),
)
