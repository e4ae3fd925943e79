"""What do the suspicious processes of a Linux instance hold in memory: keys, addresses, code that is on no disk?

A script reads the memory of processes through `/proc/PID/mem` while they run. Taken are those whose program was deleted,
exists in memory only or lies where anybody may write, those that interpret a script from such a place, and those that
are connected over the network; the most suspicious first, at most eight and one GiB in all. No process is stopped: the
pages of a core are read one after the other, so it is not one instant (smear).

The result is one tar, `process-memory.tar`: for each process `PID/core` (ELF core with every readable mapping and notes
about process and mapped files; no registers), its maps, command line, environment and status, and its program or script
where those may vanish. Pages that cannot be read are zeros, and counted. `processes.json` says for each process why it
was chosen, its hash, what was unreadable and what was left out for want of room.

The host itself puts the tar into the vault, with a credential for this one object. What stays behind on the host is the
agent's record of two commands; nothing is installed and no file is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from amberlight.capture.catalogue import guest
from amberlight.capture.slots import HAS_PYTHON, HOST_CALLS, HOST_LEAVES, MANAGED
from amberlight.model.evidence import Artifact, Context, Cost, Delivered, GapState, Missing, Source

PATH = "process-memory.tar"
TIMEOUT = timedelta(minutes=10)  # below the 15 minutes that the host's credential lives
LIMITS = {"max_processes": 8, "max_bytes": 1 << 30, "media_type": "application/x-tar"}


def capture(context: Context) -> Iterator[Artifact]:
    """Have the host deliver the memory of its suspicious processes."""
    slot = context.slot(PATH)
    report = slot.run(guest("linux_process_memory"), dict(LIMITS), timeout=TIMEOUT)
    facts = {**report["facts"], "changed": report["changed"]}
    yield Delivered(
        path=PATH,
        key=slot.key,
        sha256=report["sha256"],
        size_bytes=report["size_bytes"],
        media_type="application/x-tar",
        facts=facts,
    )
    rows = facts.get("processes")  # absent where the report was too long or is that of an earlier attempt
    if rows == []:
        yield Missing(what=PATH, state="empty", reason="No process of the host looked suspicious or was connected.")
    # A host may be the intruder's: whatever form its report has, it cannot end the capture.
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict) and row.get("error"):
            state: GapState = "gone" if row.get("ended") is True else "not-possible"
            yield Missing(what=f"memory of process {row.get('pid')}", state=state, reason=str(row["error"]))


SOURCE = Source(
    id="memory.linux_process",
    title="Memory of suspicious Linux processes",
    takes=("instance",),
    capture=capture,
    calls=HOST_CALLS,
    seen=3,
    seen_text="two SSM commands in the account's trail; root on the host can see a Python process for some seconds",
    gone_after=timedelta(0),
    reaches_back=timedelta(0),
    cost=Cost(usd=0.03, basis="1 GiB stored for a month at USD 0.023, upload free of charge (us-east-1, 2026-11)"),
    needs=(
        MANAGED,
        HAS_PYTHON,
    ),
    yields=("application/x-tar",),
    leaves=HOST_LEAVES,
    references=(
        "https://man7.org/linux/man-pages/man5/proc_pid_mem.5.html",
        "https://man7.org/linux/man-pages/man5/elf.5.html",
        "https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_SendCommand.html",
        "RFC 3227 section 2.1 (order of volatility)",
    ),
    lasts=timedelta(seconds=20),
)
