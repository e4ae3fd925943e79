"""What a run leaves in its folder, and the last lines of its story."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from amberlight.model.codec import dumps
from amberlight.model.rehearsal import Scorecard
from amberlight.practice import card
from amberlight.practice.narrator import PHASES
from amberlight.practice.outfolder import write
from amberlight.practice.recording import svg
from amberlight.practice.report import Telling, render
from amberlight.practice.stage import WITNESS
from amberlight.practice.story import Story

if TYPE_CHECKING:
    from amberlight.practice.played import Played


def publish(out: Path, score: Scorecard, played: Played, story: Story) -> None:
    """Write what the run leaves; the scorecard last, since who finds it expects the rest."""
    moments = [(name, played.narrator.moments[name]) for name in PHASES if name in played.narrator.moments]
    telling = Telling(
        score=score,
        drill_title=played.drill.title,
        organisation=played.built.plan.organisation,
        case=played.response.case,
        suspicions=played.judge.suspicions(),
        plan=played.response.plan,
        evidence=played.response.outcome.evidence,
        checks=card.checks(played, out),
        acts=played.performers.played().acts,
        moments=moments,
        lines=story.lines(),
        verified=played.response.verified,
        receipt=played.receipt,
    )
    write(out / "ground-truth.json", dumps(played.truth))
    write(out / "story.svg", svg(story.lines(), "amberlight demo").encode())
    write(out / "report.html", render(telling).encode())
    write(out / "scorecard.json", dumps(score))


def tell_score(story: Story, score: Scorecard) -> None:
    """The score in a few lines."""
    clocks = score.clocks
    story.tell(
        "practice",
        f"detect {clocks.detect_s:.1f}, decide {clocks.decide_s:.1f}, preserve {clocks.preserve_first_s:.1f}-"
        f"{clocks.preserve_last_s:.1f}, hand off {clocks.handoff_s:.1f} s",
    )
    quiet = score.quietness
    story.tell(
        "practice",
        f"{score.evidence.present} of {score.evidence.expected} expected items present; {quiet.calls_in_subject_trail} "
        f"of our calls can be seen, {len(quiet.telltale_names)} names tell of us; to improve: {len(score.gaps)}",
    )
    for gap in score.gaps:
        story.tell("gap", f"{gap.id} {gap.what}")


def tell_files(out: Path, story: Story, score: Scorecard) -> None:
    """Where to look, and what to try next."""
    story.say()
    story.say(f"signing key  {score.key_fingerprint}")
    for name, what in (
        ("report.html", "everything, in one page that opens offline"),
        ("scorecard.json", "the same as data"),
        ("package", "what the forensics partner got"),
    ):
        story.say(f"{out / name!s:<24} {what}")
    story.say()
    story.say(f"next:  amberlight verify {out / 'package'} --witness {out / WITNESS}")
    story.say(f"       amberlight plan check {out / 'amberlight.yaml'}")
    story.say("       amberlight lab up")
