"""Access key made for the root user.

The root user makes itself an access key: there is hardly ever a reason to.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event
from amberlight.trail import Event


def match(found: Event) -> Match | None:
    """The caller is root, and names no other user."""
    if found.actor.kind != "root" or found.request.get("userName"):
        return None
    return Match(reason="the root user made itself an access key")


ROOT = {"type": "Root", "arn": "arn:aws:iam::111122223333:root", "accountId": "111122223333"}


RULE = Rule(
    id="root_key_made",
    title="Access key made for the root user",
    tactic="persistence",
    techniques=("T1098.001",),
    points=90,
    severity="critical",
    may_page_alone=True,
    softens=False,
    false_triggers="accounts that are set up by hand, on their first day",
    references=("https://docs.aws.amazon.com/IAM/latest/UserGuide/root-user-best-practices.html",),
    events=("iam:CreateAccessKey",),
    on_event=match,
    examples=(event("iam:CreateAccessKey", None, userIdentity=ROOT),),
    near_misses=(
        event("iam:CreateAccessKey", None),
        event("iam:CreateAccessKey", {"userName": "bob"}, userIdentity=ROOT),
    ),
)
