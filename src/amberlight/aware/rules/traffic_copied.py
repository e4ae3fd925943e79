"""Network traffic mirrored.

Network traffic of instances is mirrored to somewhere else.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event
from amberlight.trail import Event


def match(_: Event) -> Match:
    """Any new session."""
    return Match(reason="network traffic of an interface is mirrored to another place")


RULE = Rule(
    id="traffic_copied",
    title="Network traffic mirrored",
    tactic="collection",
    techniques=("T1040",),
    points=60,
    severity="high",
    false_triggers="network monitoring that is being set up",
    references=("https://docs.aws.amazon.com/vpc/latest/mirroring/what-is-traffic-mirroring.html",),
    events=("ec2:CreateTrafficMirrorSession",),
    on_event=match,
    examples=(event("ec2:CreateTrafficMirrorSession", {}),),
    near_misses=(event("ec2:DescribeTrafficMirrorSessions", {}),),
)
