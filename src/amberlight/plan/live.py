"""Tries the roles of a plan: each is taken on for the shortest time there is and used for nothing.

AWS notes it: the trail of every account shows an AssumeRole under a name that says nothing of an incident.

References:
    https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html (15 minutes at least).
"""

from __future__ import annotations

from collections.abc import Iterator

from amberlight._aws import Sessions
from amberlight._aws.sessions import MAINTENANCE
from amberlight.model.errors import CredentialsError
from amberlight.model.response_plan import ResponsePlan

VAULT_ROLES = ("writer_role", "examiner_role", "signer_role", "receiver_role")
"""The custodian's is left alone: it lifts holds, and taking it on should ring."""
SHORTEST_MIN = 15


def shut(plan: ResponsePlan, sessions: Sessions) -> dict[str, str]:
    """Roles that cannot be taken on with the caller's credentials, with what AWS said.

    Raises:
        CredentialsError: the caller's own credentials are missing or wrong.
        Unreachable: STS does not answer.
    """
    sessions.door("").call("sts.GetCallerIdentity")
    found = {}
    for arn in roles(plan):
        try:
            sessions.assume(arn, name=MAINTENANCE, minutes=SHORTEST_MIN)
        except CredentialsError as problem:
            found[arn] = problem.cause.partition(": ")[2] or problem.cause
    return found


def roles(plan: ResponsePlan) -> Iterator[str]:
    """ARNs of the roles that a capture needs: one per subject account, and the vault's."""
    for account in plan.accounts:
        if account.use == "subject":
            yield f"arn:aws:iam::{account.id}:role/{plan.capture.capture_role}"
        if account.use == "vault":
            for name in VAULT_ROLES:
                yield f"arn:aws:iam::{account.id}:role/{getattr(plan.vault, name)}"
