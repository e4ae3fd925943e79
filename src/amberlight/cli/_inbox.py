"""What the inbox's commands share: the casebook, who speaks, times, and tables that an attacker's text cannot break."""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from amberlight.casebook import Casebook

F = TypeVar("F", bound=Callable[..., Any])
DEFAULT = "casebook.sqlite"
WIDTH = 80
MOST_CELL = 400

where = click.option(
    "--casebook", "url", default=DEFAULT, show_default=True, metavar="URL", help="SQLite file, or a database's URL."
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")


def word(command: F) -> F:
    """Options of a decision: who, why, and what lets them decide."""
    command = click.option("--authority", default="person on duty", show_default=True, help="What lets you decide.")(
        command
    )
    command = click.option("--by", default=user, show_default="you", help="Who decides.")(command)
    return click.option("--why", required=True, help="The reason; it stands in the casebook.")(command)


def user() -> str:
    """Who runs the command."""
    try:
        return getpass.getuser()
    except (KeyError, OSError) as problem:
        raise click.UsageError("This machine does not say who you are: give --by.") from problem


def opened(url: str, *, new: bool = False) -> Casebook:
    """The casebook; a file that is not there is made only where something is to be written.

    Raises:
        ConfigError: there is none.
    """
    from amberlight.casebook import Casebook
    from amberlight.model.errors import ConfigError

    if "://" in url:
        return Casebook(url)
    if not new and not Path(url).is_file():
        raise ConfigError(f"There is no casebook {url}.", "Name one with --casebook, or begin with `signals add`.")
    return Casebook(f"sqlite:///{url}")


def moment(text: str, option: str) -> datetime:
    """A time that somebody typed: ISO 8601, UTC where no zone is given.

    Raises:
        ConfigError: it is none.
    """
    from amberlight.model.errors import ConfigError

    try:
        found = datetime.fromisoformat(text)
    except ValueError as problem:
        raise ConfigError(f"{option} {text!r} is no time.", "Write it as 2026-11-24 or 2026-11-24T03:12Z.") from problem
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)


def lines(records: Iterable[Any]) -> None:
    """One JSON object a line, in ASCII: nothing in it moves a terminal's cursor."""
    from amberlight.model.codec import to_builtins

    for one in records:
        click.echo(json.dumps(to_builtins(one), ensure_ascii=True))


def printed(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table of 80 columns; every cell is made safe here."""
    from rich.console import Console
    from rich.table import Table

    from amberlight.cli._words import safe

    table = Table(show_lines=True)
    for name in head:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*("\n".join(safe(line[:MOST_CELL]) for line in cell.split("\n")) for cell in row))
    if table.row_count:
        Console(highlight=False, width=WIDTH).print(table)


def cell(texts: Iterable[str]) -> str:
    """Texts as lines of one cell: a line break inside one of them makes no line of its own."""
    from amberlight.cli._words import printable

    return "\n".join(printable(text) for text in texts if text)
