"""Starts the guest in the lab's process: QEMU with software emulation, no network, three sockets, and no life of its own.

References:
    QEMU's manual page qemu-system(1), version 7.2: `-accel tcg`, `-chardev socket`, `-qmp`, `-sandbox`.
"""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
from pathlib import Path
from typing import Any

from amberlight.lab.network import WITH_US

PROGRAM = "qemu-system-x86_64"
MEMORY_MIB = 192
SOCKETS = ("console", "qmp", "agent")
_KERNEL = "rdinit=/init console=ttyS0 quiet panic=-1"
"""A kernel that panics restarts, and QEMU then ends instead (`-no-reboot`): the lab says so."""


@dataclasses.dataclass(frozen=True)
class Machine:
    """The guest as the lab holds it."""

    process: subprocess.Popen[bytes]
    directory: Path

    def why_ended(self) -> str | None:
        """In words, once it has ended."""
        if self.process.poll() is None:
            return None
        said = (self.directory / "qemu.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return f"The guest ended (exit {self.process.returncode})" + (f": {said[-1]}" if said else ".")


def why_not() -> str | None:
    """Why this machine cannot run a guest, or None."""
    if shutil.which(PROGRAM) is None:
        return f"{PROGRAM} is not here; Debian has it in qemu-system-x86"
    return None


def place(workdir: Path) -> Path:
    """Where a lab's guest has its files."""
    return workdir / "guest"


def describe(workdir: Path, image: str) -> dict[str, Any]:
    """What `amberlight lab up --json` says of it; nothing where there is none."""
    if not image:
        return {}
    directory = place(workdir)
    return {"guest": {
        **{name: str(directory / f"{name}.sock") for name in SOCKETS}, "memory_mib": MEMORY_MIB, "image": image,
        "console_log": str(directory / "console.log"),
    }}  # fmt: skip


def start(workdir: Path, image: Path) -> Machine:
    """Start it; it boots while the lab goes on. To be called from a thread that lives as long as the lab.

    Raises:
        OSError: It cannot be started; the message says why.
    """
    reason = why_not()
    if reason:
        raise OSError(reason)
    directory = place(workdir)
    directory.mkdir(mode=0o700, parents=True)
    with (directory / "qemu.log").open("wb") as log:
        # Paths are relative, since the name of a socket may have 107 bytes only.
        process = subprocess.Popen(
            [*WITH_US, PROGRAM, *_arguments(image)], cwd=directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    return Machine(process, directory)


def _arguments(image: Path) -> list[str]:
    return [
        "-name", "guest", "-no-user-config", "-nodefaults", "-no-reboot", "-display", "none", "-nic", "none",
        "-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
        # Without la57=off the kernel has page tables of five levels, of which Volatility 3 2.28 lists nothing.
        "-machine", "pc,accel=tcg", "-cpu", "max,la57=off", "-smp", "1", "-m", str(MEMORY_MIB),
        "-kernel", str(image / "vmlinuz"), "-initrd", str(image / "initrd"), "-append", _KERNEL,
        "-chardev", "socket,id=console,path=console.sock,server=on,wait=off,logfile=console.log",
        "-serial", "chardev:console",
        "-chardev", "socket,id=agent,path=agent.sock,server=on,wait=off", "-device", "virtio-serial-pci",
        "-device", "virtserialport,chardev=agent,name=amberlight.agent",
        "-qmp", "unix:qmp.sock,server=on,wait=off",
    ]  # fmt: skip
