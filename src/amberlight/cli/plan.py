"""Check the response plan, and say what each open point risks."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

OPEN = 3


@click.group("plan")
def command() -> None:
    """The response plan as data: amberlight.yaml."""


@command.command("init")
@click.argument("path", type=click.Path(path_type=Path), default=Path("amberlight.yaml"))
@click.option(
    "--from-account", is_flag=True, help="Read what the caller's account shows, by calls that change nothing."
)
@click.option("--region", default="us-east-1", show_default=True, help="Region of calls that belong to none.")
@click.option(
    "--answers", type=click.Path(path_type=Path), metavar="FILE", help="Parts of a plan; no question is asked then."
)
def init(*, path: Path, from_account: bool, region: str, answers: Path | None) -> int:
    """Write a first plan to PATH (- for stdout), out of an account, a file of answers, or questions on a terminal.

    What nobody answers is left out, and `plan check` names it.
    """
    from amberlight._aws import SystemClock
    from amberlight.cli import _drafting
    from amberlight.cli._words import printable
    from amberlight.model.errors import ConfigError
    from amberlight.plan import asking, drafting, dump

    today = SystemClock().now().date()
    asks = answers is None and _drafting.on_terminal()
    if not asks and answers is None and not from_account:
        raise ConfigError("There is no terminal to ask on.", "Give --answers FILE, --from-account, or both.")
    if str(path) != "-" and path.exists():
        raise ConfigError(f"{path} is there already.", "Name another file, or move that one away.")
    said, text = _drafting.given(answers)
    found = _drafting.found(region) if from_account else None
    notes = tuple(drafting.notes(found)) if found else ()
    for note in notes:
        click.echo(printable(note), err=True)
    if asks:
        said = asking.answers(_drafting.ask, found, today)
    made = dump(drafting.draft(found, said, text, str(answers or "answers")), notes=notes)
    if str(path) == "-":
        click.echo(made, nl=False)
    else:
        _drafting.write(path, made)
        click.echo(f"Wrote {path}. Next: amberlight plan check {path}", err=True)
    return 0


@command.command("check")
@click.argument("path", type=click.Path(path_type=Path), default=Path("amberlight.yaml"))
@click.option(
    "--live", is_flag=True, help="Also take on the roles that capture and seal: the accounts' trails show it."
)
@click.option(
    "--results",
    "folders",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="A folder that a drill left, to see when it last ran; may be repeated.",
)
@click.option("--on", type=click.DateTime(["%Y-%m-%d"]), help="Check as of that day, to see what will be overdue.")
@click.option("--json", "as_json", is_flag=True, help="Print open points and requirements as JSON.")
def check(*, path: Path, live: bool, folders: tuple[Path, ...], on: datetime | None, as_json: bool) -> int:
    """Read PATH strictly, and say what it lacks for SEC10-BP01 to 08, NIST SP 800-61r3 and AWS's own guide.

    Exit 0 when nothing is open, 3 with open points, 2 when PATH cannot be read.
    """
    from amberlight._aws import Sessions, SystemClock
    from amberlight.cli import _plan
    from amberlight.model.codec import dumps
    from amberlight.plan import load
    from amberlight.plan.check import Facts
    from amberlight.plan.checking import checked
    from amberlight.plan.live import shut

    plan = load(path)
    tried = shut(plan, Sessions(region=plan.vault.region)) if live else None
    facts = Facts(today=(on or SystemClock().now()).date(), ran=_plan.ran(folders), shut=tried)
    report = checked(plan, facts)
    if as_json:
        click.echo(dumps(report).decode(), nl=False)
    else:
        _plan.tell(report)
    click.echo(f"{path}: valid, {len(report.open)} open points.", err=True)
    return OPEN if report.open else 0


@command.command("render")
@click.argument("path", type=click.Path(path_type=Path), default=Path("amberlight.yaml"))
@click.option(
    "--format",
    "form",
    type=click.Choice(["html", "markdown"]),
    default="html",
    show_default=True,
    help="What to print.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Write it to this file instead of stdout.")
@click.option("--on", type=click.DateTime(["%Y-%m-%d"]), help="State the open points as of that day.")
def render(*, path: Path, form: str, out: Path | None, on: datetime | None) -> int:
    """Print PATH as a document that people read: one HTML file that needs no network, or Markdown."""
    from amberlight._aws import SystemClock
    from amberlight.plan import load, rendering
    from amberlight.plan.check import Facts
    from amberlight.plan.checking import checked

    plan = load(path)
    report = checked(plan, Facts(today=(on or SystemClock().now()).date()))
    text = rendering.html(plan, report) if form == "html" else rendering.markdown(plan, report)
    if out is None:
        click.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8")
        click.echo(f"{out}: {plan.organisation!r}, {len(report.open)} open points.", err=True)
    return 0
