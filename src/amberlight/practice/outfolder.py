"""The folder that a rehearsal writes: checked first, replaced by the next one, and never anybody else's.

A marker file says that a rehearsal made the folder. What is not in `NAMES` is left alone.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from amberlight.model.errors import ConfigError

MARKER = ".amberlight-demo"
WORK = ".work"
NAMES = (
    "amberlight.yaml",
    "capture-plan.json",
    "casebook.sqlite",
    "ground-truth.json",
    "package",
    "receipt.json",
    "report.html",
    "scorecard.json",
    "story.svg",
    "witness",
    WORK,
)
"""Everything that a rehearsal makes."""


@contextmanager
def prepared(out: Path) -> Iterator[Path]:
    """The folder, empty of what an earlier rehearsal made; what this one made goes again if it does not end well.

    Raises:
        ConfigError: it is no folder, cannot be written, holds what no rehearsal made, or is in use.
    """
    check(out)
    try:
        out.mkdir(parents=True, exist_ok=True)
        marker = (out / MARKER).open("w", encoding="utf-8")
    except OSError as problem:
        raise ConfigError(
            f"{out} cannot be written: {problem.strerror}.", "Name a folder that you may write with --out."
        ) from problem
    with marker:
        lock(marker.fileno(), out)
        marker.write("An amberlight rehearsal made this folder; the next one replaces what this one wrote.\n")
        marker.flush()
        try:
            clear(out)
            (out / WORK).mkdir(mode=0o700)
            yield out
        except BaseException:
            clear(out)
            raise
        remove(out / WORK)


def check(out: Path) -> None:
    """Refuse what is not ours.

    Raises:
        ConfigError: it is no folder, or somebody else's.
    """
    if out.exists() and not out.is_dir():
        raise ConfigError(f"{out} is not a folder.", "Name a new or an empty folder with --out.")
    try:
        foreign = out.is_dir() and any(out.iterdir()) and not (out / MARKER).is_file()
    except OSError as problem:
        raise ConfigError(f"{out} cannot be read: {problem.strerror}.", "Name another folder with --out.") from problem
    if foreign:
        raise ConfigError(f"{out} holds files that no demo made.", "Name a new or an empty folder with --out.")


def lock(descriptor: int, out: Path) -> None:
    """Hold the folder for as long as the marker is open; the kernel lets go of it however we end.

    Raises:
        ConfigError: another rehearsal holds it.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as problem:
        raise ConfigError(f"Another demo is writing to {out}.", "Wait for it, or name another folder.") from problem


def clear(out: Path) -> None:
    """Remove what a rehearsal made, and nothing else."""
    for name in NAMES:
        remove(out / name)


def remove(path: Path) -> None:
    """Remove a file, a link or a folder; nothing where there is nothing."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write(path: Path, data: bytes) -> None:
    """A file, whole or not at all."""
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_bytes(data)
    os.replace(temporary, path)  # noqa: PTH105 - atomic by name
