"""The root user signed in.

The root user signs in or is recovered. A handful of tasks need it, and they are planned.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event
from amberlight.trail import Event


def match(found: Event) -> Match | None:
    """A successful sign-in or recovery by root."""
    if found.actor.kind != "root" or found.response.get("ConsoleLogin") == "Failure":
        return None
    return Match(reason=f"root: {found.name}")


ROOT = {"type": "Root", "arn": "arn:aws:iam::111122223333:root", "accountId": "111122223333"}


RULE = Rule(
    id="root_signed_in",
    title="The root user signed in",
    tactic="initial-access",
    techniques=("T1078.004",),
    points=40,
    severity="high",
    false_triggers="tasks that only root can do",
    references=("https://docs.aws.amazon.com/IAM/latest/UserGuide/root-user-tasks.html",),
    events=(
        "signin:ConsoleLogin",
        "signin:PasswordRecoveryCompleted",
        "signin:PasswordRecoveryRequested",
    ),
    on_event=match,
    examples=(event("signin:ConsoleLogin", None, userIdentity=ROOT, responseElements={"ConsoleLogin": "Success"}),),
    near_misses=(event("signin:ConsoleLogin", None, responseElements={"ConsoleLogin": "Success"}),),
)
