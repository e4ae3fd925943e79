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
from typing import TYPE_CHECKING, Any

import click

from amberlight.cli._lab import guest_image, table

if TYPE_CHECKING:
    from amberlight.lab import RunningLab


@click.group(name="lab")
def command() -> None:
    """The embedded AWS alone, for any AWS tool."""


@command.command()
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON instead of a table.")
@click.option(
    "--hosts", type=click.Choice(["auto", "namespaces", "processes"]), default="auto", show_default=True,
    help="How instances are made.",
)  # fmt: skip
@click.option(
    "--scenario", metavar="DRILL", help="Plant the account of a drill, and say what was planted; nobody attacks it."
)
@click.option(
    "--faults",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A list of faults in YAML or JSON: docs/guide/lab.md.",
)
@click.option(
    "--guest", is_flag=True, help="Boot a machine with a kernel of its own beside the lab (needs QEMU, and apt once)."
)
def up(*, as_json: bool, hosts: str, scenario: str | None, faults: Path | None, guest: bool) -> None:
    """Start a lab and keep it until interrupted."""
    from amberlight.lab import LabError, LabOptions, start

    wanted = _faults(faults) if faults is not None else []
    if scenario is not None:
        from amberlight.practice.drill import load

        load(scenario)
    image = guest_image() if guest else ""
    interrupted = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: interrupted.set())
    with _workdir() as workdir:
        try:
            lab = start(LabOptions(workdir=workdir, hosts=hosts, guest=image))
        except (LabError, OSError) as error:
            raise click.ClickException(f"{error} Try --hosts processes, which needs no namespaces.") from error
        with lab:
            description = {**lab.describe(), **_planted(lab, scenario, workdir)}
            if wanted:
                # Once everything is built: what they break is what comes from now on.
                lab.control("faults", set=wanted)
                description["faults"] = wanted
            click.echo(json.dumps(description) if as_json else table(description))
            _until(interrupted, lab.alive)


def _faults(path: Path) -> list[dict[str, Any]]:
    """The faults of a file.

    Raises:
        ConfigError: it cannot be used; the message names the line.
    """
    from amberlight.lab.faults.reading import FaultsFileError, load
    from amberlight.model.errors import ConfigError

    try:
        return load(path)
    except FaultsFileError as error:
        raise ConfigError(error.cause, error.remedy) from error


def _planted(lab: RunningLab, scenario: str | None, workdir: Path) -> dict[str, Any]:
    """The scenario's part of the description; nothing without one."""
    if scenario is None:
        return {}
    from amberlight._aws import SystemClock
    from amberlight.lab import LabOptions
    from amberlight.practice.planting import plant

    planted = plant(scenario, lab, seed=LabOptions.seed, work=workdir, clock=SystemClock())
    return {"scenario": {"drill": planted.drill, "title": planted.title, "planted": planted.facts}}


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
