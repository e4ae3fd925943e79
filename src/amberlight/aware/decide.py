"""A suspicion to a decision, as far as the plan lets a machine decide; and a decision to a case with its targets.

References:
    NIST SP 800-61r3, section 4 (declaring an incident is a decision, with its criteria written down beforehand).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from amberlight.model.errors import ApprovalMissing
from amberlight.model.response_plan import ResponsePlan
from amberlight.model.signals import Case, Decision, Kind, Suspicion, Target

TYPES = frozenset({"account", "instance", "bucket", "user", "role", "key"})


def decide(suspicion: Suspicion, plan: ResponsePlan, kind: Kind, now: datetime) -> Decision | None:
    """The plan's own promotion of a suspicion that pages; None where a person must decide.

    `aware.auto_promote` names `drill`, or severities.
    """
    if not suspicion.page:
        return None
    allowed = plan.aware.auto_promote
    named = next((word for word in ("drill" if kind == "drill" else "", suspicion.severity) if word in allowed), "")
    if not named:
        return None
    return Decision(
        suspicion=suspicion.id,
        verdict="promoted",
        by="amberlight",
        authority=f"response plan, aware.auto_promote: {named}",
        when=now,
        reason=f"score {suspicion.score:g}, severity {suspicion.severity}: {headline(suspicion)}",
    )


def headline(suspicion: Suspicion) -> str:
    """The strongest reason."""
    return max(suspicion.reasons, key=lambda one: one.points).text if suspicion.reasons else "no reason was given"


def open_case(  # noqa: PLR0917 - the signature that the response calls
    suspicion: Suspicion,
    decision: Decision,
    plan: ResponsePlan,
    kind: Kind,
    now: datetime,
    case_id: str,
    regions: Sequence[str],
) -> Case:
    """A case with everything that the suspicion touches as its targets, and its account.

    The account stands once, in the first of the Regions: what is taken of an account looks into every Region by itself.

    Raises:
        ApprovalMissing: the suspicion was not promoted.
    """
    if decision.verdict != "promoted" or decision.suspicion != suspicion.id:
        raise ApprovalMissing(
            f"The suspicion {suspicion.id} was not promoted.", "Promote it first, with who decides and why."
        )
    account = account_of(suspicion, plan)
    targets = {Target(type="account", account=account, region=region, name=account) for region in regions[:1]}
    targets |= {target for text in suspicion.resources if (target := parsed(text, account))}
    return Case(
        id=case_id,
        kind=kind,
        severity=suspicion.severity,
        opened=now,
        suspicion=suspicion,
        decision=decision,
        targets=tuple(sorted(targets)),
    )


def account_of(suspicion: Suspicion, plan: ResponsePlan) -> str:
    """The account that the suspicion is about: one of the plan's where it names one."""
    subjects = {account.id for account in plan.accounts if account.use == "subject"}
    known = [account for account in suspicion.accounts if account in subjects]
    return (known or list(suspicion.accounts) or [plan.account("subject").id])[0]


def parsed(text: str, account: str) -> Target | None:
    """`type/name@region` as a target; None for what nothing can be captured of."""
    kind, _, rest = text.partition("/")
    name, _, region = rest.rpartition("@")
    return Target(type=kind, account=account, region=region, name=name) if kind in TYPES and name else None
