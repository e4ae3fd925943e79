"""`amberlight vault hold | statement | release | timestamps | verify`: commands about one case in the vault."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from amberlight.model.case_check import CaseCheck

SHOWN, OWED = 40, 3
plan_option = click.option(
    "--plan", "path", type=click.Path(path_type=Path), default=Path("amberlight.yaml"), help="The response plan."
)
case_argument = click.argument("case_id", metavar="CASE")


@click.command("hold")
@case_argument
@plan_option
def hold(*, case_id: str, path: Path) -> None:
    """Hold everything that CASE has, and extend its locks to the plan's horizon. Asked twice, nothing more is done."""
    from amberlight.response import holding

    click.echo(f"{holding.hold(path, case_id)} objects were held or locked longer.")


@click.command("statement")
@case_argument
@click.option("--reason", required=True, help="Why the evidence may be let go.")
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, help="A file that does not exist yet.")
@plan_option
def statement(*, case_id: str, reason: str, out: Path, path: Path) -> None:
    """Write what two people sign so that the hold of CASE can be lifted."""
    from amberlight.response import holding
    from amberlight.vault.people import NAMESPACE

    said = holding.statement(path, case_id, reason)
    with out.open("xb") as file:  # who has signed one must not find another in its place
        file.write(said)
    click.echo(f"Each of two people signs it: ssh-keygen -Y sign -n {NAMESPACE} -f KEY {out}", err=True)


@click.command("release")
@case_argument
@click.option("--statement", "said", type=click.Path(path_type=Path), required=True, help="What was signed.")
@click.option("--signature", "given", multiple=True, metavar="NAME=FILE", help="Who signed, and the signature; twice.")
@click.option("--allowed", type=click.Path(path_type=Path), required=True, help="Who may sign, a line a person.")
@click.option("--deployer-profile", metavar="NAME", help="AWS profile of the deployer, who needs a second factor.")
@plan_option
def release(
    *, case_id: str, said: Path, given: tuple[str, ...], allowed: Path, deployer_profile: str | None, path: Path
) -> None:
    """Lift the hold of the evidence of CASE by two people's word. Locks stay as they are."""
    from amberlight.response import holding
    from amberlight.vault.people import Signature

    signatures = [Signature(name=name, armored=file.read_bytes()) for name, file in map(named, given)]
    lifted = holding.release(
        path,
        case_id,
        said=said.read_bytes(),
        signatures=signatures,
        allowed=allowed.read_bytes(),
        profile=deployer_profile,
    )
    click.echo(f"{lifted} objects were let go; their locks stay.")


def named(text: str) -> tuple[str, Path]:
    """`NAME=FILE` in its two parts.

    Raises:
        ConfigError: one of them is missing.
    """
    from amberlight.model.errors import ConfigError

    name, _, file = text.partition("=")
    if not name or not file:
        raise ConfigError("A signature is given as NAME=FILE.", "Name who signed, then the file of the signature.")
    return name, Path(file)


@click.command("timestamps")
@case_argument
@plan_option
def timestamps(*, case_id: str, path: Path) -> int:
    """Ask once more for the RFC 3161 timestamps that the checkpoints of CASE are owed, as the plan allows.

    Exit 0 when nothing is owed any more, 3 when something is.
    """
    from amberlight.response import holding

    def said(event: str, what: object) -> None:
        click.echo(f"{event}: {getattr(what, 'what', what)}", err=True)

    owed = holding.settle(path, case_id, said)
    for head in owed:
        click.echo(f"owed: checkpoint {head.size} of {head.when.isoformat()}")
    return OWED if owed else 0


@click.command("verify")
@case_argument
@plan_option
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def verify(*, case_id: str, path: Path, as_json: bool) -> int:
    """Read all of CASE in the vault: chain, signed heads, every object's bytes, version and lock.

    Exit 0 if all is well, 4 if anything is not.
    """
    from amberlight.model.codec import dumps
    from amberlight.response import holding

    report = holding.check(path, case_id)
    if as_json:
        click.echo(dumps(report).decode(), nl=False)
    else:
        tell(report)
    return 0 if report.ok else 4


def tell(report: CaseCheck) -> None:
    """The report for people: a line per object that is no part of the ledger, then what is wrong."""
    from amberlight.cli._words import printable

    prefix = f"cases/{report.case}/"
    for each in report.objects:
        part = each.key.removeprefix(prefix)
        if not part.startswith(("ledger/", "checkpoints/")):
            until = f"{each.retain_until:%Y-%m-%d}" if each.retain_until else "no lock"
            held = "held" if each.held else "-"
            click.echo(f"{each.state:<11} {until:<10} {held:<4} {each.size_bytes:>12} {printable(part)}")
    click.echo(f"Marked   {report.kind.upper()}")
    click.echo(f"Ledger   {report.entries} entries, {report.heads} signed heads, {report.unsigned} entries since")
    click.echo(f"Objects  {len(report.objects)}, of which {sum(each.held for each in report.objects)} are held")
    click.echo(f"Key      {report.key}")
    for problem in report.problems[:SHOWN]:
        click.echo(f"PROBLEM  {printable(problem.path)}\n         {printable(problem.problem)}")
    if len(report.problems) > SHOWN:
        click.echo(f"MORE     {len(report.problems) - SHOWN} more problems; --json lists them all")
    click.echo("OK: whole and unchanged." if report.ok else f"NOT OK: {len(report.problems)} problems.")
