"""Reads the physical memory of this machine while it runs, through /proc/kcore, and delivers one LiME file.

Arguments: `max_bytes` (of memory; what lies above is left out, and counted). No module is loaded and nothing is stopped:
a page is read at the moment when it is reached, so the file is not one instant (smear). It ends exactly with the last
range: readers take what follows for a header. Beside it belongs what `kernel_symbols` takes.

References:
    proc(5) for kcore and iomem; fs/proc/kcore.c of Linux (physical addresses of its segments: since 4.11).
    https://github.com/504ensicsLabs/LiME, doc/README.md: header of a range (magic, version, first and last byte, reserved).
"""

# ruff: noqa: PLR2004, UP031 - numbers of /proc and of file formats; old Pythons want the percent sign

import os
import re
import struct
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from amberlight.capture.guest.common import arguments, at, did, run, say, upload

PAGE = 4096
CHUNK = 1 << 20
KCORE, IOMEM = "/proc/kcore", "/proc/iomem"
LIME = struct.Struct("<IIQQ8x")
LIME_MAGIC = 0x4C694D45
PT_LOAD = 1
NOWHERE = (1 << 64) - 1  # From: fs/proc/kcore.c, the physical address of what has none
MOST_SEGMENTS = 4096


def small(path: str) -> str:
    """The text of a small file of /proc, empty where there is none."""
    try:
        with open(at(path), errors="replace") as stream:
            return stream.read(1 << 20)
    except OSError:
        return ""


def opened_kcore() -> int:
    """A handle of the machine's memory; OSError with the reason where it may not be read."""
    try:
        return os.open(at(KCORE), os.O_RDONLY)
    except FileNotFoundError:
        raise OSError("there is no %s: the kernel has none, or this is a container" % KCORE) from None
    except PermissionError as problem:
        mode = small("/sys/kernel/security/lockdown").strip()
        raise OSError("%s: %s%s" % (KCORE, problem.strerror, mode and "; lockdown: " + mode)) from None


def segments(kcore: int) -> "list[tuple[int, int, int]]":
    """What of the file is physical memory: first address, address after it, and where in the file."""
    head = os.pread(kcore, 64, 0)
    if len(head) < 64 or head[:6] != b"\x7fELF\x02\x01":
        raise OSError("%s is not what it is on 64-bit Linux" % KCORE)
    start, size, count = struct.unpack_from("<Q", head, 32) + struct.unpack_from("<HH", head, 54)
    if size != 56 or count > MOST_SEGMENTS:
        raise OSError("%s has %d segments of %d bytes" % (KCORE, count, size))
    table, found = os.pread(kcore, size * count, start), []
    for place in range(0, len(table) - size + 1, size):
        kind, _, offset, _, physical, length = struct.unpack_from("<IIQQQQ", table, place)
        if kind == PT_LOAD and physical != NOWHERE:
            found.append((physical, physical + length, offset))
    # Kernels before 4.11 call the physical address of every segment zero.
    return sorted(found) if len([one for one in found if one[0] == 0]) < 2 else []


def ram() -> "list[tuple[int, int]]":
    """The ranges of memory in whole pages: first address, address after it."""
    found = []
    for first, last in re.findall(r"^([0-9a-f]+)-([0-9a-f]+) : System RAM$", small(IOMEM), re.MULTILINE):
        start, end = (int(first, 16) + PAGE - 1) // PAGE * PAGE, (int(last, 16) + 1) // PAGE * PAGE
        if start < end:
            found.append((start, end))
    if not found:
        raise OSError("%s does not say where memory is; to who is not root it shows zeros" % IOMEM)
    return sorted(found)


def pieces(ranges: "list[tuple[int, int]]", mapped: "list[tuple[int, int, int]]") -> "list[tuple[int, int, int]]":
    """The parts of the ranges that can be read: first address, address after it, and where in the file."""
    found = []
    for start, end in ranges:
        place = start
        while place < end:
            covering = [one for one in mapped if one[0] <= place < one[1]]
            if covering:
                first, after, offset = max(covering, key=lambda one: one[1])
                stop = min(after, end)
                found.append((place, stop, offset + place - first))
            else:
                stop = min([one[0] for one in mapped if place < one[0] < end] or [end])
            place = stop
    return found


def cut(parts: "list[tuple[int, int, int]]", most: int) -> "list[tuple[int, int, int]]":
    """The first parts, whole pages, up to so many bytes."""
    found = []
    for start, end, offset in parts:
        size = min(end - start, most // PAGE * PAGE)
        if size:
            found.append((start, start + size, offset))
        most -= size
    return found


def memory(kcore: int, start: int, size: int, lost: "list[int]") -> bytes:
    """So many bytes from there; zeros, and counted, where a page cannot be read."""
    try:
        data = os.pread(kcore, size, start)
    except OSError:
        data = b""
    if len(data) == size:
        return data
    if size <= PAGE:
        lost[0] += size
        return bytes(size)
    return b"".join(
        memory(kcore, place, min(PAGE, start + size - place), lost) for place in range(start, start + size, PAGE)
    )


def lime(kcore: int, parts: "list[tuple[int, int, int]]", lost: "list[int]") -> "Iterator[bytes]":
    """The file: for each part a header and its bytes."""
    for start, end, offset in parts:
        yield LIME.pack(LIME_MAGIC, 1, start, end - 1)
        for done in range(0, end - start, CHUNK):
            yield memory(kcore, offset + done, min(CHUNK, end - start - done), lost)


def total(parts: "list[Any]") -> int:
    """The bytes of all parts."""
    return sum(part[1] - part[0] for part in parts)


def take() -> "dict[str, Any]":
    """Find what is memory, read it, deliver it."""
    begin, lost = time.monotonic(), [0]
    kcore = opened_kcore()
    try:
        ranges = ram()
        whole = pieces(ranges, segments(kcore))
        if not whole:
            raise OSError("%s does not say at which physical addresses its segments lie" % KCORE)
        parts = cut(whole, int(arguments.get("max_bytes", 1 << 40)))
        done = upload(lime(kcore, parts, lost), total(parts) + LIME.size * len(parts))
    finally:
        os.close(kcore)
    did("a process of our own ran (pid %d); no module was loaded and no file was written" % os.getpid())
    say(
        kernel=small("/proc/version").strip()[:500],
        ranges=[[part[0], part[1] - 1] for part in parts][:200],
        memory_bytes=total(parts),
        unreadable_bytes=lost[0],
        not_mapped_bytes=total(ranges) - total(whole),
        left_out_bytes=total(whole) - total(parts),
        seconds=round(time.monotonic() - begin, 3),
        smear="pages were read while the machine ran: the file is not one instant",
    )
    return done


run(take)
