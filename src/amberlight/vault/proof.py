"""The report of an attack on the vault: signed like everything else, by an entry in a ledger of its own and a checkpoint.

What AWS would allow, and no attempt can show without doing it, stands beside the attempts as residual risk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from amberlight import __version__
from amberlight._aws import Clock, Door
from amberlight.model.codec import canonical, to_builtins
from amberlight.model.custody import Checkpoint, Entry
from amberlight.model.proof import Residual, VaultProof
from amberlight.vault import prove
from amberlight.vault.attack import Standing, Target
from amberlight.vault.ledger import Ledger
from amberlight.vault.store import Signer, Store

SCHEMA = "amberlight.vault-proof/1"


def _left(risk: str, remedy: str) -> Residual:
    return Residual(risk=risk, remedy=remedy)


RESIDUAL = (
    _left(
        "The organisation's management account is not bound by SCPs or RCPs: it can detach them, and close the vault "
        "account with everything in it, locked objects included.",
        "Put the vault into an organisation of its own, or keep checkpoints and small evidence with a witness.",
    ),
    _left(
        "Without an SCP the vault account's root can replace or remove the bucket's policy, and change roles and trail.",
        "Attach deploy/policies/vault-scp.json; Object Lock holds what is locked all the same.",
    ),
    _left(
        "The deployer may change the bucket's policy and settings: that is his work in an emergency.",
        "A second factor, an alarm on every call of that role, and vault-rcp.json, which forbids deletion without him.",
    ),
    _left(
        "Custodian and deployer together can lift a hold; retention then ends as it was set.",
        "Two people, two signatures in the ledger (vault.retention); neither role reads or deletes.",
    ),
    _left(
        "A grant on a KMS key can be retired by its grantee, and an RCP does not cover kms:RetireGrant.",
        "Retiring takes a permission away and gives none; list the grants at each readiness check.",
    ),
    _left(
        "An object under a KMS key is lost with the key.",
        "vault-scp.json denies the deletion of keys; where there are no SCPs, encrypt with SSE-S3.",
    ),
    _left(
        "AWS itself, by law, by support or by an operator, can reach what it stores.",
        "Encrypt packages to their receivers; keep a copy where another law holds.",
    ),
    _left(
        "A stolen writer can fill the bucket at our cost, and can plant objects of its own; none replaces another.",
        "An alarm on the bucket's size; what no ledger entry names is not evidence.",
    ),
    _left(
        "A stolen custodian can lock objects up to the cap, at our cost.",
        "The cap of the bucket's policy; an alarm on PutObjectRetention outside a case.",
    ),
    _left(
        "Whoever may sign and write can lie at the moment of capture; nothing later can.",
        "Writer and signer are two roles; AWS's own trail names each call of both.",
    ),
)
"""What AWS would allow."""


@dataclass(frozen=True, kw_only=True)
class Signed:
    """A proof, the entry that holds its hash, the checkpoint over that entry, and the key that signed it."""

    proof: VaultProof
    entry: Entry
    checkpoint: Checkpoint
    public_pem: bytes

    @property
    def held(self) -> bool:
        """Whether every attempt was refused."""
        return all(each.refused for each in self.proof.attempts)


def made(doors: Mapping[str, Door], target: Target, standing: Standing, *, where: str, clock: Clock) -> VaultProof:
    """Attack the target with every door, and say what came of it."""
    came = prove.assault(doors, target, standing)
    return VaultProof(
        schema=SCHEMA,
        where=where,
        account=target.account,
        bucket=target.bucket,
        canary=target.stored.key,
        made_at=clock.now(),
        attempts=came.attempts,
        lawful=came.lawful,
        unsettled=came.unsettled,
        residual=RESIDUAL,
    )


def filed(proof: VaultProof, store: Store, signer: Signer, ledger: Ledger) -> Signed:
    """Put the report into the vault, enter its hash and the sums, and sign.

    Raises:
        Denied, Unreachable, DeliveryError, IntegrityError: the vault does not take it.
    """
    stored = store.put(f"cases/{ledger.case_id}/proof/report.json", [canonical(proof)], media_type="application/json")
    through = [f"{each.role}: {each.action}" for each in proof.attempts if not each.refused]
    what = {
        "report": to_builtins(stored),
        "canary": proof.canary,
        "attempts": len(proof.attempts),
        "let_through": through,
        "unsettled": len(proof.unsettled),
    }
    entry = ledger.append("attempted", what)
    return Signed(proof=proof, entry=entry, checkpoint=ledger.checkpoint(), public_pem=signer.public_pem)


def case_of(clock: Clock) -> str:
    """The name of a proof's own case: the time, to the second."""
    return f"proof-{clock.now():%Y%m%dt%H%M%Sz}"


def book(store: Store, signer: Signer, clock: Clock, case_id: str) -> Ledger:
    """A ledger for one proof."""
    return Ledger(
        store,
        signer,
        case_id=case_id,
        kind="drill",
        clock=clock,
        actor="amberlight vault prove",
        authority="whoever ran the command",
        tool=f"amberlight {__version__}",
    )


def document(signed: Signed) -> dict[str, Any]:
    """The report as it is printed: the proof's own fields, and beside them what it was signed with."""
    return {
        **to_builtins(signed.proof),
        "entry": to_builtins(signed.entry),
        "checkpoint": to_builtins(signed.checkpoint),
        "public_key": signed.public_pem.decode(),
    }
