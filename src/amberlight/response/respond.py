"""From a suspicion that pages to a package that a stranger can check: the same way for a drill and for a real case."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from amberlight._aws import Clock, Door, Sessions
from amberlight._engine import Engine
from amberlight.aware.decide import decide, open_case
from amberlight.capture import planner, runner
from amberlight.capture.runner import Outcome, Station
from amberlight.capture.slots import Upload
from amberlight.casebook import Casebook
from amberlight.casebook.standing import items
from amberlight.handoff import package
from amberlight.model.codec import to_builtins
from amberlight.model.custody import Attempt
from amberlight.model.delivery import Package
from amberlight.model.errors import ApprovalMissing, DeliveryError, Denied, NotPossible, Unreachable
from amberlight.model.evidence import CapturePlan, Gap, Source
from amberlight.model.response_plan import ResponsePlan
from amberlight.model.signals import Case, Decision, Kind, Suspicion
from amberlight.response import corroborating, ledgers
from amberlight.response.corroborating import Corroborator
from amberlight.response.doors import Doors
from amberlight.response.keeping import Keeping
from amberlight.response.stamping import Stamping
from amberlight.response.watch import Listener, Watcher
from amberlight.vault import KmsSigner, Ledger, S3Store, prove

MARGIN = timedelta(minutes=30)
"""How far before the first suspicious event the capture's window of time begins."""
QUIET_S = 2.0
"""A suspicion that has not grown for so long is as large as it is going to be, for the plan."""
SETTLE_S = 30.0
"""Longest wait for that: evidence vanishes meanwhile."""
VERIFY_S = 120


