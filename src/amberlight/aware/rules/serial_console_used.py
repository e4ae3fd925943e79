"""Serial console opened.

Keys are pushed to serial consoles of instances, or the serial console is switched on for the account. It is a way in that
no security group sees, and that people use once a year.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, shown, text
from amberlight.trail import Event


def match(found: Event) -> Match:
    """Any of the calls."""
    instance = text(found.request.get("instanceId"))
    if not instance:
        return Match(reason="serial console access was switched on for the account", points=30)
    return Match(
        reason=f"a key was pushed to the serial console of {shown(instance)}", resources=(f"instance/{instance}",)
    )


RULE = Rule(
    id="serial_console_used",
    title="Serial console opened",
    tactic="lateral-movement",
    techniques=("T1021.004",),
    points=50,
    severity="high",
    false_triggers="repairing an instance that has lost its network",
    references=("https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-serial-console.html",),
    events=(
        "ec2:EnableSerialConsoleAccess",
        "ec2-instance-connect:SendSerialConsoleSSHPublicKey",
    ),
    on_event=match,
    examples=(event("ec2-instance-connect:SendSerialConsoleSSHPublicKey", {"instanceId": "i-1"}),),
    near_misses=(event("ec2:GetSerialConsoleAccessStatus", {}),),
)
