"""The consoles of hosts: what was said while they came up and went down, and what their processes wrote to `/dev/console`."""

from __future__ import annotations

import os
import threading

from amberlight.lab import clock
from amberlight.lab.hosts import Host
from amberlight.lab.rootfs import console_of

MOST = 65_536
"""How much is kept, in bytes. From: GetConsoleOutput, EC2 API Reference, 2026-11."""


class Consoles:
    """One console for each host, also of a stopped one."""

    def __init__(self) -> None:
        self._text: dict[str, bytearray] = {}
        self._at: dict[str, float] = {}
        self._lock = threading.Lock()

    def open(self, host: Host) -> None:
        """Lay the cable: a pipe outside of the host's files, which the host finds as `/dev/console`."""
        pipe = console_of(host.root)
        if not pipe.exists():
            os.mkfifo(pipe, 0o622)
            # Both ends: no process of the host waits for a reader, and the reader outlives them all.
            cable = os.open(pipe, os.O_RDWR | os.O_CLOEXEC)
            threading.Thread(target=self._listen, args=(host.instance_id, cable), daemon=True).start()

    def _listen(self, instance_id: str, cable: int) -> None:
        while True:
            self.write(instance_id, os.read(cable, 4096))

    def say(self, host: Host, text: str) -> None:
        """Write lines about a host."""
        self.write(host.instance_id, text.rstrip("\n").encode() + b"\n")

    def write(self, instance_id: str, data: bytes) -> None:
        """Add to a console; what is too old falls off."""
        with self._lock:
            text = self._text.setdefault(instance_id, bytearray())
            text += data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
            del text[:-MOST]
            self._at[instance_id] = clock.now()

    def read(self, instance_id: str) -> tuple[bytes, float] | None:
        """What stands on the console, and when it was last written to."""
        with self._lock:
            found = self._text.get(instance_id)
            return (bytes(found), self._at[instance_id]) if found is not None else None
