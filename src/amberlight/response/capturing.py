"""A capture by itself: a plan is made and written for a case of the casebook, and that file is run, as often as it takes.

Planner, runner, vault and ledger are those of a whole response. A plan that goes beyond what the response plan allows is
made, so that a person can see it, and is not run without a name. What a run needs to go on after a crash lies in a folder
of its own: the plan, the record of steps, notes of uploads.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from msgspec import structs

from amberlight._aws import Clock, Sessions
from amberlight.capture import catalogue, planner, runner
from amberlight.capture.naming import segment
from amberlight.capture.runner import Outcome
from amberlight.casebook import Casebook
from amberlight.model.codec import dumps, loads, to_builtins
from amberlight.model.errors import ApprovalMissing, ConfigError
from amberlight.model.evidence import CapturePlan
from amberlight.model.response_plan import ResponsePlan
from amberlight.model.signals import Case, Target
from amberlight.response import ledgers
from amberlight.response.doors import open_doors
from amberlight.response.respond import MARGIN, Desk, kept, station
from amberlight.response.watch import Listener
from amberlight.vault import KmsSigner, Ledger, S3Store

PLAN = "plan.json"


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a person wants otherwise than the response plan says; None and empty leave it at that."""

    targets: tuple[Target, ...] = ()
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    max_seen: int | None = None
    max_usd: float | None = None
    since: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Post:
    """Where a capture is run from: the response plan, its folder of work, who hears of it.

    `upload_endpoint` is the store's address as a host reaches it, None for AWS.
    """

    plan: ResponsePlan
    sessions: Sessions
    casebook: Casebook
    clock: Clock
    work: Path
    tell: Listener
    upload_endpoint: str | None = None


def target(text: str, account: str, region: str) -> Target:
    """A target as a person writes it: `instance/i-0abc`, or `instance/i-0abc@eu-west-1`.

    Raises:
        ConfigError: it is not of that form, or of no type that a source takes.
    """
    kind, _, rest = text.partition("/")
    name, _, where = rest.partition("@")
    known = sorted({each for source in catalogue.load().values() for each in source.takes})
    if kind not in known or not name:
        raise ConfigError(
            f"{text!r} is no target.", f"Write TYPE/NAME or TYPE/NAME@REGION; types are {', '.join(known)}."
        )
    return Target(type=kind, account=account, region=where or region, name=name)


def make(plan: ResponsePlan, case: Case, wish: Wish, now: datetime) -> CapturePlan:
    """The plan of a case's capture.

    Raises:
        ConfigError: the wish names what is not there.
    """
    limits = plan.capture
    if wish.max_seen is not None:
        limits = structs.replace(limits, max_seen=wish.max_seen)
    if wish.max_usd is not None:
        limits = structs.replace(limits, max_usd=wish.max_usd)
    return planner.plan(
        structs.replace(case, targets=tuple(dict.fromkeys((*case.targets, *wish.targets)))),
        catalogue.load(),
        limits,
        regions=regions(plan),
        since=wish.since or case.suspicion.first - MARGIN,
        until=now + timedelta(seconds=1),
        now=now,
        only=wish.only,
        skip=wish.skip,
    )


def regions(plan: ResponsePlan) -> tuple[str, ...]:
    """Where a capture looks: the Regions that it may look into, else those that the subject account uses.

    Raises:
        ConfigError: the plan says neither; one Region alone would be a capture that is narrower than anybody knows.
    """
    found = plan.capture.regions or plan.account("subject").regions
    if not found:
        raise ConfigError("The response plan does not say into which Regions a capture looks.", "Set capture.regions.")
    return found


def read(path: Path) -> CapturePlan:
    """The plan in a file, as its hash says.

    Raises:
        ConfigError: the file cannot be read as a plan.
        IntegrityError: it was changed after it was made.
    """
    try:
        data = path.read_bytes()
    except OSError as problem:
        raise ConfigError(f"{path} cannot be read: {problem.strerror}.", "Make one with `capture plan`.") from problem
    plan = loads(data, CapturePlan, str(path))
    planner.check(plan)
    return plan


