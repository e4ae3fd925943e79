"""Executes a capture plan: exactly that plan, in its order, in parallel, durably; every item ends as evidence or gap.

Intent is entered in the ledger before a step, each item and each gap after it. A run that was killed goes on where it
was: what is done is not done again, what is stored or entered already is neither stored nor entered twice.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from amberlight._aws import Clock, Door, Sessions
from amberlight._aws.door import Journal
from amberlight._engine import Engine
from amberlight.capture import history, planner
from amberlight.capture.called import Caller, mutating
from amberlight.capture.context import StepContext
from amberlight.capture.earlier import Earlier
from amberlight.capture.naming import printable
from amberlight.capture.slots import HostSlot, Upload
from amberlight.capture.taking import Taking
from amberlight.model.codec import to_builtins
from amberlight.model.custody import Act, Entry
from amberlight.model.errors import ConfigError, CredentialsError, NotPossible, Undeclared
from amberlight.model.evidence import Called, CapturePlan, Evidence, Gap, Slot, Source, Step
from amberlight.model.signals import Target
from amberlight.vault.store import Store

OnEvent = Callable[[str, Any], None]
NOTHING = Called()


class Register(Protocol):
    """The part of the custody ledger that a run needs."""

    def append(self, act: Act, what: dict[str, Any]) -> Entry:
        """Enter an act."""

    def entries(self) -> tuple[Entry, ...]:
        """All entries so far."""


@dataclass(frozen=True, kw_only=True)
class Station:
    """What a run works with: doors of the accounts where incidents are and of the vault, store, ledger, engine.

    `sessions` assume `writer_role_arn` for what hosts deliver (see `slots`); `upload` says where they deliver to, None
    where no host may. `workers` is how many steps run at once.
    """

    sessions: Sessions
    subject_doors: Mapping[str, Door]
    vault_door: Door
    store: Store
    ledger: Register
    clock: Clock
    engine: Engine
    writer_role_arn: str = ""
    upload: Upload | None = None
    workers: int = 8


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a plan: in the plan's order, with the gaps of limits first. `resumed` counts steps done before."""

    evidence: tuple[Evidence, ...]
    gaps: tuple[Gap, ...]
    resumed: int = 0

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return not self.gaps


class Result(msgspec.Struct, frozen=True):
    """What a step leaves in the engine."""

    evidence: tuple[Evidence, ...]
    gaps: tuple[Gap, ...]


def run(plan: CapturePlan, catalogue: Mapping[str, Source], station: Station, *, on_event: OnEvent) -> Outcome:
    """Execute the plan.

    Args:
        plan: What to do; nothing else is done.
        catalogue: The sources by id.
        station: What to do it with.
        on_event: Told of `planned` (CapturePlan), `started` (Step), `acquired` (Evidence), `missed` (Gap) and `done`
            (Step) as each happens, one at a time, from any thread.

    Raises:
        IntegrityError: the plan does not fit its hash, or something sealed is not what it was.
        ConfigError: the plan names a source that is not in the catalogue.
        CredentialsError: credentials ended; what is done stays done, and the same call goes on from there.
    """
    planner.check(plan)
    unknown = sorted({step.source for step in plan.steps} - set(catalogue))
    if unknown:
        raise ConfigError(f"The plan names unknown sources: {printable(', '.join(unknown))}.", "Make the plan again.")
    work = _Run(plan, catalogue, station, on_event)
    work.announce()
    try:
        results = station.engine.run(
            f"{plan.case}/{plan.hash[:16]}",
            [step.id for step in plan.steps],
            work.perform,
            station.workers,
            begin=work.begin,
        )
    except CredentialsError as problem:
        raise CredentialsError(
            problem.cause,
            f"{problem.fix} {work.done} of {len(plan.steps)} steps are done and stay done: resume with the same plan.",
        ) from problem
    return _outcome(plan, results, work.done)


def _outcome(plan: CapturePlan, results: Mapping[str, bytes], done_now: int) -> Outcome:
    decoded = [msgspec.json.decode(results[step.id], type=Result) for step in plan.steps]
    return Outcome(
        evidence=tuple(evidence for result in decoded for evidence in result.evidence),
        gaps=(*plan.gaps, *(gap for result in decoded for gap in result.gaps)),
        resumed=len(plan.steps) - done_now,
    )


