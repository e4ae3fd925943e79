"""`python -m amberlight._derive [--check]`: write the generated files, or name those that are stale."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from amberlight import _derive

ROOT = Path(__file__).parents[3]


@click.command()
@click.option("--check", is_flag=True, help="Compare only; name stale files and end with 1.")
@click.option("--root", type=click.Path(path_type=Path, file_okay=False), default=ROOT, help="The checkout.")
def main(check: bool, root: Path) -> None:  # noqa: FBT001 - click passes flags so
    """Write docs/reference and deploy/policies out of the catalogues and the records."""
    files = _derive.wanted()
    changed = _derive.stale(root, files) if check else _derive.write(root, files)
    for path in changed:
        click.echo(f"{'stale' if check else 'wrote'} {path}")
    click.echo(f"{len(files)} generated files, {len(changed)} {'stale' if check else 'written'}.", err=True)
    if check and changed:
        click.echo("Run `make derive` and commit the result.", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
