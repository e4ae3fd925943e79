"""What `plan init` needs of a terminal, a file of answers, and an account."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from amberlight.plan.survey import Found


def given(path: Path | None) -> tuple[dict[str, Any], str]:
    """The answers of a file and its text; nothing where there is no file.

    Raises:
        ConfigError: it cannot be read, or is no mapping.
    """
    from amberlight.model.errors import ConfigError
    from amberlight.plan.reading import plain, text_of, yaml

    if path is None:
        return {}, ""
    text = text_of(path)
    data = plain(yaml(text, str(path)))
    if not isinstance(data, dict):
        raise ConfigError(f"{path} holds no answers.", "Write parts of a plan, such as `organisation: Name`.")
    return data, text


def found(region: str) -> Found:
    """What the caller's account shows.

    Raises:
        CredentialsError: there are none, or they are not good.
        Unreachable: AWS does not answer.
    """
    from amberlight._aws import Sessions, SystemClock
    from amberlight.plan.survey import CALLS, Survey

    clock = SystemClock()
    return Survey(Sessions(region=region, clock=clock).door("", allowed=CALLS), clock.now()).run()


def on_terminal() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask(question: str, default: str) -> str:
    """Ask on stderr, so that the plan may go to stdout; enter takes the default."""
    from amberlight.cli._words import printable

    answer: str = click.prompt(printable(question), default=default, show_default=bool(default), err=True)
    return answer.strip()


def write(path: Path, text: str) -> None:
    """Write a plan where there is none.

    Raises:
        ConfigError: there is one.
    """
    from amberlight.model.errors import ConfigError

    try:
        with path.open("x", encoding="utf-8") as out:
            out.write(text)
    except FileExistsError as problem:
        raise ConfigError(f"{path} is there already.", "Name another file, or move that one away.") from problem
