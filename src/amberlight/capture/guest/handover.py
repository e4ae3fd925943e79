"""First of two commands on a host: makes a key pair that lives in memory, and prints the public half.

The private half waits for the second command in a file of mode 0600 on a memory file system, and is removed by it. An
older one of the same name, left by an attempt that was broken off, is replaced.
"""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from amberlight.capture.guest.common import PRIME, arguments, at, run

PLACES = ("/dev/shm", "/run", "/tmp")


def in_memory(place: str) -> bool:
    """Whether the folder lies on a file system that is never written to a disk."""
    best, kind = "", ""
    with open("/proc/self/mounts") as mounts:
        for line in mounts:
            fields = line.split()
            point = fields[1].replace("\\040", " ")
            inside = place == point or place.startswith(point.rstrip("/") + "/")
            if inside and len(point) >= len(best):
                best, kind = point, fields[2]
    return kind in ("tmpfs", "ramfs")


def hand_over() -> "dict[str, Any]":
    """Make the pair; the report holds the public half and where the private half lies."""
    usable = [place for place in PLACES if os.path.isdir(at(place)) and os.access(at(place), os.W_OK)]
    usable.sort(key=lambda place: not in_memory(at(place)))
    path = "{}/.{}".format(usable[0], arguments["name"])
    if os.path.lexists(at(path)):
        os.unlink(at(path))
    number = int.from_bytes(os.urandom(64), "big")
    handle = os.open(at(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w") as kept:
        kept.write(f"{number:x}")
    return {"public": f"{pow(2, number, PRIME):x}", "private": path, "in_memory": in_memory(at(usable[0]))}


run(hand_over)
