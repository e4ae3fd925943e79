"""Instance stopped, start script changed, started.

An instance is stopped, its start script changed, and it is started again, all within half an hour: the way to run code as
root with the EC2 API alone.
"""

from __future__ import annotations

from datetime import timedelta

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, events, members, text
from amberlight.trail import Event


def match(found: Event) -> Match | None:
    """The three acts; different ones are counted."""
    asked = found.request
    if found.name == "ModifyInstanceAttribute" and "userData" not in asked:
        return None
    instances = [text(one.get("instanceId")) for one in members(asked, "instancesSet") if isinstance(one, dict)]
    instances = instances or [text(asked.get("instanceId"))]
    return Match(
        reason="an instance was stopped, its start script changed, and started",
        items=(found.name,),
        resources=tuple(f"instance/{one}" for one in instances if one),
    )


def act(name: str, **more: str) -> dict[str, object]:
    """One of the three acts, for samples."""
    return event(name, {"instanceId": "i-1", "instancesSet": {"items": [{"instanceId": "i-1"}]}, **more})


RULE = Rule(
    id="user_data_swapped",
    title="Instance stopped, start script changed, started",
    tactic="execution",
    techniques=("T1059", "T1651"),
    points=80,
    severity="high",
    at_least=3,
    within=timedelta(minutes=30),
    false_triggers="repairing an instance that no longer boots",
    references=("https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html",),
    events=(
        "ec2:StopInstances",
        "ec2:ModifyInstanceAttribute",
        "ec2:StartInstances",
    ),
    on_event=match,
    examples=(
        events(act("ec2:StopInstances"), act("ec2:ModifyInstanceAttribute", userData="x"), act("ec2:StartInstances")),
    ),
    near_misses=(events(act("ec2:StopInstances"), act("ec2:ModifyInstanceAttribute"), act("ec2:StartInstances")),),
)
