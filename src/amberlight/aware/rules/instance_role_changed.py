"""Role of an instance changed.

A running instance gets another role: whoever is on it can now do what that role can.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event
from amberlight.trail import Event


def match(found: Event) -> Match:
    """Any of the calls; making a profile is part of setting up."""
    return Match(reason=f"{found.name}: an instance gets another role", points=5 if found.service == "iam" else None)


RULE = Rule(
    id="instance_role_changed",
    title="Role of an instance changed",
    tactic="privilege-escalation",
    techniques=("T1098.003", "T1078.004"),
    points=20,
    severity="medium",
    false_triggers="repairing an instance by hand",
    references=("https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssociateIamInstanceProfile.html",),
    events=(
        "ec2:AssociateIamInstanceProfile",
        "ec2:ReplaceIamInstanceProfileAssociation",
        "iam:AddRoleToInstanceProfile",
    ),
    on_event=match,
    examples=(event("ec2:AssociateIamInstanceProfile", {}),),
    near_misses=(event("ec2:DescribeIamInstanceProfileAssociations", {}),),
)