@dataclass(frozen=True, kw_only=True)
class Approval:
    """Somebody's word that a capture may be seen more than the plan's limit says."""

    max_seen: int
    by: str
    authority: str


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What a response works with.

    `adversaries` are doors of credentials that must not be able to alter the vault, beside our own roles; `work` is a
    folder for what must survive a crash; `upload_endpoint` is the store's address as a host reaches it, None for AWS.
    """

    kind: Kind
    plan: ResponsePlan
    sessions: Sessions
    doors: Doors
    catalogue: Mapping[str, Source]
    casebook: Casebook
    clock: Clock
    work: Path
    case_id: str
    tell: Listener
    adversaries: Mapping[str, Door] = field(default_factory=dict)
    upload_endpoint: str | None = None
    approval: Approval | None = None

    @property
    def regions(self) -> tuple[str, ...]:
        """Regions that are looked into."""
        return self.plan.capture.regions


@dataclass(frozen=True, kw_only=True)
class Response:
    """What came of a case; `unkept` is what could not be held, or copied to the witness."""

    case: Case
    plan: CapturePlan
    outcome: Outcome
    attempts: tuple[Attempt, ...]
    package: Package
    verified: dict[str, Any]
    fingerprint: str
    unkept: tuple[Gap, ...] = ()


def respond(desk: Desk, watcher: Watcher, suspicion: Suspicion, out: Path) -> Response:
    """Take a suspicion that pages through decision, capture, proof and hand-off; the package is built at *out*.

    Raises:
        ApprovalMissing: the response plan leaves the decision to a person.
        IntegrityError, DeliveryError, CredentialsError: see the steps.
    """
    desk.tell("proposed", suspicion)
    decision = decided(desk, suspicion)
    grown = watcher.until_settled(suspicion, quiet_s=QUIET_S, limit_s=SETTLE_S)
    desk.tell("dismissed", tuple(one for one in watcher.latest if not one.page))
    case = opened(desk, grown, decision)
    bucket, notes = desk.plan.vault.bucket, desk.work / "uploads"
    store = S3Store(desk.doors.writer, desk.doors.examiner, bucket, desk.clock, notes=notes)
    signer = KmsSigner(desk.doors.signer, desk.plan.vault.signing_key)
    ledger = ledgers.opened(
        store, signer, case_id=case.id, kind=case.kind, clock=desk.clock, authority=decision.authority
    )
    stamping = Stamping(desk.plan.vault.timestamps, ledger, store, clock=desk.clock, tell=desk.tell)
    keeping = kept(desk, store, ledger)
    ledger.append("opened", to_builtins(case))
    keeping.phase("opened")
    plan = planned(desk, case, ledger)
    outcome = runner.run(plan, desk.catalogue, station(desk, store, ledger), on_event=desk.tell)
    stamping.begin(keeping.phase("captured"))
    desk.tell("captured", outcome)
    corroborated = corroborator(desk, ledger).begin()
    attempts = attacked(desk, case, store, ledger)
    stamping.begin(keeping.head("attempted"))
    desk.tell("corroborated", corroborating.enter(ledger, corroborated()))
    made = package.build(
        out,
        case=case,
        plan=plan,
        evidence=outcome.evidence,
        gaps=(*outcome.gaps, *keeping.gaps),
        attempts=attempts,
        store=store,
        ledger=ledger,
        signer=signer,
        clock=desk.clock,
        extras=stamping.arrived(),
    )
    desk.tell("packaged", made)
    keeping.phase("packaged")
    verified = verify_alone(out, signer.fingerprint)
    desk.tell("verified", verified)
    stamping.after()
    return Response(
        case=case,
        plan=plan,
        outcome=outcome,
        attempts=attempts,
        package=made,
        verified=verified,
        fingerprint=signer.fingerprint,
        unkept=keeping.gaps,
    )


def kept(desk: Desk, store: S3Store, ledger: Ledger) -> Keeping:
    """Who holds what the case has, and brings its heads to the witness."""
    return Keeping(
        plan=desk.plan,
        doors=desk.doors,
        sessions=desk.sessions,
        store=store,
        ledger=ledger,
        clock=desk.clock,
        tell=desk.tell,
    )


def decided(desk: Desk, suspicion: Suspicion) -> Decision:
    """What a person has decided already, or the plan's own decision, recorded.

    Raises:
        ApprovalMissing: a person must decide, or has dismissed it, and nothing new came since.
    """
    now = desk.clock.now()
    one = next((each for each in items(desk.casebook, now) if each.suspicion.id == suspicion.id), None)
    before = one.decision if one else None
    if one and before and one.state == "promoted":
        desk.tell("decided", before)
        return before
    if one and before and one.state == "dismissed":
        raise ApprovalMissing(
            f"The suspicion {suspicion.id} was dismissed by {before.by}: {before.reason}",
            "Promote it with `amberlight signals promote` if that no longer holds.",
        )
    decision = decide(suspicion, desk.plan, desk.kind, now)
    if decision is None:
        raise ApprovalMissing(
            f"The suspicion {suspicion.id} waits for a person: the response plan does not promote it by itself.",
            "Decide, or name its severity in aware.auto_promote.",
        )
    desk.casebook.record_decision(decision, after=before)
    desk.tell("decided", decision)
    return decision


def opened(desk: Desk, suspicion: Suspicion, decision: Decision) -> Case:
    """The case with everything that the suspicion has come to touch."""
    # The decision stands for the suspicion under the id that it had then; groups that merge may change it.
    named = Decision(
        suspicion=suspicion.id,
        verdict=decision.verdict,
        by=decision.by,
        authority=decision.authority,
        when=decision.when,
        reason=decision.reason,
    )
    case = open_case(suspicion, named, desk.plan, desk.kind, desk.clock.now(), desk.case_id, desk.regions)
    desk.casebook.record_case(case)
    desk.tell("opened", case)
    return case


def planned(desk: Desk, case: Case, ledger: Ledger) -> CapturePlan:
    """The capture plan, with whoever approved more than the limit allows entered first."""
    approval, now = desk.approval, desk.clock.now()
    made = planner.plan(
        case,
        desk.catalogue,
        desk.plan.capture,
        regions=desk.regions,
        since=case.suspicion.first - MARGIN,
        until=now,
        now=now,
        approved_seen=approval.max_seen if approval else None,
    )
    if approval:
        ledger.append(
            "planned",
            {"approved": made.hash, "max_seen": approval.max_seen, "by": approval.by, "authority": approval.authority},
        )
    return made


def station(desk: Desk, store: S3Store, ledger: Ledger) -> Station:
    """What the runner works with."""
    doors = desk.doors
    return Station(
        sessions=desk.sessions,
        subject_doors={doors.subject.account: doors.subject},
        vault_door=doors.receiver,
        store=store,
        ledger=ledger,
        clock=desk.clock,
        engine=Engine(f"sqlite:///{desk.work / 'steps.sqlite'}"),
        writer_role_arn=doors.writer_arn,
        upload=Upload(bucket=desk.plan.vault.bucket, region=desk.plan.vault.region, endpoint=desk.upload_endpoint),
        workers=desk.plan.capture.workers,
    )


def attacked(desk: Desk, case: Case, store: S3Store, ledger: Ledger) -> tuple[Attempt, ...]:
    """Attack the vault with every credential at hand; each answer is entered.

    The capture role is not among them unless the caller says so: its attempts would stand in the subject account's own
    trail and name the vault to whoever reads it.
    """
    doors = {**desk.adversaries, "vault writer": desk.doors.writer, "vault examiner": desk.doors.examiner}
    canary = prove.plant(store, case.id)
    bucket = desk.plan.vault.bucket
    attempts: tuple[Attempt, ...] = ()
    problem = ""
    try:
        attempts = prove.attempt(doors, bucket, canary, standing=prove.standing_of(desk.doors.examiner, bucket))
    except (Denied, NotPossible, Unreachable) as unsettled:
        # A proof that gives no answer proves nothing, and must not keep the evidence from being handed over.
        problem = unsettled.cause
    desk.tell("attempted", attempts)
    filed = [to_builtins(one) for one in attempts]
    ledger.append("attempted", {"canary": canary.key, "attempts": filed, "problem": problem})
    return attempts


def corroborator(desk: Desk, ledger: Ledger) -> Corroborator:
    """What looks for our calls in the subject account's own event history."""
    return Corroborator(
        desk.doors.subject,
        ledger.entries(),
        clock=desk.clock,
        session=desk.doors.session,
        wait_s=desk.plan.handoff.corroborate_s,
    )


def verify_alone(path: Path, fingerprint: str, run: Callable[..., Any] = subprocess.run) -> dict[str, Any]:
    """The package's own verifier in a process of its own, isolated, without site packages; its answer.

    Raises:
        DeliveryError: it does not run, or does not answer.
    """
    argv = [sys.executable, "-I", "-S", str(path / "verify.py"), str(path), "--key", fingerprint, "--json"]
    try:
        done = run(argv, capture_output=True, text=True, timeout=VERIFY_S, check=False)
        report: dict[str, Any] = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired) as problem:
        raise DeliveryError(
            f"The package's verifier at {path} gives no answer: {problem}", "Run verify.py of the package by hand."
        ) from problem
    return report