def begun(work: Path, case_id: str) -> Path:
    """The plan that was last run for a case.

    Raises:
        ConfigError: none was run from here.
    """
    path = work / segment(case_id) / PLAN
    if not path.is_file():
        raise ConfigError(f"No capture of {case_id} was begun in {work}.", "Run its plan with `capture run PLAN`.")
    return path


def beyond(plan: ResponsePlan, wanted: CapturePlan) -> list[str]:
    """What of a plan is more than the response plan allows, in words."""
    usd = sum(step.cost_usd for step in wanted.steps)
    seen = max((step.seen for step in wanted.steps), default=0)
    found = []
    if seen > plan.capture.max_seen:
        found.append(f"a step is seen ({seen}, the limit is {plan.capture.max_seen})")
    if usd > plan.capture.max_usd:
        found.append(f"it costs {usd:.2f} USD (the limit is {plan.capture.max_usd:.2f})")
    return found


def run(post: Post, wanted: CapturePlan, approved_by: str) -> Outcome:
    """Run a plan, or go on with it; everything that was done before stays done.

    Raises:
        ApprovalMissing: the plan goes beyond the response plan's limits and nobody stands for it.
        ConfigError: the casebook has no such case, or one of another kind.
        CredentialsError, IntegrityError, Unreachable: see the steps.
    """
    case = post.casebook.case(wanted.case)
    if case.kind != wanted.kind:
        raise ConfigError(f"The plan is of a {wanted.kind}, the case is a {case.kind}.", "Make the plan again.")
    more = beyond(post.plan, wanted)
    if more and not approved_by:
        raise ApprovalMissing(
            f"The plan goes beyond the response plan: {'; '.join(more)}.", "Name who approves it with --approved-by."
        )
    folder = post.work / segment(case.id)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept_plan(folder / PLAN, wanted)
    desk = desk_of(post, case, folder)
    store = S3Store(
        desk.doors.writer, desk.doors.examiner, post.plan.vault.bucket, post.clock, notes=folder / "uploads"
    )
    ledger = ledgers.opened(
        store,
        KmsSigner(desk.doors.signer, post.plan.vault.signing_key),
        case_id=case.id,
        kind=case.kind,
        clock=post.clock,
        authority=case.decision.authority,
        actor=approved_by or "amberlight",
    )
    keeping = kept(desk, store, ledger)
    entered(ledger, case, wanted, approved_by, more)
    keeping.phase("planned")
    outcome = runner.run(wanted, desk.catalogue, station(desk, store, ledger), on_event=post.tell)
    keeping.phase("captured")
    return Outcome(evidence=outcome.evidence, gaps=(*outcome.gaps, *keeping.gaps), resumed=outcome.resumed)


def kept_plan(path: Path, plan: CapturePlan) -> None:
    """Keep the plan for `capture resume`; whole or not at all."""
    draft = path.with_suffix(".new")
    draft.write_bytes(dumps(plan))
    draft.replace(path)


def desk_of(post: Post, case: Case, folder: Path) -> Desk:
    """The desk of a response, as far as a capture needs it; session names say nothing."""
    return Desk(
        kind=case.kind,
        plan=post.plan,
        sessions=post.sessions,
        doors=open_doors(post.sessions, post.plan, secrets.token_hex(6)),
        catalogue=catalogue.load(),
        casebook=post.casebook,
        clock=post.clock,
        work=folder,
        case_id=case.id,
        tell=post.tell,
        upload_endpoint=post.upload_endpoint,
    )


def entered(ledger: Ledger, case: Case, plan: CapturePlan, approved_by: str, more: list[str]) -> None:
    """Enter the case and whose word the plan has, once."""
    entries = ledger.entries()
    if not any(entry.act == "opened" for entry in entries):
        ledger.append("opened", to_builtins(case))
    said = {"approved": plan.hash, "max_seen": plan.max_seen, "by": approved_by or "response plan", "beyond": more}
    if not any(entry.act == "planned" and entry.what == said for entry in entries):
        ledger.append("planned", said)
