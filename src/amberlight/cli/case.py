"""Cases: open one out of a promoted suspicion, see it, close it."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import click

from amberlight.cli import _inbox

if TYPE_CHECKING:
    from amberlight.model.signals import Kind


@click.group("case")
def command() -> None:
    """Cases that were opened, and how they ended."""


@command.command("list")
@_inbox.where
@_inbox.as_json
@click.option("--all", "every", is_flag=True, help="Closed ones, too.")
def listed(url: str, as_json: bool, every: bool) -> int:  # noqa: FBT001 - click passes flags so
    """List open cases."""
    from amberlight.casebook.deciding import closed

    book = _inbox.opened(url)
    acts = book.acts()
    shown = [one for one in book.cases() if every or not closed(acts, one)]
    if as_json:
        _inbox.lines(shown)
        return 0
    rows = [
        (
            one.id,
            f"{one.kind}\n{one.severity}\n{'closed' if closed(acts, one) else 'open'}",
            f"{one.opened:%Y-%m-%d %H:%M}",
            _inbox.cell([*one.suspicion.principals[:3], one.decision.reason]),
        )
        for one in shown
    ]
    _inbox.printed(("case", "state", "opened (UTC)", "about"), rows)
    click.echo(f"{len(shown)} cases.", err=True)
    return 0


@command.command("show")
@click.argument("name", metavar="CASE")
@_inbox.where
@_inbox.as_json
def show(name: str, url: str, as_json: bool) -> int:  # noqa: FBT001 - click passes flags so
    """Show a case, open or closed: targets, who decided and why, what was done."""
    book = _inbox.opened(url)
    one = book.case(name)
    acts = [act for act in book.acts() if act.about in {one.id, one.suspicion.id}]
    if as_json:
        _inbox.lines([one, *acts])
        return 0
    made = one.decision
    done = [f"{act.when:%Y-%m-%d %H:%M} {act.verb} by {act.by}: {act.why}" for act in acts]
    facts = (
        ("case", one.id),
        ("kind", f"{one.kind}, {one.severity}"),
        ("opened", f"{one.opened:%Y-%m-%d %H:%M:%S} UTC"),
        ("decided", _inbox.cell([f"{made.by} ({made.authority}), {made.when:%Y-%m-%d %H:%M} UTC: {made.reason}"])),
        ("targets", _inbox.cell(target.label for target in one.targets)),
        ("why", _inbox.cell(f"+{reason.points:g} {reason.text}" for reason in one.suspicion.reasons)),
        ("done", _inbox.cell(done)),
    )
    _inbox.printed(("", ""), facts)
    return 0


@command.command("open")
@click.argument("name", metavar="ID")
@click.option(
    "--plan",
    "plan_path",
    type=click.Path(path_type=Path),
    default=Path("amberlight.yaml"),
    show_default=True,
    help="Response plan: its accounts and Regions.",
)
@click.option("--kind", type=click.Choice(["incident", "drill"]), default="incident", show_default=True)
@_inbox.where
def open_(name: str, plan_path: Path, kind: Kind, url: str) -> int:
    """Open a case out of promoted suspicion ID, with all that was merged into it."""
    import msgspec

    from amberlight._aws import SystemClock
    from amberlight.aware.decide import open_case
    from amberlight.aware.merging import together
    from amberlight.casebook.deciding import merged_into
    from amberlight.casebook.standing import item
    from amberlight.model.errors import ApprovalMissing
    from amberlight.plan import load

    plan = load(plan_path)
    book, now = _inbox.opened(url), SystemClock().now()
    one = item(book, name, now)
    if one.decision is None or one.state != "promoted":
        raise ApprovalMissing(
            f"The suspicion {one.suspicion.id} is {one.state}, not promoted.",
            f"Decide first: `amberlight signals promote {one.suspicion.id} --why ...`.",
        )
    suspicion = together(one.suspicion, merged_into(book, one.suspicion))
    # A decision on what this grew out of stands for it, under its id of now.
    decision = msgspec.structs.replace(one.decision, suspicion=suspicion.id)
    # Opaque, since it is seen wherever our calls are logged.
    case = open_case(suspicion, decision, plan, kind, now, secrets.token_hex(6), plan.capture.regions or ("us-east-1",))
    book.record_case(case)
    click.echo(case.id)
    click.echo(f"Case {case.id} with {len(case.targets)} targets is open.", err=True)
    return 0


@command.command("close")
@click.argument("name", metavar="CASE")
@_inbox.word
@_inbox.where
def close(name: str, why: str, by: str, authority: str, url: str) -> int:
    """Close a case with a reason; it stays readable."""
    from amberlight._aws import SystemClock
    from amberlight.casebook import deciding

    book = _inbox.opened(url)
    one = book.case(name)
    deciding.close(book, one, deciding.Word(by=by, when=SystemClock().now(), why=why, authority=authority))
    click.echo(f"Case {one.id} is closed.", err=True)
    return 0
