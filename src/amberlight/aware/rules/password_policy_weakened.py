"""The password policy of the account weakened.

Shorter passwords, or ones that never expire, make guessing easier. Administrators change the policy once a year, to the
better.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event
from amberlight.trail import Event

SHORT = 8


def match(found: Event) -> Match | None:
    """A policy that was deleted, or that asks for short passwords."""
    if found.name == "DeleteAccountPasswordPolicy":
        return Match(reason="the account's password policy was deleted")
    length = found.request.get("minimumPasswordLength", 0)
    if isinstance(length, int) and length < SHORT:
        return Match(reason=f"passwords may now be {length} characters long", points=20)
    return None


RULE = Rule(
    id="password_policy_weakened",
    title="Password policy weakened",
    tactic="defense-evasion",
    techniques=("T1556",),
    points=35,
    severity="medium",
    false_triggers="laboratories",
    references=("https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAccountPasswordPolicy.html",),
    events=("iam:UpdateAccountPasswordPolicy", "iam:DeleteAccountPasswordPolicy"),
    on_event=match,
    examples=(event("iam:DeleteAccountPasswordPolicy", None),),
    near_misses=(event("iam:UpdateAccountPasswordPolicy", {"minimumPasswordLength": 14}),),
)
