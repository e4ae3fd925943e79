"""Attack the vault of a response plan with the caller's credentials and every role that they open."""

from __future__ import annotations

from pathlib import Path

import msgspec

from amberlight import plan as plans
from amberlight._aws import Door, Sessions, SystemClock
from amberlight._aws.sessions import MAINTENANCE
from amberlight.model.custody import Stored
from amberlight.model.errors import CredentialsError
from amberlight.model.proof import Unsettled, VaultProof
from amberlight.model.response_plan import ResponsePlan
from amberlight.response.doors import role_arn
from amberlight.vault import KmsSigner, S3Store, proof
from amberlight.vault.attack import Target
from amberlight.vault.proof import Signed
from amberlight.vault.prove import plant, standing_of

DEPLOYER = "AmberlightDeployer"


def prove(path: Path, *, with_capture: bool, trail: str) -> Signed:
    """Attack the vault that the plan names, and file the report in it.

    Args:
        path: The response plan.
        with_capture: Attack with the capture role too, which its own account's trail records.
        trail: ARN of the vault account's trail; empty leaves it alone.

    Raises:
        ConfigError: the plan cannot be read.
        CredentialsError: the roles that plant the canary and sign cannot be taken on.
    """
    plan = plans.load(path)
    clock = SystemClock()
    sessions = Sessions(region=plan.vault.region, clock=clock)
    doors, shut = open_doors(sessions, plan, with_capture=with_capture)
    case_id = proof.case_of(clock)
    store = S3Store(doors["vault writer"], doors["vault examiner"], plan.vault.bucket, clock)
    signer = KmsSigner(doors["vault signer"], plan.vault.signing_key)
    stored = plant(store, case_id)
    standing = standing_of(doors["vault examiner"], plan.vault.bucket)
    made = proof.made(doors, target_of(plan, trail, stored=stored), standing, where="aws", clock=clock)
    return proof.filed(with_shut(made, shut), store, signer, proof.book(store, signer, clock, case_id))


def open_doors(
    sessions: Sessions, plan: ResponsePlan, *, with_capture: bool
) -> tuple[dict[str, Door], tuple[Unsettled, ...]]:
    """A door for the caller and for each role; those that do not open are named."""
    vault, subject = plan.account("vault").id, plan.account("subject").id
    caller = sessions.door("").call("sts.GetCallerIdentity")
    label = "hub" if caller["Account"] == plan.account("security").id else "caller"
    doors = {label: sessions.door(caller["Account"], principal=caller["Arn"])}
    arns = {
        "vault writer": role_arn(vault, plan.vault.writer_role),
        "vault examiner": role_arn(vault, plan.vault.examiner_role),
        "vault signer": role_arn(vault, plan.vault.signer_role),
        "vault custodian": role_arn(vault, plan.vault.custodian_role),
        "vault receiver": role_arn(vault, plan.vault.receiver_role),
        **({"capture": role_arn(subject, plan.capture.capture_role)} if with_capture else {}),
    }
    shut = []
    for name, arn in arns.items():
        try:
            doors[name] = sessions.role_door(arn, name=MAINTENANCE)
        except CredentialsError as problem:
            if name in {"vault writer", "vault examiner", "vault signer"}:
                raise  # without these there is neither canary nor report
            shut.append(Unsettled(role=name, action="everything", problem=problem.cause))
    return doors, tuple(shut)


def with_shut(made: VaultProof, shut: tuple[Unsettled, ...]) -> VaultProof:
    """The proof with the roles that could not be tried."""
    return msgspec.structs.replace(made, unsettled=(*shut, *made.unsettled))


def target_of(plan: ResponsePlan, trail: str, *, stored: Stored) -> Target:
    """What is attacked; a real trail is never deleted."""
    vault = plan.account("vault").id
    working = (plan.vault.writer_role, plan.vault.examiner_role, plan.vault.signer_role, plan.vault.custodian_role)
    return Target(
        bucket=plan.vault.bucket,
        stored=stored,
        account=vault,
        signing_key=plan.vault.signing_key,
        trail=trail,
        roles=tuple(role_arn(vault, name) for name in working),
        deployer=role_arn(vault, DEPLOYER),
    )