class _Run:
    """One execution of a plan."""

    def __init__(self, plan: CapturePlan, catalogue: Mapping[str, Source], station: Station, on_event: OnEvent) -> None:
        self.plan, self.catalogue, self.station = plan, catalogue, station
        self.history = history.read(station.ledger.entries())
        self.done = 0
        self._steps = {step.id: step for step in plan.steps}
        self._earlier = Earlier(plan.steps)
        self._on_event = on_event
        self._lock = threading.Lock()

    def tell(self, name: str, record: Any) -> None:
        """Tell the caller, one event at a time."""
        with self._lock:
            self._on_event(name, record)

    def announce(self) -> None:
        """Enter the plan, and what its limits leave out, unless that was done before."""
        plan = self.plan
        if plan.hash not in self.history.plans:
            self.station.ledger.append(
                "planned", {"plan": plan.hash, "steps": [step.id for step in plan.steps], "max_seen": plan.max_seen}
            )
        self.tell("planned", plan)
        for gap in plan.gaps:
            self._miss("", gap)

    def begin(self, done: Mapping[str, bytes]) -> None:
        """Note what steps that were done before have sealed, for those that go on from it."""
        for step_id, result in done.items():
            for evidence in msgspec.json.decode(result, type=Result).evidence:
                self._earlier.sealed(evidence)
            self._earlier.ended(step_id)

    def perform(self, step_id: str) -> bytes:
        """Do one step: intent first, then each item, then the result for the engine."""
        step, attempt = self._steps[step_id], self.history.begun[step_id] + 1
        self.station.ledger.append(
            "intended",
            {
                "step": step.id,
                "source": step.source,
                "target": step.target.label,
                "plan": self.plan.hash,
                "attempt": attempt,
                "calls": list(step.calls),
            },
        )
        self.tell("started", step)
        try:
            taking = self._taking(step, resumed=attempt > 1)
        except NotPossible as problem:
            result = Result((), (self._no_way(step, problem),))
        else:
            taking.run()
            result = Result(tuple(taking.evidence), tuple(taking.gaps))
        self._earlier.ended(step.id)
        with self._lock:
            self.done += 1
        self.tell("done", step)
        return msgspec.json.encode(result)

    def _taking(self, step: Step, *, resumed: bool) -> Taking:
        source, journal = self.catalogue[step.source], Journal()
        context = self._context(step, source, journal)
        before = self.history.sealed.get(step.id, {})
        return Taking(
            step=step,
            source=source,
            context=context,
            store=self.station.store,
            report=self,
            caller=Caller(journal=journal, mutating=mutating(source)),
            before=before,
            resumed=resumed,
        )

    def _context(self, step: Step, source: Source, journal: Journal) -> StepContext:
        plan, station = self.plan, self.station
        if step.target.account not in station.subject_doors:
            raise NotPossible(f"There is no way into account {step.target.account}.", "Add the account to the plan.")
        door = station.subject_doors[step.target.account].narrowed(_declared(source, "subject"), journal)
        if step.target.region not in {"", "global"}:
            door.region = step.target.region
        return StepContext(
            aws=door,
            vault_aws=station.vault_door.narrowed(_declared(source, "vault"), journal),
            target=step.target,
            case_id=plan.case,
            kind=plan.kind,
            step_id=step.id,
            source_id=source.id,
            since=plan.since,
            until=plan.until,
            regions=plan.regions,
            vault_account=station.vault_door.account,
            idempotency_token=step.token,
            clock=station.clock,
            make_slot=self._slot,
            stopping=station.engine.stopping,
            look=lambda name: self._look(source, name, step.target),
        )

    def _look(self, source: Source, name: str, target: Target) -> tuple[tuple[Evidence, ...], bool]:
        if name not in source.goes_on_from:
            raise Undeclared(f"{source.id} does not say that it goes on from {name}.", "Add it to its `goes_on_from`.")
        return self._earlier.look(name, target)

    def _slot(self, key: str, context: StepContext) -> Slot:
        station = self.station
        if station.upload is None or not station.writer_role_arn:
            raise NotPossible("Hosts may not deliver here: no upload is set up.", "Name the writer role in the plan.")
        return HostSlot(
            key=key,
            context=context,
            sessions=station.sessions,
            writer_role_arn=station.writer_role_arn,
            upload=station.upload,
            store=station.store,
        )

    def _no_way(self, step: Step, problem: NotPossible) -> Gap:
        target = step.target
        gap = Gap(
            source=step.source,
            target=target.label,
            account=target.account,
            region=target.region,
            state="not-possible",
            reason=f"{problem.cause} {problem.fix}",
        )
        self._miss(step.id, gap)
        return gap

    def acquired(self, evidence: Evidence) -> None:
        """Enter a sealed item, and tell."""
        self.station.ledger.append("acquired", to_builtins(evidence))
        self._earlier.sealed(evidence)
        self.tell("acquired", evidence)

    def missed(self, step: Step, gap: Gap, called: Called) -> None:
        """Enter a gap of a step, and tell."""
        self._miss(step.id, gap, called)

    def called(self, step: Step, called: Called) -> None:
        """Enter what a step asked of AWS beside its items and gaps."""
        self.station.ledger.append("called", {"step": step.id, **to_builtins(called)})

    def _miss(self, step_id: str, gap: Gap, called: Called = NOTHING) -> None:
        if (step_id, gap) not in self.history.missed:
            self.station.ledger.append("missed", {"step": step_id, **to_builtins(gap), **to_builtins(called)})
        elif called.calls:
            self.station.ledger.append("called", {"step": step_id, **to_builtins(called)})
        self.tell("missed", gap)


def _declared(source: Source, account: str) -> frozenset[str]:
    calls: Iterable[str] = (call.operation for call in source.calls if call.account == account)
    return frozenset(calls)
