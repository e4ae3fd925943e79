"""What `signals add` is given: files, a folder of them, standard input, or a person's words."""

from __future__ import annotations

import base64
import hashlib
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from amberlight.aware.envelope import MOST_CHARACTERS

MOST_BYTES = MOST_CHARACTERS * 3 // 4
"""Of one file: as base64 it is then still read."""
MOST_FILES = 10_000


def given(path: Path, who: str, now: datetime) -> list[tuple[str, Any]]:
    """Every file below a folder, or the one, or standard input: its name and what is to be told.

    Raises:
        ConfigError: the folder holds nothing, or more than is taken in at once.
    """
    from amberlight.model.errors import ConfigError

    if str(path) == "-":
        return [("standard input", received(sys.stdin.buffer.read(MOST_BYTES + 1), "", who, now))]
    files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
    if not 0 < len(files) <= MOST_FILES:
        raise ConfigError(f"{path} holds {len(files)} files.", f"Name a folder with 1 to {MOST_FILES} files.")
    return [(str(one), received(head(one), one.name, who, now)) for one in files]


def head(path: Path) -> bytes:
    """A file's bytes, one more than are taken at most."""
    with path.open("rb") as file:
        return file.read(MOST_BYTES + 1)


def received(data: bytes, name: str, who: str, now: datetime) -> Any:
    """A mail as a mail, text as text; what is neither, or too large, as a note that no intake knows: it is kept so."""
    if len(data) > MOST_BYTES:
        part = hashlib.sha256(data).hexdigest()
        return {"file": name, "problem": f"larger than {MOST_BYTES} bytes", "sha256_of_the_first_part": part}
    if name.lower().endswith(".eml"):
        return {"eml_base64": coded(data), "handed_in_by": who, "received": now.isoformat()}
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return {"file": name, "problem": "no UTF-8", "bytes_base64": coded(data)}


def coded(data: bytes) -> str:
    """Bytes as base64."""
    return base64.b64encode(data).decode()


def report(said: Mapping[str, Any], who: str, now: datetime) -> dict[str, Any]:
    """A person's report out of the options."""
    from amberlight.cli._inbox import moment

    when = moment(said["at"], "--when") if said["at"] else now
    names = ("what", "found", "keys", "principals", "addresses", "account")
    return {"who": who, "when": when.isoformat(), **{name: said[name] for name in names if said[name]}}
