"""Windows passwords of many instances read.

Administrator passwords of many Windows instances are asked for. Refused tries count.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, events, text
from amberlight.trail import Event


def match(found: Event) -> Match:
    """Each different instance counts once; a refused call names none, and counts as itself."""
    instance = text(found.request.get("instanceId"))
    return Match(reason="administrator passwords of instances were asked for", items=(instance,) if instance else ())


RULE = Rule(
    id="password_data_in_bulk",
    title="Windows passwords of many instances read",
    tactic="credential-access",
    techniques=("T1552",),
    points=75,
    severity="high",
    at_least=5,
    denied=True,
    false_triggers="somebody sets up a row of new Windows servers by hand",
    references=("https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetPasswordData.html",),
    events=("ec2:GetPasswordData",),
    on_event=match,
    examples=(
        events(
            *(
                event("ec2:GetPasswordData", {"instanceId": f"i-{n}"}, errorCode="Client.UnauthorizedOperation")
                for n in range(6)
            )
        ),
    ),
    near_misses=(event("ec2:GetPasswordData", {"instanceId": "i-1"}),),
)
