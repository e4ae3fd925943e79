"""Check the response plan, and say what each open point risks."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click


@click.group("plan")
def command() -> None:
    """The response plan as data: amberlight.yaml."""


@command.command("check")
@click.argument("path", type=click.Path(path_type=Path), default=Path("amberlight.yaml"))
@click.option("--json", "as_json", is_flag=True, help="Print the open points as JSON.")
def check(path: Path, as_json: bool) -> int:  # noqa: FBT001 - click passes flags so
    """Read PATH strictly, and list what it lacks. Exit 3 where points are open."""
    from amberlight._aws import SystemClock
    from amberlight.model.codec import dumps
    from amberlight.model.listings import PlanCheck
    from amberlight.plan import load
    from amberlight.plan.checking import open_points

    plan = load(path)
    today: date = SystemClock().now().date()
    points = open_points(plan, today)
    if as_json:
        report = PlanCheck(schema="amberlight.plan-check/1", valid=True, open=points)
        click.echo(dumps(report).decode(), nl=False)
    for point in () if as_json else points:
        click.echo(f"open  {point.what}\n      {point.risk} ({point.reference})")
    click.echo(f"{path}: valid, {len(points)} open points.", err=True)
    return 3 if points else 0
