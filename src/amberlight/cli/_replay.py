"""The output of `amberlight scan --replay-rules`: not a command of its own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import click

from amberlight.aware.replay import Replay, replay, shown
from amberlight.cli._words import printable, who, why
from amberlight.model.codec import to_builtins
from amberlight.model.response_plan import AwarePlan
from amberlight.model.scan import Incident, Replayed, ReplayReport, RuleNotRun, RuleSide, Unread

SCHEMA = "amberlight.replay-report/1"
INCOMPLETE = 3


def print_replay(
    paths: Sequence[Path],
    aware: AwarePlan,
    sides: tuple[str, str],
    *,
    workers: int,
    today: date | None,
    as_json: bool,
) -> int:
    """Judge by both sides, and print how they differ; the exit code."""
    found = replay(paths, aware, sides, workers=workers, today=today)
    document = report(found)
    if as_json:
        click.echo(json.dumps(to_builtins(document), ensure_ascii=True))
    else:
        show(document)
    return INCOMPLETE if document.unreadable else 0


def report(found: Replay) -> ReplayReport:
    """The difference, as the published schema has it."""
    reading = found.reading
    return ReplayReport(
        schema=SCHEMA,
        events=reading.count,
        files=reading.files,
        skipped=len(reading.skipped),
        other_records=reading.other,
        unreadable=tuple(Unread(path=printable(p), problem=printable(q)) for p, q in reading.unreadable),
        old=clean(found.old),
        new=clean(found.new),
        gained=shown(found.comparison.gained),
        lost=shown(found.comparison.lost),
        changed=shown(found.comparison.changed),
        same=found.comparison.same,
    )


def clean(side: RuleSide) -> RuleSide:
    """The side with texts that are safe to print."""
    return RuleSide(
        name=printable(side.name),
        rules=side.rules,
        pages=side.pages,
        rules_not_run=tuple(
            RuleNotRun(rule=printable(one.rule), reason=printable(one.reason)) for one in side.rules_not_run
        ),
    )


def show(document: ReplayReport) -> None:
    """A table of what differs on stdout, the counts on stderr."""
    from rich.console import Console
    from rich.table import Table

    table = Table(show_lines=True)
    for name in ("change", "old", "new", "who, from where, when", "why"):
        table.add_column(name, overflow="fold")
    for word, changes in (("GAINED", document.gained), ("LOST", document.lost), ("CHANGED", document.changed)):
        for one in changes:
            table.add_row(word, brief(one.before), brief(one.after), about(one), difference(one))
    if table.row_count:
        Console(highlight=False).print(table)
    click.echo(
        f"{document.events} events in {document.files} files: {document.old.pages} pages under {document.old.name} "
        f"({document.old.rules} rules), {document.new.pages} under {document.new.name} ({document.new.rules} rules); "
        f"{len(document.gained)} gained, {len(document.lost)} lost, {len(document.changed)} of another severity, "
        f"{document.same} the same.",
        err=True,
    )
    for side in (document.old, document.new):
        if side.rules_not_run:
            click.echo(f"{side.name}: {len(side.rules_not_run)} rules do not run; --json names each.", err=True)
    for unread in document.unreadable:
        click.echo(f"unreadable: {unread.path}: {unread.problem}", err=True)


def brief(one: Incident | None) -> str:
    """Whether it pages, its score and severity."""
    return f"{'PAGE' if one.page else '-'} {one.score:g} {one.severity}" if one else "nothing"


def about(one: Replayed) -> str:
    """Who, from where, when."""
    known = one.after or one.before
    return who(known) if known else ""


def difference(one: Replayed) -> str:
    """The reasons of both sides where they differ, else those of one."""
    old, new = (why(side).splitlines() if side else [] for side in (one.before, one.after))
    gone, come = [line for line in old if line not in new], [line for line in new if line not in old]
    return "\n".join([*(f"only old: {line}" for line in gone), *(f"only new: {line}" for line in come)])
