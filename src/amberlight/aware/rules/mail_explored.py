"""Mail sending explored.

Somebody finds out how much mail the account may send, and as whom: the first steps of spammers with a stolen key.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, events
from amberlight.trail import Event


def match(found: Event) -> Match | None:
    """Each different call with a long-lived key counts once."""
    if not found.access_key.startswith("AKIA"):
        return None
    return Match(reason="mail quota, identities and state were asked for", items=(found.name,))


RULE = Rule(
    id="mail_explored",
    title="Mail sending explored",
    tactic="discovery",
    techniques=("T1526",),
    points=35,
    severity="medium",
    at_least=3,
    denied=True,
    false_triggers="dashboards and scanners: on several days it counts as habit",
    references=("https://docs.aws.amazon.com/ses/latest/APIReference/API_GetSendQuota.html",),
    events=(
        "ses:GetSendQuota",
        "ses:ListIdentities",
        "ses:GetAccountSendingEnabled",
        "ses:GetIdentityVerificationAttributes",
        "ses:GetAccount",
        "ses:ListEmailIdentities",
        "ses:GetSendStatistics",
    ),
    on_event=match,
    examples=(
        events(
            *(event(f"ses:{name}", None) for name in ("GetSendQuota", "ListIdentities", "GetAccountSendingEnabled"))
        ),
    ),
    near_misses=(event("ses:GetSendQuota", None),),
)
