"""`amberlight capture plan | run | resume`: one case's capture, planned, seen, then exactly that."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from amberlight.cli import _inbox

if TYPE_CHECKING:
    from amberlight.capture.runner import Outcome
    from amberlight.model.evidence import CapturePlan

GAPS = 3
plan_option = click.option(
    "--plan", "path", type=click.Path(path_type=Path), default=Path("amberlight.yaml"), help="The response plan."
)
by_option = click.option(
    "--approved-by", default="", metavar="NAME", help="Who stands for what the plan's limits forbid."
)
work_option = click.option(
    "--work",
    type=click.Path(path_type=Path),
    default=Path("amberlight-work"),
    show_default=True,
    help="Folder for what must survive a crash.",
)
endpoint_option = click.option(
    "--upload-endpoint", metavar="URL", help="The store as hosts reach it, if it is not AWS."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.command("plan")
@click.argument("case_id", metavar="CASE")
@plan_option
@_inbox.where
@click.option("--target", "targets", multiple=True, metavar="TYPE/NAME[@REGION]", help="One more target; repeatable.")
@click.option("--only", multiple=True, metavar="SOURCE", help="A source or kind to take; repeatable.")
@click.option("--skip", multiple=True, metavar="SOURCE", help="A source or kind to leave out; repeatable.")
@click.option("--max-seen", type=click.IntRange(0, 4), help="How much may be seen; 2 unless the response plan says.")
@click.option("--max-cost", type=click.FloatRange(0), metavar="USD", help="How much it may cost.")
@click.option("--since", metavar="TIME", help="Start of the window; half an hour before the first event without.")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Write the plan to this file.")
@json_option
def plan(*, case_id: str, path: Path, url: str, out: Path | None, as_json: bool, **wish: Any) -> int:
    """Print what a capture of CASE would do, who would see it and what it costs; write it for `capture run`."""
    from amberlight import plan as plans
    from amberlight._aws import SystemClock
    from amberlight.model.codec import dumps
    from amberlight.response import capturing

    response_plan = plans.load(path)
    subject, region = response_plan.account("subject").id, response_plan.vault.region
    book = _inbox.opened(url)
    made = capturing.make(
        response_plan,
        book.case(case_id),
        capturing.Wish(
            targets=tuple(capturing.target(each, subject, region) for each in wish["targets"]),
            only=wish["only"],
            skip=wish["skip"],
            max_seen=wish["max_seen"],
            max_usd=wish["max_cost"],
            since=_inbox.moment(wish["since"], "--since") if wish["since"] else None,
        ),
        SystemClock().now(),
    )
    if out is not None:
        out.write_bytes(dumps(made))
    if as_json:
        click.echo(dumps(made).decode(), nl=False)
    else:
        show(made)
        for each in capturing.beyond(response_plan, made):
            click.echo(f"Beyond the response plan: {each}. `capture run` needs --approved-by.", err=True)
        click.echo(f"Run it with: amberlight capture run {out or 'PLAN (write one with -o)'}", err=True)
    return 0


@click.command("run")
@click.argument("file", metavar="PLAN", type=click.Path(path_type=Path))
@plan_option
@_inbox.where
@by_option
@work_option
@endpoint_option
@json_option
def run(*, file: Path, **given: Any) -> int:
    """Do exactly what the file PLAN says; begun before, it goes on. Exit 3 where something could not be taken."""
    from amberlight.response import capturing

    return ran(capturing.read(file), given)


@click.command("resume")
@click.argument("case_id", metavar="CASE")
@plan_option
@_inbox.where
@by_option
@work_option
@endpoint_option
@json_option
def resume(*, case_id: str, **given: Any) -> int:
    """Go on with the capture of CASE that was last begun here; what is done is not done again."""
    from amberlight.response import capturing

    return ran(capturing.read(capturing.begun(given["work"], case_id)), given)


def ran(wanted: CapturePlan, given: dict[str, Any]) -> int:
    """Run a plan, tell of it on stderr, print what came of it."""
    from amberlight import plan as plans
    from amberlight._aws import Sessions, SystemClock
    from amberlight.model.codec import dumps
    from amberlight.model.listings import CaptureResult
    from amberlight.response import capturing

    response_plan, clock = plans.load(given["path"]), SystemClock()
    outcome = capturing.run(
        capturing.Post(
            plan=response_plan,
            sessions=Sessions(region=response_plan.vault.region, clock=clock),
            casebook=_inbox.opened(given["url"]),
            clock=clock,
            work=given["work"],
            tell=tell,
            upload_endpoint=given["upload_endpoint"],
        ),
        wanted,
        given["approved_by"],
    )
    result = CaptureResult(
        schema="amberlight.capture-result/1",
        case=wanted.case,
        kind=wanted.kind,
        complete=complete(wanted, outcome),
        resumed=outcome.resumed,
        gaps=outcome.gaps,
        evidence=len(outcome.evidence),
        bytes=sum(each.size_bytes for each in outcome.evidence),
    )
    if given["as_json"]:
        click.echo(dumps(result).decode(), nl=False)
    else:
        click.echo(f"{result.evidence} items, {result.bytes} bytes, {len(result.gaps)} gaps; {wanted.kind.upper()}.")
    return GAPS if outcome.gaps else 0


def complete(wanted: CapturePlan, outcome: Outcome) -> int:
    """How many steps miss nothing."""
    missing = {(gap.source, gap.target) for gap in outcome.gaps}
    return sum((step.source, step.target.label) not in missing for step in wanted.steps)


def tell(name: str, record: Any) -> None:
    """One line on stderr for what happens."""
    from amberlight.capture.naming import printable

    words = {
        "started": lambda: f"{record.source} on {record.target.label}",
        "acquired": lambda: f"{record.path} ({record.size_bytes} bytes)",
        "missed": lambda: f"{record.source} on {record.target}: {record.reason}",
    }.get(name)
    if words is not None:
        click.echo(f"{name:<9} {printable(words())}", err=True)


def show(made: CapturePlan) -> None:
    """The plan for people, at 80 columns where names allow it."""
    from amberlight.capture import planner
    from amberlight.capture.naming import printable

    click.echo(f"{made.kind.upper()} {made.case}: {len(made.steps)} steps, plan {made.hash[:16]}")
    for row in planner.describe(made):
        click.echo(f"{row.order:>3} {row.source:<26} {row.target}")
        click.echo(f"    {row.does}; seen: {row.seen}; {row.cost}")
    for each in made.visible:
        click.echo(f"Visible in {printable(each.where)} ({each.until}):\n    {printable(each.what, 2000)}")
    for gap in made.gaps:
        click.echo(f"Left out: {gap.source} on {printable(gap.target)}: {printable(gap.reason)}")
