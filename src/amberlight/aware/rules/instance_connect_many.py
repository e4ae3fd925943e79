"""SSH keys pushed to several instances at once.

SSH keys are pushed to several instances within two minutes. A person connects to one host at a time.
"""

from __future__ import annotations

from datetime import timedelta

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, events, text
from amberlight.trail import Event


def match(found: Event) -> Match | None:
    """Each different instance counts once."""
    instance = text(found.request.get("instanceId"))
    if not instance:
        return None
    return Match(reason="SSH keys were pushed to instances", items=(instance,), resources=(f"instance/{instance}",))


RULE = Rule(
    id="instance_connect_many",
    title="SSH keys pushed to several instances at once",
    tactic="lateral-movement",
    techniques=("T1021.004",),
    points=75,
    severity="high",
    at_least=3,
    below=10.0,
    within=timedelta(minutes=2),
    false_triggers="scripts that fan out over hosts: doing it on several days counts as habit",
    references=("https://docs.aws.amazon.com/ec2-instance-connect/latest/APIReference/API_SendSSHPublicKey.html",),
    events=("ec2-instance-connect:SendSSHPublicKey",),
    on_event=match,
    examples=(events(*(event("ec2-instance-connect:SendSSHPublicKey", {"instanceId": f"i-{n}"}) for n in range(3))),),
    near_misses=(event("ec2-instance-connect:SendSSHPublicKey", {"instanceId": "i-1"}),),
)
