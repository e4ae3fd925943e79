"""The hub's ways into the accounts: one role for each kind of work, assumed with names that say nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from amberlight._aws import Door, Sessions
from amberlight.model.response_plan import ResponsePlan


@dataclass(frozen=True, kw_only=True)
class Doors:
    """Doors of a response; `hub` is the hub itself, in the security account; `session` names the sessions of the others.

    `custodian` takes its role on when it is called: a drill never does, and a role that is shut must end no response.
    """

    hub: Door
    subject: Door
    writer: Door
    examiner: Door
    signer: Door
    receiver: Door
    custodian: Callable[[], Door]
    writer_arn: str
    session: str = ""


def role_arn(account: str, role: str) -> str:
    """The ARN of a role."""
    return f"arn:aws:iam::{account}:role/{role}"


def open_doors(sessions: Sessions, plan: ResponsePlan, token: str) -> Doors:
    """Assume every role that the plan names; `token` becomes the name of the sessions, so let it be opaque.

    Raises:
        CredentialsError: a role cannot be assumed.
        Unreachable: STS does not answer.
    """
    vault, subject = plan.account("vault").id, plan.account("subject").id

    def opened(account: str, role: str) -> Door:
        return sessions.role_door(role_arn(account, role), name=token)

    return Doors(
        hub=sessions.door(plan.account("security").id, principal="hub"),
        subject=opened(subject, plan.capture.capture_role),
        writer=opened(vault, plan.vault.writer_role),
        examiner=opened(vault, plan.vault.examiner_role),
        signer=opened(vault, plan.vault.signer_role),
        receiver=opened(vault, plan.vault.receiver_role),
        custodian=lambda: opened(vault, plan.vault.custodian_role),
        writer_arn=role_arn(vault, plan.vault.writer_role),
        session=token,
    )
