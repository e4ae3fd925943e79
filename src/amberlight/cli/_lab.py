"""A running lab in words, for a terminal of 80 columns and for copying into a shell."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import click

from amberlight.model.errors import ConfigError

WIDTH = 80
_NAMES = 11


def table(description: Mapping[str, Any]) -> str:
    """Endpoint, limits, keys of the accounts, and what was planted and put in force."""
    return "\n".join([
        *_row("endpoint", description["endpoint"]), *_row("region", description["region"]),
        *_row("hosts", description["isolation"]),
        *(line for limit in description["limits"] for line in _row("limit", limit)), *_guest(description.get("guest")),
        *_accounts(description),
        *_faults(description.get("faults", ())), *_scenario(description.get("scenario")),
        "", f"export AWS_ENDPOINT_URL={description['endpoint']} AWS_DEFAULT_REGION={description['region']}",
        "", "Ctrl-C stops the lab and removes everything in it.",
    ])  # fmt: skip


def guest_image() -> str:
    """The directory of the guest's image, made now where there is none yet; says so on stderr.

    Raises:
        ConfigError: This machine cannot make or run it.
    """
    from amberlight.lab.guest import image, machine, packages

    reason = machine.why_not()
    if reason:
        raise ConfigError(f"There can be no guest: {reason}.", "Install it, or start the lab without --guest.")
    click.echo("Looking for the guest's image, else making it (some seconds, once a kernel) ...", err=True)
    try:
        return str(image.ensure(image.cache()).directory)
    except (packages.PackageError, OSError) as error:
        raise ConfigError(f"The guest's image cannot be made: {error}", "Start the lab without --guest.") from error


def _guest(told: Mapping[str, Any] | None) -> Iterator[str]:
    if told:
        yield from _row(
            "guest", f"boots in some seconds; its console: socat -,raw,echo=0 UNIX-CONNECT:{told['console']}"
        )
        yield from _row("", f"QEMU's control: {told['qmp']}")


def _row(name: str, text: Any, names: int = _NAMES) -> list[str]:
    """A name and a text beside it, in as many lines as it takes; what has no blanks is not cut."""
    return textwrap.wrap(
        str(text), WIDTH, initial_indent=f"{name:<{names}}", subsequent_indent=" " * names, break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip


def _accounts(description: Mapping[str, Any]) -> Iterator[str]:
    for name, account in description["accounts"].items():
        yield ""
        yield f"# {name}: account {account['id']}, administrator (root: {account['root']['access_key_id']})"
        yield f"export AWS_ACCESS_KEY_ID={account['admin']['access_key_id']}"
        yield f"export AWS_SECRET_ACCESS_KEY={account['admin']['secret_access_key']}"


def _faults(faults: Any) -> Iterator[str]:
    if faults:
        yield ""
    for fault in faults:
        settings = ", ".join(f"{name} {_plain(value)}" for name, value in fault.items() if name != "fault")
        yield from _row("fault", fault["fault"] + (f": {settings}" if settings else ""))


def _scenario(scenario: Mapping[str, Any] | None) -> Iterator[str]:
    if scenario is None:
        return
    yield ""
    yield from _row("scenario", f"{scenario['drill']}: {scenario['title']}")
    names = max(map(len, scenario["planted"])) + 4
    for name, value in scenario["planted"].items():
        key = value.get("access_key_id") if isinstance(value, dict) else None
        yield from _row(f"  {name}", f"{key} (its secret: --json)" if key else _plain(value), names)


def _plain(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
