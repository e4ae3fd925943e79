"""Mail sending prepared.

Mail sending is prepared: new identities, limits raised, sending switched on.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event
from amberlight.trail import Event


def match(found: Event) -> Match:
    """Any of the calls."""
    return Match(reason=f"mail sending was prepared: {found.name}")


RULE = Rule(
    id="mail_prepared",
    title="Mail sending prepared",
    tactic="impact",
    techniques=("T1496", "T1566"),
    points=25,
    severity="medium",
    false_triggers="setting up mail for a new domain",
    references=("https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_CreateEmailIdentity.html",),
    events=(
        "ses:VerifyEmailIdentity",
        "ses:VerifyDomainIdentity",
        "ses:CreateEmailIdentity",
        "ses:UpdateAccountSendingEnabled",
        "ses:PutAccountDetails",
    ),
    on_event=match,
    examples=(event("ses:CreateEmailIdentity", {"emailIdentity": "x@example.com"}),),
    near_misses=(event("ses:SendEmail", {}),),
)
