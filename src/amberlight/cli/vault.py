"""The vault: attack it, check a case in it, hold it and let it go."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from amberlight.cli import _holding

if TYPE_CHECKING:
    from amberlight.vault.proof import Signed

THROUGH, UNSETTLED = 4, 3


@click.group("vault")
def command() -> None:
    """Where evidence is kept."""


for each in (_holding.hold, _holding.release, _holding.statement, _holding.timestamps, _holding.verify):
    command.add_command(each)


@command.command("prove")
@click.argument("path", type=click.Path(path_type=Path), default=Path("amberlight.yaml"))
@click.option("--lab", is_flag=True, help="On a fresh embedded lab instead of the accounts of PATH.")
@click.option("--capture-role", is_flag=True, help="Attack with the capture role too: its account's trail shows it.")
@click.option("--trail", default="", metavar="ARN", help="The vault account's own trail, to be attacked too.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the signed report to this file, too.")
@click.option("--json", "as_json", is_flag=True, help="Print the signed report as JSON.")
def prove(*, path: Path, lab: bool, capture_role: bool, trail: str, out: Path | None, as_json: bool) -> int:
    """Try to alter, delete, hide, take over or open the vault with every role; only a canary object is touched.

    Exit 0 when everything was refused, 4 when something was let through, 3 when something gave no answer.
    """
    from amberlight.model.codec import dumps
    from amberlight.response import proving
    from amberlight.vault.proof import document as printed

    signed = on_lab() if lab else proving.prove(path, with_capture=capture_role, trail=trail)
    document = dumps(printed(signed))
    if out is not None:
        out.write_bytes(document)
    if as_json:
        click.echo(document.decode(), nl=False)
    else:
        tell(signed)
    if not signed.held:
        return THROUGH
    return UNSETTLED if signed.proof.unsettled else 0


@command.command("exhibit")
@click.argument("package", type=click.Path(path_type=Path))
@click.argument("exhibit")
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, help="A folder that does not exist yet.")
@click.option("--key", metavar="FINGERPRINT", help="SHA-256 of the signing key, told by another way than the package.")
def exhibit(*, package: Path, exhibit: str, out: Path, key: str | None) -> None:
    """Write one item of PACKAGE with the proof that the signed ledger holds it, and nothing of any other item.

    EXHIBIT is a path in the package, or the number of the ledger entry ("no" in custody/chain-of-custody.csv).
    """
    from amberlight.model.errors import ConfigError
    from amberlight.vault.check_exhibit import shown
    from amberlight.vault.exhibit import export

    if not package.is_dir():
        raise ConfigError(f"There is no package at {package}.", "Name the folder that holds bagit.txt.")
    made = export(package, exhibit, out, key)
    click.echo(f"{made['sha256']}  {out}/{shown(made['path'])}")
    click.echo("The entry is given whole: read entry.json before you give it away.", err=True)


def on_lab() -> Signed:
    """Build a vault on a lab that ends with the command, and attack it."""
    from amberlight._aws import SystemClock
    from amberlight.lab import LabError, LabOptions, start
    from amberlight.practice import proving

    with tempfile.TemporaryDirectory(prefix="amberlight-prove-") as work:
        folder = Path(work)
        try:
            lab = start(LabOptions(workdir=folder / "lab", hosts="processes"))
        except LabError as problem:
            raise click.ClickException(f"{problem} See `amberlight lab up`.") from problem
        with lab:
            return proving.prove(lab, folder, SystemClock())


def tell(signed: Signed) -> None:
    """The report for people: a line per role, then what was let through, what is open, and what remains."""
    proof = signed.proof
    for role in dict.fromkeys(each.role for each in proof.attempts):
        mine = [each for each in proof.attempts if each.role == role]
        click.echo(f"{role:<16} {sum(each.refused for each in mine):>3} of {len(mine)} refused")
    for each in proof.attempts:
        if not each.refused:
            click.echo(f"LET THROUGH      {each.role}: {each.action} ({each.answer})")
    for loose in proof.unsettled:
        click.echo(f"no answer        {loose.role}: {loose.action} ({loose.problem})")
    for left in proof.residual:
        click.echo(f"remains          {left.risk}\n                 {left.remedy}")
    click.echo(
        f"Canary {proof.canary} in {proof.bucket}; filed as entry {signed.entry.seq} of {signed.entry.case}, "
        f"signed with {signed.checkpoint.key}.",
        err=True,
    )
