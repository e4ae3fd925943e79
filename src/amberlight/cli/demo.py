"""The whole story on the embedded lab, in one command."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from amberlight.model.rehearsal import Scorecard

FINDINGS = frozenset({"empty", "disabled"})


@click.command("demo")
@click.option("--out", type=click.Path(path_type=Path), default=Path("demo"), show_default=True, help="Folder to fill.")
@click.option("--seed", type=int, default=7, show_default=True, help="Names and account ids follow from it.")
@click.option("--no-open", is_flag=True, help="Do not open the report in a browser.")
@click.option("--json", "as_json", is_flag=True, help="Print the scorecard to stdout, the story to stderr.")
@click.option(
    "--hosts",
    type=click.Choice(["auto", "namespaces", "processes"]),
    default="auto",
    show_default=True,
    help="How instances are made real.",
)
def command(out: Path, seed: int, no_open: bool, as_json: bool, hosts: str) -> int:  # noqa: FBT001 - click passes so
    """A breach is planted, noticed, captured, sealed, attacked, handed off and scored; all of it on this machine.

    Exit 0 when everything that was expected is there, 3 with gaps, 4 when the package does not verify.
    """
    from amberlight._aws import SystemClock
    from amberlight.practice.played import Options
    from amberlight.practice.run import rehearse
    from amberlight.practice.stopping import Stopping
    from amberlight.practice.story import Story

    clock = SystemClock()
    start = clock.monotonic()

    def elapsed() -> float:
        return clock.monotonic() - start

    stopping = Stopping()
    story = Story(sys.stderr if as_json else sys.stdout, elapsed, os.environ, stopping.check)
    story.say(f"amberlight demo · DRILL · seed {seed} · nothing leaves this machine")
    story.say()
    # However the run is told to stop, everything is taken down.
    stopping.listen()
    options = Options(out=out, seed=seed, hosts=hosts, command="amberlight demo")
    score = rehearse(options, story, clock, elapsed, random.SystemRandom())
    if as_json:
        from amberlight.model.codec import dumps

        click.echo(dumps(score).decode(), nl=False)
    elif not no_open and sys.stdout.isatty() and not os.environ.get("CI"):
        click.launch((out / "report.html").resolve().as_uri())
    return exit_code(score)


def exit_code(score: Scorecard) -> int:
    """How the run ended, as a number.

    A planned item that is a finding by itself (nothing was there to take, the trail was off) is told and scored, and is
    no failure of the capture.
    """
    if not score.package.verified:
        return 4
    whole = not score.evidence.gaps and not [gap for gap in score.capture_gaps if gap.state not in FINDINGS]
    held = all(attempt.refused for attempt in score.vault.attempts)
    return 0 if whole and held and (score.triage.true, score.triage.false) == (1, 0) else 3
