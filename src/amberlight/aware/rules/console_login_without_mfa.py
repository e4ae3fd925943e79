"""Console sign-in without a second factor.

A user of the account signs in to the console with a password alone. Sign-ins through an identity provider are not meant:
the second factor is asked for there.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, shown
from amberlight.trail import Event


def match(found: Event) -> Match | None:
    """A successful sign-in of an IAM user where AWS says that MFA was not used."""
    kind = found.identity.type if found.identity else ""
    if found.response.get("ConsoleLogin") != "Success" or kind not in ("IAMUser", "Root"):
        return None
    extra = found.extra
    if extra.get("MFAUsed") != "No" or extra.get("SamlProviderArn"):
        return None
    return Match(reason=f"{shown(found.principal)} signed in to the console without a second factor")


RULE = Rule(
    id="console_login_without_mfa",
    title="Console sign-in without a second factor",
    tactic="initial-access",
    techniques=("T1078.004",),
    points=70,
    severity="medium",
    false_triggers="users who never had a second factor: the second and later days count as habit",
    references=("https://docs.aws.amazon.com/IAM/latest/UserGuide/cloudtrail-integration.html",),
    events=("signin:ConsoleLogin",),
    on_event=match,
    examples=(
        event(
            "signin:ConsoleLogin",
            None,
            responseElements={"ConsoleLogin": "Success"},
            additionalEventData={"MFAUsed": "No"},
        ),
    ),
    near_misses=(
        event(
            "signin:ConsoleLogin",
            None,
            responseElements={"ConsoleLogin": "Success"},
            additionalEventData={"MFAUsed": "Yes"},
        ),
        event(
            "signin:ConsoleLogin",
            None,
            responseElements={"ConsoleLogin": "Failure"},
            additionalEventData={"MFAUsed": "No"},
        ),
        event(
            "signin:ConsoleLogin",
            None,
            responseElements={"ConsoleLogin": "Success"},
            additionalEventData={"MFAUsed": "No"},
            userIdentity={
                "type": "AssumedRole",
                "arn": "arn:aws:sts::111122223333:assumed-role/Admin/alice",
                "accountId": "111122223333",
            },
        ),
    ),
)
