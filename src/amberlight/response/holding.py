"""What a person asks of a case that is in the vault already: holds, statements, releases, owed timestamps, its check there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from amberlight import plan as plans
from amberlight._aws import Door, Sessions, SystemClock
from amberlight._aws.sessions import MAINTENANCE
from amberlight.model.case_check import CaseCheck
from amberlight.model.custody import Checkpoint
from amberlight.model.errors import ConfigError, NotPossible
from amberlight.model.response_plan import ResponsePlan
from amberlight.response.doors import role_arn
from amberlight.response.ledgers import reopened
from amberlight.response.proving import DEPLOYER
from amberlight.response.stamping import Stamping, settled
from amberlight.response.watch import Listener
from amberlight.vault import KmsSigner, Ledger, S3Store, retention
from amberlight.vault.checking import CaseChecker
from amberlight.vault.people import Signature
from amberlight.vault.retention import Keeper


@dataclass(frozen=True, kw_only=True)
class Vault:
    """A response plan, and the roles of its vault as the caller can take them on."""

    plan: ResponsePlan
    sessions: Sessions

    @classmethod
    def of(cls, path: Path) -> Vault:
        """The vault that a response plan names.

        Raises:
            ConfigError: the plan cannot be read.
        """
        plan = plans.load(path)
        return cls(plan=plan, sessions=Sessions(region=plan.vault.region, clock=SystemClock()))

    def door(self, role: str) -> Door:
        """The door of a role.

        Raises:
            CredentialsError: it cannot be taken on.
        """
        return self.sessions.role_door(role_arn(self.plan.account("vault").id, role), name=MAINTENANCE)

    def signer(self) -> KmsSigner:
        """Who signs heads."""
        return KmsSigner(self.door(self.plan.vault.signer_role), self.plan.vault.signing_key)

    def keeper(self, case_id: str, authority: str) -> Keeper:
        """Who holds a case that is there.

        Raises:
            ConfigError: there is no such case.
            CredentialsError: a role cannot be taken on.
            IntegrityError: the case's ledger is not what it was.
        """
        store = self.store()
        ledger = self.ledger(store, case_id, authority)
        return Keeper(
            custodian=self.door(self.plan.vault.custodian_role),
            store=store,
            ledger=ledger,
            bucket=self.plan.vault.bucket,
            kind=ledger.kind,
            clock=self.sessions.clock,
        )

    def store(self) -> S3Store:
        """The vault itself."""
        names = self.plan.vault
        return S3Store(self.door(names.writer_role), self.door(names.examiner_role), names.bucket, self.sessions.clock)

    def ledger(self, store: S3Store, case_id: str, authority: str) -> Ledger:
        """The ledger of a case that is there; raises as `keeper` does."""
        return reopened(store, self.signer(), one_case(case_id), self.sessions.clock, authority)


def one_case(case_id: str) -> str:
    """The id, if it can only mean one case.

    Raises:
        ConfigError: it is empty, or names a part of one.
    """
    if not case_id or "/" in case_id:
        raise ConfigError(f"{case_id!r} is no id of a case.", "Name it as START-HERE does.")
    return case_id


def hold(path: Path, case_id: str) -> int:
    """Hold a case and extend its locks to the plan's horizon, and sign that; how many objects changed.

    Raises:
        NotPossible: it is a drill, which is never held.
        AmberlightError: see `Vault.keeper` and `retention.declare`.
    """
    vault = Vault.of(path)
    keeper = vault.keeper(case_id, "response plan, vault.retention_days")
    _no_drill(keeper)
    changed = retention.declare(keeper, vault.plan.vault.retention_days)
    if changed:
        keeper.ledger.checkpoint()
    return changed


def statement(path: Path, case_id: str, reason: str) -> bytes:
    """What two people sign to let a case's evidence go.

    Raises:
        NotPossible: it is a drill, which is never held.
        AmberlightError: see `Vault.keeper`.
    """
    keeper = Vault.of(path).keeper(case_id, "a statement is being made")
    _no_drill(keeper)
    return retention.release_statement(keeper, reason)


def _no_drill(keeper: Keeper) -> None:
    if keeper.kind == "drill":
        raise NotPossible(f"{keeper.ledger.case_id} is a drill, and drills are not held.", "Its lock ends in a day.")


def release(
    path: Path, case_id: str, *, said: bytes, signatures: Sequence[Signature], allowed: bytes, profile: str | None
) -> int:
    """Lift the hold of a case's evidence by two people's word, and sign that; how many objects were let go.

    Args:
        path: The response plan.
        case_id: The case.
        said: The statement's bytes.
        signatures: Two people's.
        allowed: Who may sign.
        profile: Profile of the deployer in the caller's AWS configuration; None takes the role on as the others.

    Raises:
        ApprovalMissing: see `retention.release`.
        AmberlightError: see `Vault.keeper`.
    """
    vault = Vault.of(path)
    keeper = vault.keeper(case_id, "two people's signatures")
    lifted = retention.release(keeper, deployer(vault, profile), said, signatures, allowed)
    keeper.ledger.checkpoint()
    return lifted


def deployer(vault: Vault, profile: str | None) -> Door:
    """Who may take the bucket's wall away: a person with a second factor, whom the hub is not.

    Raises:
        CredentialsError: there is no such profile, or the role cannot be taken on.
    """
    if profile is None:
        return vault.door(DEPLOYER)
    sessions = Sessions(region=vault.plan.vault.region, profile=profile, clock=vault.sessions.clock)
    return sessions.door(vault.plan.account("vault").id, principal=DEPLOYER)


def settle(path: Path, case_id: str, tell: Listener) -> tuple[Checkpoint, ...]:
    """Ask once more for the timestamps that a case is owed; what is owed still.

    Args:
        path: The response plan.
        case_id: The case.
        tell: As in `Stamping`.

    Raises:
        ConfigError: the plan cannot be read, or lets nobody be asked; there is no such case.
        CredentialsError: a role of the vault cannot be taken on.
    """
    vault = Vault.of(path)
    plan, store = vault.plan.vault.timestamps, vault.store()
    ledger = vault.ledger(store, case_id, "response plan, vault.timestamps")
    return settled(Stamping(plan, ledger, store, clock=vault.sessions.clock, tell=tell), ledger, plan)


def check(path: Path, case_id: str) -> CaseCheck:
    """Check a case where it lies.

    Raises:
        NotPossible: nothing of it is there.
        AmberlightError: see `Vault.door`.
    """
    vault = Vault.of(path)
    examiner = vault.door(vault.plan.vault.examiner_role)
    return CaseChecker(examiner, vault.plan.vault.bucket, one_case(case_id), vault.signer().public_pem).run()
