"""Evidence sources: what can be taken, at what noise and cost."""

from __future__ import annotations

import json

import click


@click.group("capture")
def command() -> None:
    """Step 2: take the evidence."""


@command.command("sources")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def sources(as_json: bool) -> int:  # noqa: FBT001 - click passes flags so
    """List the evidence sources: what each takes, who sees it, how soon it is gone."""
    from amberlight.capture import catalogue

    found = catalogue.load()
    if as_json:
        click.echo(json.dumps({"schema": "amberlight.sources/1", "sources": [row(one) for one in found.values()]}))
        return 0
    width = max((len(name) for name in found), default=0)
    for one in found.values():
        click.echo(f"{one.id:<{width}}  {one.seen}  {one.title} ({', '.join(one.takes)})")
    click.echo(
        f"{len(found)} sources. The digit says who sees it: 0 nothing in the account, 1 the read is logged, "
        "2 a new resource can be listed, 3 the host is touched, 4 the service is disturbed.",
        err=True,
    )
    return 0


def row(source: object) -> dict[str, object]:
    """A source's declared facts, without its function; spans of time in seconds."""
    from dataclasses import fields
    from datetime import timedelta

    from amberlight.model.codec import to_builtins

    values = {one.name: getattr(source, one.name) for one in fields(source) if one.name != "capture"}  # type: ignore[arg-type]
    return {
        f"{name}_s" if name in {"gone_after", "reaches_back", "lasts"} else name: (
            value.total_seconds() if isinstance(value, timedelta) else to_builtins(value)
        )
        for name, value in values.items()
    }
