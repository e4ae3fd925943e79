"""Turns what the response tells into lines of the story, and keeps when each phase really happened."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from amberlight._aws import Clock
from amberlight.capture.runner import Outcome
from amberlight.handoff.trail_proof import PATH as TRAIL_PROOF
from amberlight.model.codec import dumps, loads
from amberlight.model.custody import Attempt
from amberlight.model.delivery import Package, Receipt
from amberlight.model.evidence import SEEN, CapturePlan, Evidence, Gap, Step
from amberlight.model.signals import Case, Decision, Signal, Suspicion
from amberlight.model.trail_proof import TrailProof
from amberlight.practice.outfolder import write
from amberlight.practice.report import size
from amberlight.practice.story import Story
from amberlight.response.corroborating import Corroborated
from amberlight.response.keeping import Witnessed
from amberlight.trail.prove.words import sentence

MOST_REASONS = 4
MOST_LETTERS = 100
PHASES = ("watching", "proposed", "decided", "planned", "captured", "attempted", "packaged", "verified", "received")


class Narrator:
    """A listener of the response. Safe for threads.

    Args:
        story: Where the lines go.
        clock: For the moments of the phases.
        out: Where the capture plan is written as a file, at the moment when it is made.
    """

    def __init__(self, story: Story, clock: Clock, out: Path) -> None:
        self.moments: dict[str, datetime] = {}
        self._story = story
        self._clock = clock
        self._out = out
        self._lock = threading.Lock()
        self._signals = 0
        self._open: Counter[str] = Counter()
        self._sealed: dict[str, list[Evidence]] = {}

    def __call__(self, name: str, record: Any) -> None:
        """Hear of something."""
        with self._lock:
            if name in PHASES:
                self.moments.setdefault(name, self._clock.now())
            told: Callable[[Any], None] | None = getattr(self, f"_{name}", None)
            if told:
                told(record)

    def _watching(self, regions: Sequence[str]) -> None:
        self._story.tell("aware", f"the event history of {', '.join(regions)} and the alarm queue are watched")

    def _noticed(self, signals: tuple[Signal, ...]) -> None:
        self._signals += len(signals)
        loudest = max(signals, key=lambda one: one.points)
        self._story.tell("aware", f"signals: {self._signals}; {loudest.title}")

    def _proposed(self, suspicion: Suspicion) -> None:
        who = ", ".join(principal.rpartition(":")[2] for principal in suspicion.principals)
        self._story.tell("aware", f"incident proposed: {suspicion.severity}, score {suspicion.score:.0f}: {who}")
        strongest = sorted(suspicion.reasons, key=lambda one: -one.points)
        for reason in strongest[:MOST_REASONS]:
            self._story.tell("aware", f"{reason.points:+4.0f} {reason.text}")

    def _decided(self, decision: Decision) -> None:
        self._story.tell("decide", f"{decision.verdict}: {decision.authority}")

    def _dismissed(self, others: tuple[Suspicion, ...]) -> None:
        for one in others:
            who = ", ".join(principal.rpartition(":")[2] for principal in one.principals) or "nobody named"
            self._story.tell("aware", f"noise: {who}, score {one.score:.0f}; reasons kept")

    def _opened(self, case: Case) -> None:
        kinds = Counter(target.type for target in case.targets)
        what = ", ".join(f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in sorted(kinds.items()))
        self._story.tell("decide", f"case {case.id} opened, {case.kind.upper()}: {what}")
        who = ", ".join(principal.rpartition(":")[2] for principal in case.suspicion.principals)
        self._story.tell("decide", f"it names {who}")

    def _planned(self, plan: CapturePlan) -> None:
        write(self._out / "capture-plan.json", dumps(plan))
        self._open = Counter(step.source for step in plan.steps)
        cost = sum(step.cost_usd for step in plan.steps)
        self._story.tell("capture", f"capture-plan.json: {len(plan.steps)} steps, {cost:.2f} USD; what can be seen:")
        first: dict[str, Step] = {}
        for step in plan.steps:
            first.setdefault(step.source, step)
        for source, step in first.items():
            count = self._open[source]
            self._story.tell("capture", f"  {source:<23} x{count:<3} {step.seen}: {SEEN[step.seen]}")

    def _acquired(self, evidence: Evidence) -> None:
        self._sealed.setdefault(evidence.source, []).append(evidence)

    def _missed(self, gap: Gap) -> None:
        # The story has room for a sentence; the record keeps all of it.
        self._story.tell("gap", f"{gap.source} {gap.target.partition('@')[0]}: {gap.reason[:MOST_LETTERS]}")

    def _done(self, step: Step) -> None:
        self._open[step.source] -= 1
        if self._open[step.source] <= 0:
            items = self._sealed.get(step.source, [])
            total = size(sum(item.size_bytes for item in items))
            self._story.tell("vault", f"{step.source:<24} {len(items):3d} sealed, {total}")

    def _captured(self, outcome: Outcome) -> None:
        total = size(sum(item.size_bytes for item in outcome.evidence))
        text = f"{len(outcome.evidence)} items, {total}, hashed on the way, locked; {len(outcome.gaps)} gaps"
        self._story.tell("vault", text)

    def _attempted(self, attempts: tuple[Attempt, ...]) -> None:
        for role in dict.fromkeys(one.role for one in attempts):
            mine = [one for one in attempts if one.role == role]
            refused = sum(one.refused for one in mine)
            answers = " ".join(sorted({one.answer.partition(":")[0] for one in mine}))
            self._story.tell("vault", f"{role}: {refused} of {len(mine)} attempts refused ({answers})")
            for one in mine:
                if not one.refused:
                    self._story.tell("gap", f"{role}: {one.action}: {one.answer}")

    def _corroborated(self, found: Corroborated) -> None:
        data, elsewhere, late = (found.standing.get(name, 0) for name in ("data-event", "not-asked", "open"))
        self._story.tell("vault", f"CloudTrail has an event of {len(found.rows)} of our {found.acts} calls;")
        self._story.tell("vault", f"of the others {data} are data events, {elsewhere} elsewhere, {late} late")

    def _witnessed(self, told: Witnessed) -> None:
        if told.phase == "packaged":
            self._story.tell("handoff", f"witness: all {told.heads} signed heads lie in a second place, too")

    def _packaged(self, package: Package) -> None:
        self._story.tell(
            "handoff", f"package: {package.files} files, {size(package.size_bytes)}, ledger sealed, signed"
        )
        proof = Path(package.path) / TRAIL_PROOF
        if proof.is_file():
            self._story.tell("handoff", f"trail: {sentence(loads(proof.read_bytes(), TrailProof, TRAIL_PROOF))}")

    def _verified(self, report: dict[str, Any]) -> None:
        word = "ok" if report["ok"] else f"BROKEN: {report['problems'][:1]}"
        text = f"python3 -I -S verify.py: {word}, {report['ledger']['entries']} ledger entries"
        self._story.tell("handoff", text)

    def _received(self, receipt: Receipt) -> None:
        word = "verified" if receipt.verified else "NOT verified"
        self._story.tell("handoff", f"{receipt.receiver}: received, {word}")
