"""Check a package: whole, unchanged, and what its ledger was signed over. Offline, no credentials."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from amberlight.vault.verify import Verifier
    from amberlight.vault.witness import Agreement

SHOWN = 40


@click.command("verify")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--key", metavar="FINGERPRINT", help="SHA-256 of the signing key, told by another way than the package.")
@click.option("--witness", type=click.Path(path_type=Path), help="A witness's folder: do its heads fit the package?")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def command(*, path: Path, key: str | None, witness: Path | None, as_json: bool) -> int:
    """Check the package, or the exhibit, in the folder PATH. Exit 0 if all is well, 4 if anything is not.

    The verifier of this installation runs, not the copy in the package.
    """
    from amberlight.model.errors import ConfigError
    from amberlight.vault import check_exhibit
    from amberlight.vault.verify import Bad, Verifier, words

    if not path.is_dir():
        raise ConfigError(f"There is no package at {path}.", "Name the folder that holds bagit.txt.")
    if witness and not witness.is_dir():
        raise ConfigError(f"There is no witness at {witness}.", "Name the folder that the response plan names.")
    try:
        if (path / check_exhibit.PROOF).is_file() and not (path / "bagit.txt").exists():
            if witness:
                raise ConfigError("An exhibit has no ledger to hold against a witness.", "Leave --witness away.")
            exhibit = check_exhibit.Exhibit(str(path), key)
            told = exhibit.run()
            click.echo(json.dumps(told) if as_json else check_exhibit.words(exhibit, told))
            return 0 if told["ok"] else 4
        package = Verifier(str(path), key)
    except (Bad, check_exhibit.Bad) as problem:
        raise ConfigError(str(problem), "Copy all 64 digits from the sender's page.") from problem
    report = package.run()
    agreement = compared(package, witness) if witness else None
    if as_json:
        click.echo(json.dumps(with_witness(report, agreement) if agreement else report))
    else:
        click.echo("\n".join((words(package, report), *(witness_words(agreement) if agreement else ()))))
    return 0 if report["ok"] and (agreement is None or agreement.ok) else 4


def compared(package: Verifier, witness: Path) -> Agreement:
    """How the package stands to the heads in a witness's folder, which is only read."""
    from amberlight._aws import SystemClock
    from amberlight.vault import FolderStore
    from amberlight.vault.witness import compare

    return compare(Path(package.root), FolderStore(witness, SystemClock()))


def with_witness(report: dict[str, Any], agreement: Agreement) -> dict[str, Any]:
    """The report with the witness's word; it is not in order where that disagrees."""
    said = {"heads": agreement.heads, "problems": list(agreement.problems)}
    return {**report, "ok": report["ok"] and agreement.ok, "witness": said}


def witness_words(agreement: Agreement) -> list[str]:
    """The witness's word for people; of many problems the first."""
    from amberlight.cli._words import printable

    rows = [f"Witness  {agreement.heads} heads, {'all fit' if agreement.ok else 'NOT OK'}"]
    rows += [f"PROBLEM  witness\n         {printable(each)}" for each in agreement.problems[:SHOWN]]
    more = len(agreement.problems) - SHOWN
    return [*rows, *([f"MORE     {more} more problems; --json lists them all"] if more > 0 else [])]
