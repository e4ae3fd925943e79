"""Administrator rights granted.

Somebody, or a group or role, is given the right to do everything: an AWS administrator policy, or a document that allows
all actions on all resources, or a new default version of one.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import ADMIN_POLICIES, allows_everything, caller_name, event, shown, text
from amberlight.trail import Event


def match(found: Event) -> Match | None:
    """Policies by their ARN where AWS made them, by their text else. A role is given such rights more often than a user."""
    asked = found.request
    arn = text(asked.get("policyArn"))
    kind = next((one for one in ("user", "role", "group") if asked.get(f"{one}Name")), "policy")
    name = text(asked.get(f"{kind}Name")) or arn
    if found.name.startswith("Attach"):
        if not (":iam::aws:policy/" in arn and arn.rpartition("/")[2] in ADMIN_POLICIES):
            return None
        what = arn.rpartition("/")[2]
    elif allows_everything(asked.get("policyDocument")):
        what = "all actions on all resources"
    else:
        return None
    own = kind == "user" and name == caller_name(found)
    return Match(
        reason=f"{kind} {shown(name)} was given {what}{' by itself' if own else ''}",
        points=70 if own else 40 if kind == "role" else None,
        resources=(f"{kind}/{name}",) if kind in ("user", "role") else (),
    )


RULE = Rule(
    id="admin_granted",
    title="Administrator rights granted",
    tactic="privilege-escalation",
    techniques=("T1098.003",),
    points=60,
    severity="high",
    false_triggers="setting up administrators; roles of infrastructure tools; laboratory accounts",
    references=("https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_job-functions.html",),
    events=(
        "iam:AttachUserPolicy",
        "iam:AttachRolePolicy",
        "iam:AttachGroupPolicy",
        "iam:PutUserPolicy",
        "iam:PutRolePolicy",
        "iam:PutGroupPolicy",
        "iam:CreatePolicyVersion",
        "iam:SetDefaultPolicyVersion",
        "iam:AddUserToGroup",
    ),
    on_event=match,
    examples=(
        event("iam:AttachUserPolicy", {"userName": "bob", "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}),
        event(
            "iam:PutRolePolicy",
            {"roleName": "r", "policyDocument": '{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}'},
        ),
    ),
    near_misses=(
        event("iam:AttachUserPolicy", {"userName": "bob", "policyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}),
        event(
            "iam:PutRolePolicy",
            {
                "roleName": "r",
                "policyDocument": '{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::b/*"}}',
            },
        ),
    ),
)
