"""The few kernel calls that the lab needs and that Python 3.11 does not have.

`setns` moves only the calling *thread*; a socket stays for life in the network namespace in which it was made. Both
facts together let one process listen and call from several networks at once.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

CLONE_NEWNET = 0x40000000
TOOLS = ("ip", "unshare", "nsenter", "setpriv", "mount", "umount", "pivot_root")
"""iproute2 and util-linux; `pivot_root` and `ip` live in sbin, which a normal user's PATH may lack."""

T = TypeVar("T")
_libc = ctypes.CDLL(None, use_errno=True)


def with_sbin(path: str | None = None) -> str:
    """A PATH that also finds the administrator's tools."""
    return (path or os.environ.get("PATH") or os.defpath) + ":/usr/local/sbin:/usr/sbin:/sbin"


def missing_tools() -> list[str]:
    """The tools that real hosts need and that this machine lacks."""
    return [tool for tool in TOOLS if shutil.which(tool, path=with_sbin()) is None]


def setns(fd: int, kind: int) -> None:
    """Move the calling thread into the namespace behind *fd*."""
    if _libc.setns(fd, kind) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"setns: {os.strerror(number)}")


def at_network_of(pid: int, action: Callable[[], T]) -> T:
    """Run *action* with the network of process *pid*.

    In a thread of its own that ends there: from a user namespace there is no way back into the machine's network.
    """
    outcome: list[T] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            enter_network_of(pid)
            outcome.append(action())
        except BaseException as error:  # noqa: BLE001 (handed to the caller below)
            failure.append(error)

    thread = threading.Thread(target=run, name=f"network-of-{pid}", daemon=True)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return outcome[0]


def enter_network_of(pid: int) -> None:
    """Give the calling thread the network of process *pid*, for good."""
    target = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        setns(target, CLONE_NEWNET)
    finally:
        os.close(target)


def user_namespace_prefix() -> list[str]:
    """Argv that gives a normal user the powers of root over namespaces of its own; empty for root."""
    return [] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user"]


def why_no_namespaces() -> str | None:
    """Why hosts cannot have namespaces on this machine, or None when they can."""
    missing = missing_tools()
    if missing:
        return f"{', '.join(missing)} not installed"
    probe = [
        *user_namespace_prefix(), "unshare", "--net", "--pid", "--mount", "--fork", "--kill-child", "--mount-proc",
        "sh", "-c", "ip link set lo up && ip link add probe0 type veth peer name probe1 && mount -t tmpfs probe /mnt",
    ]  # fmt: skip
    done = subprocess.run(probe, capture_output=True, text=True, timeout=10, check=False, env={"PATH": with_sbin()})
    if done.returncode == 0:
        return None
    return "the kernel refused: " + (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]


def only_child(pid: int) -> int | None:
    """The one child of process *pid*, or None while there is none."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return int(text[0]) if text else None
