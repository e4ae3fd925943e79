"""Records packets for a short time into memory, and delivers them as one pcap file.

Arguments: `seconds`, `max_bytes`. Uses tcpdump where the host has it, else a raw socket. Left out is only what other
scripts of ours deliver to the store at the same time: local ports of a range that clients do not get by themselves, and
only to the store's addresses. Nothing is written to the disk.

References:
    https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL.html, packet(7) (PACKET_STATISTICS), pcap-savefile(5).
"""

import os
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import time
import urllib.parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from amberlight.capture.guest.common import OWN_PORTS, ROOT, arguments, at, did, grant, run, say, upload

SNAP_BYTES = 66000  # more than the largest IP packet; the ring has room for one so large in every place
SOL_PACKET, PACKET_STATISTICS, ALL_PROTOCOLS = 263, 6, 0x0003  # From: linux/socket.h, if_packet.h, if_ether.h
LINKTYPE_LINUX_SLL = 113
SO_RCVBUFFORCE = 33  # From: asm-generic/socket.h
IPV4, TCP_HEADER = 4, 20  # From: RFC 791, RFC 9293 (the shortest header, ports in front)
ROOM_BYTES = 8 << 20
RING_KIB = 4096


def own_addresses() -> "list[str]":
    """Where several hosts share one machine: the addresses by which this one is known; else none."""
    if not ROOT:
        return []
    with open(at("/etc/hosts")) as hosts:
        words = [line.split()[0] for line in hosts if line.strip() and not line.startswith("#")]
    return [word for word in words if word not in ("127.0.0.1", "::1")]


def store_addresses() -> "list[str]":
    """Where deliveries go, as numbers; empty where it cannot be told: then nothing is left out."""
    host = urllib.parse.urlsplit(grant.get("url", "")).hostname
    try:
        found = socket.getaddrinfo(host, None, socket.AF_INET) if host else []
    except OSError:
        return []
    return sorted({str(entry[4][0]) for entry in found})


def wanted(only: "list[str]", store: "list[str]") -> str:
    """The filter in tcpdump's words."""
    parts = []
    if only:
        parts.append("(" + " or ".join("host " + address for address in only) + ")")
    if store:
        hosts = " or ".join("host " + address for address in store)
        parts.append("not (tcp portrange {}-{} and ({}))".format(*OWN_PORTS, hosts))
    return " and ".join(parts)


def ours(packet: bytes, store: "list[bytes]") -> bool:
    """Whether an IPv4 packet belongs to a delivery of ours."""
    start = (packet[0] & 15) * 4 if packet else 0
    if len(packet) < start + TCP_HEADER or packet[0] >> 4 != IPV4 or packet[9] != socket.IPPROTO_TCP:
        return False
    ports = struct.unpack_from(">HH", packet, start)
    ends = ((ports[0], packet[16:20]), (ports[1], packet[12:16]))
    return any(OWN_PORTS[0] <= port <= OWN_PORTS[1] and other in store for port, other in ends)


def tcpdump(program: str, words: str, seconds: float, limit: int) -> bytes:
    """Packets through tcpdump, read from a pipe until time or bytes are used up."""
    # Immediate mode: else up to a second of packets stays behind in the kernel's ring when the recording ends.
    command = [program, "--immediate-mode", "-i", "any", "-n", "-U", "-s", str(SNAP_BYTES), "-w", "-"]
    command += ["-B", str(RING_KIB)]
    command += ["-Z", "root"] if os.getuid() == 0 else []
    command += [words] if words else []
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    held, end = bytearray(), time.monotonic() + seconds
    stream, ended = process.stdout.fileno(), False  # type: ignore[union-attr]
    while len(held) < limit and wait_for(stream, end):
        data = os.read(stream, 1 << 16)
        if not data:
            ended = True
            break
        held += data
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    rest, said = process.communicate(timeout=20)
    text = said.decode("utf-8", "replace")
    if ended or not (held or rest):
        # It ended by itself, perhaps after the file's head: that is no recording of a quiet line.
        raise OSError("tcpdump: " + text.strip()[-300:])
    say(tool="tcpdump", **counted(text))
    return bytes(held + rest)


def wait_for(stream: "Any", end: float) -> bool:
    """Whether there is something to read before the end."""
    left = end - time.monotonic()
    return left > 0 and bool(select.select([stream], [], [], left)[0])


def counted(text: str) -> "dict[str, Any]":
    """What tcpdump says at its end: captured, received by the filter, dropped by the kernel."""
    names = {"captured": r"captured", "received": r"received by filter", "kernel_dropped": r"dropped by kernel"}
    found = {}  # type: dict[str, Any]
    for name, words in names.items():
        match = re.search(r"(\d+) packets? " + words, text)
        found[name] = int(match.group(1)) if match else None
    return found


def raw_socket(only: "list[str]", store: "list[str]", seconds: float, limit: int) -> bytes:
    """Packets through a raw socket, written as pcap by ourselves."""
    listener = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ALL_PROTOCOLS))
    try:
        make_room(listener)
        mine, theirs = [socket.inet_aton(each) for each in only], [socket.inet_aton(each) for each in store]
        held = bytearray(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, SNAP_BYTES, LINKTYPE_LINUX_SLL))
        count, end = 0, time.monotonic() + seconds
        while len(held) < limit and wait_for(listener, end):
            data, sender = listener.recvfrom(SNAP_BYTES)
            if ours(data, theirs) or (mine and not any(each in (data[12:16], data[16:20]) for each in mine)):
                continue
            held += record(data, sender)
            count += 1
        dropped = struct.unpack("II", listener.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))[1]
    finally:
        listener.close()
    say(tool="raw socket", captured=count, received=count + dropped, kernel_dropped=dropped)
    return bytes(held)


def make_room(listener: "socket.socket") -> None:
    """A large receive buffer, beyond the system's limit where we may: what does not fit is dropped by the kernel."""
    try:
        listener.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, ROOM_BYTES)
    except PermissionError:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM_BYTES)


def record(data: bytes, sender: "tuple[Any, ...]") -> bytes:
    """One packet as a pcap record with a Linux cooked header."""
    _, protocol, kind, hardware, address = sender[:5]
    cooked = struct.pack(">HHH8sH", kind, hardware, len(address), address[:8], protocol) + data
    now = time.time()  # noqa: TID251 - the host's own clock, as tcpdump does
    return struct.pack("<IIII", int(now), int(now % 1 * 1000000), len(cooked), len(cooked)) + cooked


def take() -> "dict[str, Any]":
    """Record, then deliver."""
    seconds, limit = float(arguments.get("seconds", 5)), int(arguments.get("max_bytes", 16 << 20))
    only, store, problem = own_addresses(), store_addresses(), ""
    words, program = wanted(only, store), shutil.which("tcpdump", path="/usr/sbin:/usr/bin:/sbin:/bin")
    begin, data = time.monotonic(), b""
    if program:
        try:
            data = tcpdump(program, words, seconds, limit)
        except (OSError, subprocess.SubprocessError) as error:
            problem = str(error)
    if not data:
        data = raw_socket(only, store, seconds, limit)
    say(
        seconds=round(time.monotonic() - begin, 2),
        full=len(data) >= limit,
        filter=words or "none",
        tcpdump_problem=problem,
    )
    did("a raw socket was open on every interface for the time of the recording; nothing was written to the disk")
    return upload([data], len(data))


run(take)
