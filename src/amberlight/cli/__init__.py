"""The command line: one file per command, found by its name, imported only when it is used.

Data goes to stdout, talk to stderr. Exit codes: 0 complete, 1 failed, 2 usage or configuration, 3 complete with gaps,
4 integrity check failed, 5 approval missing, 6 credentials missing or expired, 130 interrupted.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from amberlight import __version__

HERE = Path(__file__).parent


class Commands(click.Group):
    """Commands are the modules beside this file; the short help is the first line of a module's docstring."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Names of the modules beside this file."""
        return sorted(module.name for module in pkgutil.iter_modules([str(HERE)]) if not module.name.startswith("_"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The module's `command`, imported now."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = importlib.import_module(f"amberlight.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them, so that help stays fast."""
        rows = [(name, first_line(HERE / f"{name}.py")) for name in self.list_commands(ctx)]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)


def first_line(path: Path) -> str:
    """The first line of a module's docstring, read as text."""
    source = path if path.is_file() else path.with_suffix("") / "__init__.py"
    with source.open(encoding="utf-8") as text:
        return text.readline().strip().strip('"').rstrip(".")


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="amberlight")
def group() -> None:
    """AWS incident response that you can rehearse: notice, capture, hand off, practise."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command, and end with its exit code: the border where errors become words."""
    try:
        code = group.main(args=list(arguments) if arguments is not None else None, standalone_mode=False)
    except click.exceptions.Exit as end:
        sys.exit(end.exit_code)
    except click.ClickException as problem:
        problem.show()
        sys.exit(problem.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("Interrupted; nothing was left half-written that looks whole.", err=True)
        sys.exit(130)
    except OSError as problem:
        click.echo(f"{problem.strerror or problem}: {problem.filename or ''} [AL110]", err=True)
        click.echo("Check the path, the permissions and the free space, then run the command again.", err=True)
        sys.exit(1)
    except Exception as problem:
        from amberlight.model.errors import AmberlightError

        if not isinstance(problem, AmberlightError):
            raise
        click.echo(problem.diagnostics(), err=True)
        sys.exit(problem.exit_code)
    sys.exit(code if isinstance(code, int) else 0)
