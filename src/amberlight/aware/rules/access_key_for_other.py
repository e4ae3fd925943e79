"""Access key made for another user.

Somebody makes an access key for a user who is not them: the usual way to stay, because the user's own key goes on
working and nobody notices a second one.

Made for a user that the same principal created within the hour, it is part of setting a user up, and then the rights given
to that user decide.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import caller_name, event, shown, text
from amberlight.trail import Event


def match(found: Event) -> Match | None:
    """A key for a named user other than the caller; a key of root for itself is `root_key_made`."""
    name = text(found.request.get("userName"))
    if not name or name == caller_name(found):
        return None
    made = found.response.get("accessKey")
    key = text(made.get("accessKeyId")) if isinstance(made, dict) else ""
    return Match(
        reason=f"an access key was made for the user {shown(name)} by somebody else",
        resources=(f"user/{name}", *((f"key/{key}",) if key else ())),
    )


RULE = Rule(
    id="access_key_for_other",
    title="Access key made for another user",
    tactic="persistence",
    techniques=("T1098.001",),
    points=70,
    severity="high",
    ordinary_with=("iam:CreateUser",),
    false_triggers="setting up users for applications; key rotation by a central role",
    references=("https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateAccessKey.html",),
    events=("iam:CreateAccessKey",),
    on_event=match,
    examples=(event("iam:CreateAccessKey", {"userName": "bob"}),),
    near_misses=(
        event("iam:CreateAccessKey", {"userName": "alice"}),
        event("iam:CreateAccessKey", None),
        event("iam:CreateAccessKey", {"userName": "bob"}, errorCode="AccessDenied"),
    ),
)
