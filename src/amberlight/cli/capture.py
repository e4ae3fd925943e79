"""Take the evidence of a case: plan it, see it, run exactly that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from amberlight.cli import _capturing

if TYPE_CHECKING:
    from datetime import timedelta

    from amberlight.model.evidence import Source
    from amberlight.model.listings import SourceFacts


@click.group("capture")
def command() -> None:
    """Step 2: take the evidence."""


command.add_command(_capturing.plan)
command.add_command(_capturing.run)
command.add_command(_capturing.resume)


@command.command("sources")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def sources(as_json: bool) -> int:  # noqa: FBT001 - click passes flags so
    """List the evidence sources: what each takes, who sees it, how soon it is gone."""
    from amberlight.capture import catalogue
    from amberlight.model.codec import dumps
    from amberlight.model.listings import SourceList

    found = catalogue.load()
    if as_json:
        listed = SourceList(schema="amberlight.sources/1", sources=tuple(facts(one) for one in found.values()))
        click.echo(dumps(listed).decode(), nl=False)
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


def facts(source: Source) -> SourceFacts:
    """A source's declared facts, without its function."""
    from amberlight.model.listings import SourceFacts

    def seconds(span: timedelta | None) -> float | None:
        return None if span is None else span.total_seconds()

    return SourceFacts(
        id=source.id,
        title=source.title,
        takes=source.takes,
        calls=source.calls,
        seen=source.seen,
        seen_text=source.seen_text,
        gone_after_s=seconds(source.gone_after),
        reaches_back_s=seconds(source.reaches_back),
        cost=source.cost,
        needs=source.needs,
        yields=source.yields,
        leaves=source.leaves,
        references=source.references,
        lasts_s=source.lasts.total_seconds(),
    )
