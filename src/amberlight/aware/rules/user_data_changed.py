"""Start script of an instance changed.

The start script of an existing instance is changed: at its next start somebody's code runs as root.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, shown, text
from amberlight.trail import Event


def match(found: Event) -> Match | None:
    """A change of user data."""
    asked = found.request
    if "userData" not in asked:
        return None
    instance = text(asked.get("instanceId"))
    return Match(reason=f"the start script of {shown(instance)} was changed", resources=(f"instance/{instance}",))


RULE = Rule(
    id="user_data_changed",
    title="Start script of an instance changed",
    tactic="execution",
    techniques=("T1059", "T1651"),
    points=40,
    severity="high",
    false_triggers="repairing an instance by hand",
    references=("https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyInstanceAttribute.html",),
    events=("ec2:ModifyInstanceAttribute",),
    on_event=match,
    examples=(event("ec2:ModifyInstanceAttribute", {"instanceId": "i-1", "userData": "<sensitiveDataRemoved>"}),),
    near_misses=(event("ec2:ModifyInstanceAttribute", {"instanceId": "i-1", "instanceType": {"value": "t3.small"}}),),
)
