"""Judge API-call history: suspicions with reasons."""

from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from amberlight.cli._words import printable, who, why

if TYPE_CHECKING:
    from amberlight.aware.judge import Judge
    from amberlight.trail import Reading

SCHEMA = "amberlight.scan-report/1"
INCOMPLETE = 3


@click.command("scan")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
@click.option("--plan", "plan_path", type=click.Path(path_type=Path), help="Response plan: thresholds, crown jewels.")
@click.option(
    "--rules",
    "folders",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Sigma rules to run beside ours; may be repeated.",
)
@click.option(
    "--replay-rules",
    "sides",
    nargs=2,
    metavar="OLD NEW",
    help="Show what a change of rules would have paged: two folders, or `builtin` for ours alone.",
)
@click.option("--workers", type=click.IntRange(0, 64), default=0, help="Processes; 0 is one for each core.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(
    *,
    paths: tuple[Path, ...],
    plan_path: Path | None,
    folders: tuple[Path, ...],
    sides: tuple[str, str] | None,
    workers: int,
    as_json: bool,
) -> int:
    """Read CloudTrail records below PATH (files or folders, plain or gzipped, any shape) and judge them.

    Lists every suspicion by score, those that would not page too. Exit 3 where something could not be read.
    """
    from amberlight.model.response_plan import AwarePlan

    if sides and folders:
        raise click.UsageError("--replay-rules names both sets of rules; leave --rules out.")
    aware, base = AwarePlan(), Path()
    if plan_path is not None:
        from amberlight.plan import load

        aware, base = load(plan_path).aware, plan_path.parent
    workers = workers or len(os.sched_getaffinity(0))
    today = day() if aware.suppressions else None
    if sides:
        from amberlight.cli._replay import print_replay

        return print_replay(paths, aware, sides, workers=workers, today=today, as_json=as_json)
    from amberlight.aware import ruleset
    from amberlight.aware.scanning import scan

    judge, reading = scan(paths, aware, workers, ruleset.of_plan(aware, base, folders), today)
    if as_json:
        click.echo(json.dumps(report(judge, reading), ensure_ascii=True))
    else:
        show(judge, reading)
    return INCOMPLETE if reading.unreadable else 0


def day() -> date:
    """Today, which suppressions are compared with."""
    from amberlight._aws import SystemClock

    return SystemClock().now().date()


def report(judge: Judge, reading: Reading) -> dict[str, Any]:
    """What was read and what is suspected, as the published schema has it."""
    from amberlight.model.codec import to_builtins
    from amberlight.model.scan import RuleNotRun, ScanReport, Unread, incident

    return dict(
        to_builtins(
            ScanReport(
                schema=SCHEMA,
                events=reading.count,
                files=reading.files,
                skipped=len(reading.skipped),
                other_records=reading.other,
                unreadable=tuple(Unread(path=printable(p), problem=printable(q)) for p, q in reading.unreadable),
                incidents=tuple(incident(one) for one in judge.suspicions()),
                rules_not_run=tuple(
                    RuleNotRun(rule=printable(one.rule), reason=printable(one.reason)) for one in judge.rules.not_run
                ),
                suppressions=judge.suppressed(),
                staged=judge.staged(),
            )
        )
    )


def show(judge: Judge, reading: Reading) -> None:
    """A table for people on stdout, the count of what was read on stderr."""
    from rich.console import Console
    from rich.table import Table

    suspicions = judge.suspicions()
    if suspicions:
        table = Table(show_lines=True)
        for name in ("page", "score", "who, from where, when", "why"):
            table.add_column(name, overflow="fold")
        for one in suspicions:
            table.add_row(
                "PAGE" if one.page else "held" if one.held_page else "-",
                f"{one.score:g} {one.severity}",
                who(one),
                why(one),
            )
        Console(highlight=False).print(table)
    paging = sum(one.page for one in suspicions)
    click.echo(
        f"{reading.count} events in {reading.files} files: {paging} of {len(suspicions)} suspicions would page.",
        err=True,
    )
    for use in judge.suppressed():
        held = f"held back {use.held} matches and {use.pages} pages" if use.applied else "EXPIRED, no longer applied"
        about = printable(f"{use.who} {use.what} {use.where} ({use.owner}, until {use.until}: {use.reason})")
        click.echo(f"suppression {about}: {held}", err=True)
    for rule in judge.staged():
        click.echo(
            f"staged {printable(rule.rule)}: {rule.matches} matches, would have paged {rule.would_page} times.",
            err=True,
        )
    if judge.rules.not_run:
        click.echo(
            f"{len(judge.rules.not_run)} imported rules do not run; --json names each with the reason (rules_not_run).",
            err=True,
        )
    for path, problem in reading.unreadable:
        click.echo(f"unreadable: {printable(path)}: {printable(problem)}", err=True)
