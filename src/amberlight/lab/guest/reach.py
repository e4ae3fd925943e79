"""The handle to a lab's guest: run a script in it, type at its console, take its memory from outside.

References:
    https://www.qemu.org/docs/master/interop/qmp-spec.html and qemu-qmp-ref.html (dump-guest-memory), 2026-11.
    ELF gABI chapter 4: a core file is of type ET_CORE.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import io
import json
import os
import secrets
import socket
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Self

from amberlight.lab import clock

_FRAME = struct.Struct(">cI")


class GuestError(Exception):
    """The guest does not do it; the message says why."""


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a script in the guest ended."""

    code: int
    """Its exit code; 124 when its time was over."""
    stdout: bytes
    """Empty where it went into a stream of the caller's."""
    stderr: bytes


class Guest:
    """The guest of a running lab, from any process of the user who started it. One caller at a time is served."""

    def __init__(self, console: str, qmp: str, agent: str) -> None:
        self.console = Path(console)
        """A terminal, as a socket: `socat -,raw,echo=0 UNIX-CONNECT:…` is a shell of root."""
        self._qmp = Path(qmp)
        self._agent = Path(agent)

    @classmethod
    def load(cls, description: Mapping[str, Any]) -> Self:
        """The guest in what `RunningLab.describe` gave.

        Raises:
            GuestError: The lab was started without one.
        """
        found = description.get("guest")
        if not found:
            raise GuestError("This lab has no guest: start it with --guest.")
        return cls(found["console"], found["qmp"], found["agent"])

    def run(
        self, script: str, *, timeout_s: float = 60.0, boot_s: float = 90.0, into: IO[bytes] | None = None
    ) -> Ended:
        """Run a shell script in the guest as root; what it writes to stdout goes to *into*, if given.

        Waits until the guest has booted, at most *boot_s*; the script itself is stopped after *timeout_s*.
        """
        token, text = secrets.token_hex(16), base64.b64encode(script.encode()).decode()
        # Whoever went away in the middle of a line left an open one.
        asked = "\n" + json.dumps({"token": token, "script": text, "timeout_s": timeout_s}) + "\n"
        held, problems, code = io.BytesIO(), io.BytesIO(), 0
        with connected(self._agent, boot_s) as link, link.makefile("rwb") as stream:
            link.settimeout(boot_s)
            stream.write(asked.encode())
            stream.flush()
            _skip_to(token.encode(), stream)
            link.settimeout(timeout_s + 30)
            for kind, data in _frames(stream):
                if kind == b"x":
                    (code,) = struct.unpack(">i", data)
                    break
                (problems if kind == b"e" else into or held).write(data)
        return Ended(code, held.getvalue(), problems.getvalue())

    def dump_memory(self, path: Path, *, timeout_s: float = 60.0) -> None:
        """Write the whole physical memory to *path* as an ELF core, from outside: the guest stands still meanwhile.

        Raises:
            GuestError: QEMU refused.
        """
        asked = {"paging": False, "protocol": f"file:{path.absolute()}"}
        with self.monitor(timeout_s) as execute:
            execute("dump-guest-memory", **asked)

    @contextlib.contextmanager
    def monitor(self, timeout_s: float = 60.0) -> Iterator[Callable[..., Any]]:
        """QEMU's own control: `execute(command, **arguments)` within the block."""
        with connected(self._qmp, timeout_s) as link, link.makefile("rwb") as stream:
            link.settimeout(timeout_s)

            def execute(command: str, **arguments: Any) -> Any:
                stream.write(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
                stream.flush()
                # Between question and answer come events, which tell nothing that was asked.
                for line in stream:
                    answer = json.loads(line)
                    if "error" in answer:
                        raise GuestError(f"QEMU refuses {command}: {answer['error'].get('desc')}")
                    if "return" in answer:
                        return answer["return"]
                raise GuestError(f"QEMU ended during {command}.")

            stream.readline()
            execute("qmp_capabilities")
            yield execute


def connected(path: Path, timeout_s: float) -> socket.socket:
    """A connection to a socket that may not be there yet, and whose path may be longer than a socket's name can be.

    Raises:
        GuestError: Nobody listens there in time.
    """
    end = time.monotonic() + timeout_s
    while True:
        link = socket.socket(socket.AF_UNIX)
        try:
            directory = os.open(path.parent, os.O_PATH)
            try:
                link.connect(f"/proc/self/fd/{directory}/{path.name}")
            finally:
                os.close(directory)
        except OSError as error:
            link.close()
            if time.monotonic() > end:
                raise GuestError(f"The guest is not there: {path}: {error}") from error
            clock.wait(0.05)
        else:
            return link


def _skip_to(token: bytes, stream: io.BufferedIOBase) -> None:
    """Past what the agent still had to say to somebody who went away."""
    seen = b""
    while not seen.endswith(token):
        more = stream.read(1)
        if not more:
            raise GuestError("The guest ended before it answered.")
        seen = (seen + more)[-len(token) :]


def _frames(stream: io.BufferedIOBase) -> Iterator[tuple[bytes, bytes]]:
    while True:
        head = stream.read(_FRAME.size)
        if len(head) < _FRAME.size:
            raise GuestError("The guest ended in the middle of a script.")
        kind, size = _FRAME.unpack(head)
        yield kind, stream.read(size)
