"""`amberlight lab`: the embedded AWS alone, for any AWS tool."""

from __future__ import annotations

import json
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click


@click.group(name="lab")
def command() -> None:
    """The embedded AWS alone, for any AWS tool."""


@command.command()
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON instead of a table.")
@click.option(
    "--hosts", type=click.Choice(["auto", "namespaces", "processes"]), default="auto", show_default=True,
    help="How instances are made.",
)  # fmt: skip
def up(*, as_json: bool, hosts: str) -> None:
    """Start a lab and keep it until interrupted."""
    from amberlight.lab import LabError, LabOptions, start

    interrupted = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: interrupted.set())
    with _workdir() as workdir:
        try:
            lab = start(LabOptions(workdir=workdir, hosts=hosts))
        except (LabError, OSError) as error:
            raise click.ClickException(f"{error} Try --hosts processes, which needs no namespaces.") from error
        with lab:
            description = lab.describe()
            click.echo(json.dumps(description) if as_json else _table(description))
            _until(interrupted, lab.alive)


def _until(interrupted: threading.Event, alive: Any) -> None:
    while not interrupted.wait(0.2):
        if not alive():
            raise click.ClickException("The lab ended by itself; its last words were in its log. Start it again.")


@contextmanager
def _workdir() -> Iterator[Path]:
    """A directory for one lab, gone afterwards."""
    made = Path(tempfile.mkdtemp(prefix="amberlight-lab-"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _table(description: dict[str, Any]) -> str:
    lines = [f"endpoint   {description['endpoint']}", f"region     {description['region']}",
             f"hosts      {description['isolation']}"]  # fmt: skip
    lines += [f"limit      {limit}" for limit in description["limits"]]
    for name, account in description["accounts"].items():
        lines += ["", f"# {name}: account {account['id']}, administrator (root: {account['root']['access_key_id']})"]
        lines += [
            f"export AWS_ACCESS_KEY_ID={account['admin']['access_key_id']}",
            f"export AWS_SECRET_ACCESS_KEY={account['admin']['secret_access_key']}",
        ]
    lines += ["", f"export AWS_ENDPOINT_URL={description['endpoint']} AWS_DEFAULT_REGION={description['region']}"]
    return "\n".join([*lines, "", "Ctrl-C stops the lab and removes everything in it."])
