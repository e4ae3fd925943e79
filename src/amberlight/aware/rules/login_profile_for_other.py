"""Console password set for another user.

Somebody gives another user a console password, or sets a new one: users made for machines have none, and one is enough to
sign in as them.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import caller_name, event, shown, text
from amberlight.trail import Event


def match(found: Event) -> Match | None:
    """A password for a user other than the caller; one that must be changed at first sign-in is what a help desk sets."""
    asked = found.request
    name = text(asked.get("userName"))
    if not name or name == caller_name(found):
        return None
    handed_over = asked.get("passwordResetRequired") is True
    return Match(
        reason=f"a console password was set for the user {shown(name)} by somebody else",
        points=35 if handed_over else None,
        resources=(f"user/{name}",),
    )


RULE = Rule(
    id="login_profile_for_other",
    title="Console password set for another user",
    tactic="persistence",
    techniques=("T1098", "T1136.003"),
    points=70,
    severity="high",
    ordinary_with=("iam:CreateUser",),
    false_triggers="a help desk that resets passwords; setting up a new colleague",
    references=(
        "https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateLoginProfile.html",
        "https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateLoginProfile.html",
    ),
    events=(
        "iam:CreateLoginProfile",
        "iam:UpdateLoginProfile",
    ),
    on_event=match,
    examples=(
        event("iam:CreateLoginProfile", {"userName": "bob", "passwordResetRequired": False}),
        event("iam:UpdateLoginProfile", {"userName": "bob"}),
    ),
    near_misses=(
        event("iam:CreateLoginProfile", {"userName": "alice"}),
        event("iam:ChangePassword", None),
    ),
)
