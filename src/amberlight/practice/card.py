"""Puts the scorecard together out of a run and its ground truth."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amberlight.model.rehearsal import Clocks, PackageScore, Scorecard, Truth, VaultScore
from amberlight.practice import gaps, score
from amberlight.practice.score import Check

if TYPE_CHECKING:
    from amberlight.practice.played import Options, Played

SCHEMA = "amberlight.scorecard/1"


def checks(played: Played, out: Path) -> tuple[Check, ...]:
    """Every expectation of the drill, held against the package's bytes."""
    outcome = played.response.outcome
    return score.checks(played.truth, outcome.evidence, outcome.gaps, out / "package" / "data")


def scorecard(options: Options, played: Played, total_s: float, now: datetime) -> Scorecard:
    """The scorecard of a run."""
    response, unseen = played.response, played.performers.played().unseen
    found = checks(played, options.out)
    triage = score.triage(played.truth, len(played.judge.signals()), played.judge.suspicions())
    retest = f"{options.command} --seed {options.seed}"
    register = gaps.Register(played.built.plan, now.date(), retest)
    highest = max((step.seen for step in response.plan.steps), default=0)
    return Scorecard(
        schema=SCHEMA,
        kind="drill",
        drill=played.drill.id,
        seed=options.seed,
        case=response.case.id,
        clocks=clocks(played.narrator.moments, played.truth, played, total_s),
        triage=triage,
        evidence=score.completeness(found),
        vault=VaultScore(attempts=response.attempts),
        package=PackageScore(path=str(options.out / "package"), verified=bool(response.verified["ok"])),
        key_fingerprint=response.fingerprint,
        quietness=score.quietness(before_the_attempts(played), highest),
        capture_gaps=(*response.outcome.gaps, *response.unkept),
        lab_limits=played.ground.lab.limits,
        gaps=gaps.gap_items(register, checks=found, triage=triage, attempts=response.attempts, unseen=unseen),
        not_shown=tuple(f"{count} {what} left no record." for what, count in unseen.items() if count),
    )


def before_the_attempts(played: Played) -> list[Mapping[str, Any]]:
    """Our calls without the attempts on the vault: the drill asked for those, a response does not make them."""
    attempted = {attempt.request_id for attempt in played.response.attempts}
    return [event for event in played.ours if event.get("requestID") not in attempted]


def clocks(moments: Mapping[str, datetime], truth: Truth, played: Played, total_s: float) -> Clocks:
    """The clocks, out of moments that were noted when the phases happened."""
    sealed = [item.sealed for item in played.response.outcome.evidence] or [moments["captured"]]
    return Clocks(
        detect_s=between(truth.first_attack, moments["proposed"]),
        decide_s=between(moments["proposed"], moments["decided"]),
        preserve_first_s=between(moments["decided"], min(sealed)),
        preserve_last_s=between(moments["decided"], max(sealed)),
        handoff_s=between(max(sealed), moments["verified"]),
        total_s=round(total_s, 3),
    )


def between(start: Any, end: Any) -> float:
    """Seconds from one moment to another."""
    return float(round((end - start).total_seconds(), 3))
