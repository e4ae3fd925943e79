"""A role trusts another account.

A role may now be assumed from another account, or by anybody. Vendors ask for that with an external id; an intruder does
not bother.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, shown, text, trusted
from amberlight.trail import Event


def match(found: Event) -> Match | None:
    """Trust in outsiders; less with an external id or another narrowing condition."""
    asked = found.request
    role = text(asked.get("roleName"))
    document = asked.get("assumeRolePolicyDocument") or asked.get("policyDocument")
    outside = list(trusted(document, found.account))
    if not outside:
        return None
    narrowed = all(narrow for _, narrow in outside)
    new = found.name == "CreateRole"
    return Match(
        reason=f"the role {shown(role)} may be assumed from {', '.join(sorted({who for who, _ in outside}))}"
        + (" under a narrowing condition" if narrowed else ""),
        points=25 if narrowed else 50 if new else None,
        resources=(f"role/{role}",),
    )


RULE = Rule(
    id="trust_opened",
    title="A role trusts another account",
    tactic="persistence",
    techniques=("T1098.003", "T1199"),
    points=70,
    severity="high",
    false_triggers="connecting a vendor or a sister account; accounts of one organisation that trust each other",
    references=("https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_common-scenarios_third-party.html",),
    events=(
        "iam:CreateRole",
        "iam:UpdateAssumeRolePolicy",
    ),
    on_event=match,
    examples=(
        event(
            "iam:UpdateAssumeRolePolicy",
            {
                "roleName": "r",
                "policyDocument": '{"Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::999988887777:root"}, "Action": "sts:AssumeRole"}]}',
            },
        ),
    ),
    near_misses=(
        event(
            "iam:CreateRole",
            {
                "roleName": "r",
                "assumeRolePolicyDocument": '{"Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}',
            },
        ),
        event(
            "iam:UpdateAssumeRolePolicy",
            {
                "roleName": "r",
                "policyDocument": '{"Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "sts:AssumeRole"}]}',
            },
        ),
    ),
)
