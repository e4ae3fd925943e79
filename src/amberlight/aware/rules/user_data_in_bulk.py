"""Start scripts of many instances read.

The start scripts of many instances are read one after another: people leave passwords there. Refused tries count.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, events, text
from amberlight.trail import Event


def match(found: Event) -> Match | None:
    """Each different instance whose user data is asked for counts once."""
    asked = found.request
    if asked.get("attribute") != "userData":
        return None
    instance = text(asked.get("instanceId"))
    return (
        Match(reason="start scripts (user data) of many instances were read", items=(instance,)) if instance else None
    )


RULE = Rule(
    id="user_data_in_bulk",
    title="Start scripts of many instances read",
    tactic="discovery",
    techniques=("T1580", "T1552.005"),
    points=75,
    severity="high",
    at_least=10,
    denied=True,
    false_triggers="inventory and posture scanners: reading on several days counts as habit",
    references=("https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceAttribute.html",),
    events=(
        "ec2:DescribeInstanceAttribute",
        "ec2:DescribeLaunchTemplateVersions",
    ),
    on_event=match,
    examples=(
        events(
            *(
                event("ec2:DescribeInstanceAttribute", {"attribute": "userData", "instanceId": f"i-{n}"})
                for n in range(11)
            )
        ),
    ),
    near_misses=(
        events(
            *(
                event("ec2:DescribeInstanceAttribute", {"attribute": "disableApiTermination", "instanceId": f"i-{n}"})
                for n in range(30)
            )
        ),
    ),
)
