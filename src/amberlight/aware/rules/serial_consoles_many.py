"""Serial consoles of several instances opened.

Keys are pushed to the serial consoles of several instances within minutes: nobody repairs three at a time.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, events, text
from amberlight.trail import Event


def match(found: Event) -> Match | None:
    """Each different instance counts once."""
    instance = text(found.request.get("instanceId"))
    return Match(reason="keys were pushed to serial consoles", items=(instance,)) if instance else None


RULE = Rule(
    id="serial_consoles_many",
    title="Serial consoles of several instances opened",
    tactic="lateral-movement",
    techniques=("T1021.004",),
    points=80,
    severity="high",
    at_least=3,
    false_triggers="an outage that takes the network from many instances",
    references=(
        "https://docs.aws.amazon.com/ec2-instance-connect/latest/APIReference/API_SendSerialConsoleSSHPublicKey.html",
    ),
    events=("ec2-instance-connect:SendSerialConsoleSSHPublicKey",),
    on_event=match,
    examples=(
        events(
            *(event("ec2-instance-connect:SendSerialConsoleSSHPublicKey", {"instanceId": f"i-{n}"}) for n in range(3))
        ),
    ),
    near_misses=(event("ec2-instance-connect:SendSerialConsoleSSHPublicKey", {"instanceId": "i-1"}),),
)
