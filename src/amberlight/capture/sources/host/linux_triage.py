"""What runs on this Linux instance, who started it, what does it talk to, and how would it come back after a restart?

One script describes the host and copies the small files that tell its story into one tar, `triage.tar`. Files lie under
their real paths, links as links, with the folders below the root, so that forensic tools open the tar as a Linux
target: users, groups, sudoers, SSH keys, cron, systemd units, shell histories, log-in records, user data.
`triage/*.jsonl` hold what is no file: processes with program hash, command line and environment; TCP, UDP and Unix
sockets with the processes that own them; open files; a listing with hashes of everything below `/tmp`, `/var/tmp` and
`/dev/shm`, from where small programs and scripts are copied. Kernel, uptime, mounts and modules are under
`triage/proc/`.

No program of the host is run but its Python: an intruder may have replaced `ps`. Files above 4 MiB are left out and
counted; the disk source has them. Environments and histories may hold passwords: they are evidence and are kept.

The facts say by how much the host's clock is off and what the script changed. Files are opened without touching their
time of last access where the system allows it; what stays behind is the agent's record of two commands.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from amberlight.capture.catalogue import guest
from amberlight.capture.slots import HAS_PYTHON, HOST_CALLS, HOST_LEAVES, MANAGED
from amberlight.model.evidence import Artifact, Context, Cost, Delivered, Missing, Source

PATH = "triage.tar"
TIMEOUT = timedelta(minutes=5)


def capture(context: Context) -> Iterator[Artifact]:
    """Have the host describe itself and deliver."""
    slot = context.slot(PATH)
    report = slot.run(guest("linux_triage"), {"media_type": "application/x-tar"}, timeout=TIMEOUT)
    facts = {**report["facts"], "changed": report["changed"]}
    yield Delivered(
        path=PATH,
        key=slot.key,
        sha256=report["sha256"],
        size_bytes=report["size_bytes"],
        media_type="application/x-tar",
        facts=facts,
    )
    if facts.get("processes") == 0:
        yield Missing(what=f"{PATH} (processes)", state="empty", reason="The host showed no process to the script.")


SOURCE = Source(
    id="host.linux_triage",
    title="A running Linux host, described from within",
    takes=("instance",),
    capture=capture,
    calls=HOST_CALLS,
    seen=3,
    seen_text="two SSM commands in the account's trail; root on the host can see a Python process for some seconds",
    gone_after=timedelta(minutes=1),
    reaches_back=timedelta(0),
    cost=Cost(usd=0.001, basis="some MiB stored for a month at USD 0.023 per GiB (us-east-1, 2026-11)"),
    needs=(
        MANAGED,
        HAS_PYTHON,
    ),
    yields=("application/x-tar",),
    leaves=HOST_LEAVES,
    references=(
        "https://man7.org/linux/man-pages/man5/proc.5.html",
        "https://man7.org/linux/man-pages/man2/open.2.html",
        "https://docs.dissect.tools/en/latest/",
    ),
    lasts=timedelta(seconds=10),
)
