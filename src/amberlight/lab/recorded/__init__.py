"""Hosts that are played back: a script that they know is answered from a file, every other one fails; nothing runs.

For what this machine cannot be, Windows. A folder here is such a host: `host.toml` says what it is, each other file is one
recording: `script` (a regular expression that the whole script has to match, without regard to case) or `sha256` of the script,
`stdout`, `stderr`, `code`, `origin` (`documentation`: written from what the documentation says that the command prints;
`machine`: taken from one) and `source`.

Every answer begins with a line that says that it was recorded, so that nobody takes it for a run.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from amberlight.lab.hosts import Finished
from amberlight.lab.ssm.steps import Script

MARK = "# RECORDED: no command ran"
"""How the first line of every answer begins."""
IMAGES = {"ami-0fedcba9876543210": "windows-server-2022"}
"""Images whose instances are played back, and the folder for each."""
ORIGINS = ("documentation", "machine")

_FIELDS = frozenset({"script", "sha256", "stdout", "stderr", "code", "origin", "source"})


@dataclasses.dataclass(frozen=True)
class Recording:
    """One answer."""

    name: str
    origin: str
    source: str
    script: re.Pattern[str] | None
    sha256: str
    stdout: str
    stderr: str
    code: int

    @classmethod
    def of(cls, name: str, data: Mapping[str, Any]) -> Recording:
        """A recording from its fields.

        Raises:
            ValueError: A field is missing, unknown or wrong; the message says which.
        """
        if strange := set(data) - _FIELDS:
            raise ValueError(f"recording {name}: unknown {', '.join(sorted(strange))}")
        if data.get("origin") not in ORIGINS or not data.get("source"):
            raise ValueError(f"recording {name}: origin must be one of {', '.join(ORIGINS)}, and source be given")
        if ("script" in data) == ("sha256" in data):
            raise ValueError(f"recording {name}: exactly one of script and sha256")
        try:
            pattern = re.compile(data["script"], re.IGNORECASE) if "script" in data else None
        except re.error as error:
            raise ValueError(f"recording {name}: {error}") from error
        return cls(name, data["origin"], str(data["source"]), pattern, str(data.get("sha256", "")),
                   str(data.get("stdout", "")), str(data.get("stderr", "")), int(data.get("code", 0)))  # fmt: skip

    def answers(self, script: str) -> bool:
        """Whether it is the recording of this script."""
        if self.script is not None:
            return self.script.fullmatch(script.strip()) is not None
        return hashlib.sha256(script.encode()).hexdigest() == self.sha256


class RecordedHost:
    """One kind of host, to run commands on."""

    def __init__(self, folder: Path) -> None:
        facts = tomllib.loads((folder / "host.toml").read_text(encoding="utf-8"))
        self.kind = folder.name
        self.platform: str = facts["platform"]
        self.name: str = facts["name"]
        self.release: str = facts["release"]
        self.computer: str = facts["computer"]
        self.recordings = [
            Recording.of(path.stem, tomllib.loads(path.read_text(encoding="utf-8")))
            for path in sorted(folder.glob("*.toml")) if path.name != "host.toml"
        ]  # fmt: skip

    def plant(self, name: str, data: Mapping[str, Any]) -> None:
        """Add a recording; it goes before the ones that are there."""
        self.recordings.insert(0, Recording.of(name, data))

    def run(self, script: Script, stop: Callable[[], bool], *, whole: bool) -> tuple[Finished, tuple[bytes, bytes]]:
        """Play back the recording of a script, or fail in words."""
        _ = stop
        found = next((each for each in self.recordings if each.answers(script.text)), None)
        if found is None:
            digest = hashlib.sha256(script.text.encode()).hexdigest()
            err = f"{MARK}, and the lab has no recording of this script for {self.kind} (SHA-256 {digest}).\n"
            done = Finished(1, "", _windows(err))
        else:
            origin = {"documentation": "written from documentation", "machine": "taken from a machine"}[found.origin]
            mark = f"{MARK}; played back from {self.kind}/{found.name}, {origin}\n"
            done = Finished(found.code, _windows(mark + found.stdout), _windows(found.stderr))
        return done, (done.stdout.encode(), done.stderr.encode()) if whole else (b"", b"")


def _windows(text: str) -> str:
    return text.replace("\n", "\r\n")


@functools.lru_cache(maxsize=1)
def hosts() -> Mapping[str, RecordedHost]:
    """All kinds of recorded hosts, by folder."""
    return {path.name: RecordedHost(path) for path in sorted(Path(__file__).parent.iterdir()) if path.is_dir()
            and (path / "host.toml").exists()}  # fmt: skip


def host_of(instance: Mapping[str, Any] | None) -> RecordedHost | None:
    """The recorded host that stands behind an instance, or None."""
    kind = IMAGES.get(str((instance or {}).get("ImageId")))
    return hosts()[kind] if kind else None
