"""Rights given through single sign-on.

Somebody is given an account or put into a group through the organisation's single sign-on.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event
from amberlight.trail import Event


def match(found: Event) -> Match:
    """Any of the calls."""
    return Match(reason=f"single sign-on: {found.name}", points=10 if found.name == "CreateUser" else None)


RULE = Rule(
    id="sign_on_rights_given",
    title="Rights given through single sign-on",
    tactic="persistence",
    techniques=("T1098",),
    points=25,
    severity="medium",
    false_triggers="the daily work of who runs the single sign-on",
    references=("https://docs.aws.amazon.com/singlesignon/latest/APIReference/API_CreateAccountAssignment.html",),
    events=(
        "sso:CreateAccountAssignment",
        "sso-directory:AddMemberToGroup",
        "sso-directory:CreateUser",
        "identitystore:CreateGroupMembership",
    ),
    on_event=match,
    examples=(event("sso:CreateAccountAssignment", {}),),
    near_misses=(event("sso:ListAccountAssignments", {}),),
)
