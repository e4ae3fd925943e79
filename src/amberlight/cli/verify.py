"""Check a package: whole, unchanged, and what its ledger was signed over. Offline, no credentials."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command("verify")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--key", metavar="FINGERPRINT", help="SHA-256 of the signing key, told by another way than the package.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def command(path: Path, key: str | None, as_json: bool) -> int:  # noqa: FBT001 - click passes flags so
    """Check the package, or the exhibit, in the folder PATH. Exit 0 if all is well, 4 if anything is not.

    The verifier of this installation runs, not the copy in the package.
    """
    from amberlight.model.errors import ConfigError
    from amberlight.vault import check_exhibit
    from amberlight.vault.verify import Bad, Verifier, words

    if not path.is_dir():
        raise ConfigError(f"There is no package at {path}.", "Name the folder that holds bagit.txt.")
    try:
        if (path / check_exhibit.PROOF).is_file() and not (path / "bagit.txt").exists():
            exhibit = check_exhibit.Exhibit(str(path), key)
            told = exhibit.run()
            click.echo(json.dumps(told) if as_json else check_exhibit.words(exhibit, told))
            return 0 if told["ok"] else 4
        package = Verifier(str(path), key)
    except (Bad, check_exhibit.Bad) as problem:
        raise ConfigError(str(problem), "Copy all 64 digits from the sender's page.") from problem
    report = package.run()
    click.echo(json.dumps(report) if as_json else words(package, report))
    return 0 if report["ok"] else 4
