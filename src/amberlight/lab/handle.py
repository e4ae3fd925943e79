"""Starting a lab from another process, and the handle to it."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self, cast

from amberlight.lab import netns
from amberlight.lab.accounts import LabAccount
from amberlight.lab.control import PREFIX, TOKEN
from amberlight.lab.options import CONTROL, LabOptions

_START_S = 20.0
_STOP_S = 3.0


class RunningLab:
    """A lab in a child process. `stop` (or the end of the `with` block) leaves nothing of it."""

    def __init__(self, process: subprocess.Popen[bytes], description: dict[str, Any]) -> None:
        self._process = process
        self._description = description
        self.endpoint: str = description["endpoint"]
        self.region: str = description["region"]
        self.isolation: str = description["isolation"]
        self.accounts = {name: LabAccount.from_dict(data) for name, data in description["accounts"].items()}

    @property
    def limits(self) -> tuple[str, ...]:
        """In words: what could not be made real in this run, as far as known now."""
        return tuple(self.describe()["limits"])

    def describe(self) -> dict[str, Any]:
        """The JSON of `amberlight lab up --json`: endpoint, Region, accounts with keys, isolation, limits, places."""
        with contextlib.suppress(OSError, ValueError):
            path = Path(self._description["workdir"]) / "lab.json"
            self._description = json.loads(path.read_text(encoding="utf-8"))
        return self._description

    def inside(self, argv: Sequence[str]) -> list[str]:
        """Argv that runs a program where it may use the lab's places."""
        if self.isolation != "namespaces" or os.geteuid() == 0:
            return list(argv)
        user = f"--user=/proc/{self._process.pid}/ns/user"
        return ["nsenter", user, "--preserve-credentials", "--", *argv]

    def control(self, name: str, **data: Any) -> dict[str, Any]:
        """Do something to the lab that is no call of AWS, such as planting a finding; see the files of `lab/services/`.

        Raises:
            LabError: The lab offers no such control, or could not do it; the message says why.
        """
        token = (Path(self._description["workdir"]) / CONTROL).read_text(encoding="utf-8")
        request = urllib.request.Request(  # noqa: S310 (the endpoint is the lab's own)
            self.endpoint + PREFIX + name, data=json.dumps(data).encode(), headers={TOKEN: token}, method="POST"
        )
        try:
            # Past any proxy: the lab is on this machine.
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
                return cast("dict[str, Any]", json.load(answer))
        except urllib.error.HTTPError as error:
            with error:
                raise LabError(f"The lab did not do {name!r}: {json.load(error)['problem']}") from error

    def alive(self) -> bool:
        """Whether the lab's process still runs."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End the lab and everything in it."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class LabError(Exception):
    """The lab did not start; the message says why."""


def start(options: LabOptions) -> RunningLab:
    """Start a lab as a child process and wait until it answers.

    The child ends with this process, however this process ends.
    """
    options.workdir.mkdir(parents=True, exist_ok=True)
    options.workdir.chmod(0o700)
    log_path = options.workdir / "lab.log"
    argv = [sys.executable, "-m", "amberlight.lab", options.to_json()]
    if options.hosts != "processes" and os.geteuid() != 0 and netns.why_no_namespaces() is None:
        argv = [*netns.user_namespace_prefix(), *argv]
    with log_path.open("wb") as log:
        # A session of its own: Ctrl-C in the terminal goes to the parent, which stops the lab in order.
        process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True
        )
    try:
        line = _first_line(process)
    except BaseException:
        # Interrupted while it starts: nobody has a handle yet that could stop it.
        _give_up(process)
        raise
    if not line:
        _give_up(process)
        tail = log_path.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-5:]
        raise LabError("The lab did not start: " + (" / ".join(tail) or f"exit {process.returncode}"))
    return RunningLab(process, json.loads(line))


def _first_line(process: subprocess.Popen[bytes]) -> bytes:
    out = process.stdout
    if out is None or not select.select([out], [], [], _START_S)[0]:
        return b""
    return out.readline()


def _give_up(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
