"""With whom does the instance exchange packets right now, and what is in them?

The host records every interface for five seconds, at most 16 MiB, whole packets: with tcpdump where it has one, else
through a raw socket. The packets stay in memory and go to the vault when the recording is over; nothing is written to the
host's disk. Left out is only what our other scripts deliver to the store meanwhile (their local ports and the store's
addresses are in the facts, as the filter): a memory image would push everything else out. The result is `packets.pcap`.

The facts say how many packets the kernel dropped for want of room (a recording with drops is not complete), whether the
limit of bytes ended it, and which tool made it. Without the right to open a raw socket there is a gap.

What stays behind on the host is the agent's record of two commands. While it lasts, root can see the tool and the open
socket; other hosts of the network notice nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from amberlight.capture.catalogue import guest
from amberlight.capture.slots import HOST_CALLS, HOST_LEAVES, MANAGED
from amberlight.model.evidence import Artifact, Context, Cost, Delivered, Missing, Need, Source

PATH = "packets.pcap"
SECONDS = 5
TIMEOUT = timedelta(minutes=3)
LIMITS = {"seconds": SECONDS, "max_bytes": 16 << 20, "media_type": "application/vnd.tcpdump.pcap"}


def capture(context: Context) -> Iterator[Artifact]:
    """Have the host record and deliver."""
    slot = context.slot(PATH)
    report = slot.run(guest("packets"), dict(LIMITS), timeout=TIMEOUT)
    facts = {**report["facts"], "changed": report["changed"]}
    yield Delivered(
        path=PATH,
        key=slot.key,
        sha256=report["sha256"],
        size_bytes=report["size_bytes"],
        media_type="application/vnd.tcpdump.pcap",
        facts=facts,
    )
    if facts.get("kernel_dropped"):
        reason = f"The kernel dropped {facts['kernel_dropped']} packets for want of room."
        yield Missing(what=f"{PATH} (dropped packets)", state="failed", reason=reason)
    if facts.get("captured") == 0:
        yield Missing(
            what=PATH, state="empty", reason=f"No packet was seen in {facts.get('seconds', SECONDS)} seconds."
        )


SOURCE = Source(
    id="packets.tcpdump",
    title="Packets of a Linux instance, for seconds",
    takes=("instance",),
    capture=capture,
    calls=HOST_CALLS,
    seen=3,
    seen_text="two SSM commands in the account's trail; root on the host can see a recording tool for some seconds",
    gone_after=timedelta(0),
    reaches_back=timedelta(0),
    cost=Cost(usd=0.0004, basis="16 MiB stored for a month at USD 0.023 per GiB (us-east-1, 2026-11)"),
    needs=(
        MANAGED,
        Need(text="The agent may open raw sockets (CAP_NET_RAW).", fix="Use VPC Traffic Mirroring instead."),
    ),
    yields=("application/vnd.tcpdump.pcap",),
    leaves=HOST_LEAVES,
    references=(
        "https://www.tcpdump.org/manpages/tcpdump.1.html",
        "https://man7.org/linux/man-pages/man7/packet.7.html",
        "https://www.tcpdump.org/linktypes.html",
    ),
    lasts=timedelta(seconds=SECONDS + 5),
)
