"""Reads the memory of chosen processes while they run, and delivers one tar of ELF cores.

Arguments: `pids` (else chosen by what is unusual about them), `max_processes`, `max_bytes` (of memory, in all).
No process is stopped: a page is read at the moment when it is reached, so a core is not one instant (smear).

References:
    proc(5) for maps, mem, stat, net/tcp; elf(5); System V ABI, chapter 4 and 5 (ET_CORE, PT_LOAD, PT_NOTE).
"""

# ruff: noqa: PLR2004, UP031 - numbers of /proc and of file formats; bytes and old Pythons want the percent sign

import hashlib
import json
import os
import re
import struct
import tarfile
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from amberlight.capture.guest.common import ROOT, arguments, did, run, say, upload

PAGE = 4096
CHUNK = 1 << 20
COPY_BYTES = 32 << 20
TEMPORARY = ("/tmp/", "/var/tmp/", "/dev/shm/")
INTERPRETERS = re.compile(r"^(python|perl|ruby|node|php|lua|bash|sh|dash|zsh|ksh|java)[0-9.]*$")
UNREADABLE = ("[vvar]", "[vvar_vclock]", "[vsyscall]")
MACHINES = {"x86_64": 62, "aarch64": 183, "armv7l": 40, "i686": 3, "riscv64": 243, "s390x": 22, "ppc64le": 21}
STATES = {"01": "connected", "02": "connecting"}  # From: include/net/tcp_states.h


def content(pid: int, name: str, limit: int = 1 << 20) -> bytes:
    """A file of /proc/PID, empty where it cannot be read."""
    try:
        with open("/proc/%d/%s" % (pid, name), "rb") as stream:
            return stream.read(limit)
    except OSError:
        return b""


def target(pid: int, name: str) -> str:
    """Where a link of /proc/PID leads, empty where it cannot be read."""
    try:
        return os.readlink("/proc/%d/%s" % (pid, name))
    except OSError:
        return ""


def parent(pid: int) -> int:
    """The parent's pid, 0 where there is none."""
    fields = content(pid, "stat").rpartition(b")")[2].split()
    return int(fields[1]) if len(fields) > 1 else 0


def ours() -> "set[int]":
    """This process and those that started it: what runs us is not looked at."""
    chain, pid = set(), os.getpid()
    while pid > 1 and pid not in chain:
        chain.add(pid)
        pid = parent(pid)
    return chain


def processes() -> "list[int]":
    """The processes of this host that have memory of their own; where a root is set, those that live below it."""
    own, found = ours(), []
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) in own or not content(int(name), "maps", 1):
            continue
        if not ROOT or (target(int(name), "cwd") + "/").startswith(ROOT + "/"):
            found.append(int(name))
    return sorted(found)


def endpoint(text: str) -> str:
    """An address of /proc/net as people write it."""
    address, port = text.split(":")
    raw = bytes.fromhex(address)
    words = [raw[i : i + 4][::-1] for i in range(0, len(raw), 4)]
    whole = b"".join(words)
    if len(whole) == 16 and whole[:12] == bytes(10) + b"\xff\xff":
        whole = whole[12:]
    plain = ".".join(str(byte) for byte in whole) if len(whole) == 4 else "[%s]" % whole.hex()
    return "%s:%d" % (plain, int(port, 16))


def connections(pid: int) -> "dict[str, str]":
    """Sockets that the network namespace of a process knows and that lead somewhere: inode and description."""
    found = {}
    for name in ("tcp", "tcp6", "udp", "udp6"):
        for line in content(pid, "net/" + name, 8 << 20).decode("ascii", "replace").splitlines()[1:]:
            fields = line.split()
            if len(fields) > 9 and fields[3] in STATES:
                found[fields[9]] = "%s %s to %s" % (name, STATES[fields[3]], endpoint(fields[2]))
    return found


def talks(pid: int, known: "dict[str, dict[str, str]]") -> "list[str]":
    """Where the process's own sockets lead."""
    space = target(pid, "ns/net")
    if space not in known:
        known[space] = connections(pid)
    found = []
    try:
        handles = os.listdir("/proc/%d/fd" % pid)
    except OSError:
        return []
    for handle in handles:
        inode = target(pid, "fd/" + handle)[len("socket:[") : -1]
        if inode in known[space]:
            found.append(known[space][inode])
    return sorted(set(found))


def temporary(path: str) -> bool:
    """Whether a path lies where anybody may write."""
    inside = path[len(ROOT) :] if ROOT and path.startswith(ROOT) else path
    return inside.startswith(TEMPORARY)


def words(pid: int) -> "list[str]":
    """The command line."""
    return [part.decode("utf-8", "backslashreplace") for part in content(pid, "cmdline").rstrip(b"\0").split(b"\0")]


def script_of(pid: int) -> str:
    """The script that an interpreter runs, as a path on this host; empty where there is none."""
    if not INTERPRETERS.match(os.path.basename(target(pid, "exe").split(" (deleted)")[0])):
        return ""
    for word in words(pid)[1:]:
        if not word.startswith("-"):
            return os.path.normpath(os.path.join(target(pid, "cwd"), word)) if len(word) < 4096 else ""
    return ""


def reasons(pid: int, known: "dict[str, dict[str, str]]") -> "list[tuple[int, str]]":
    """What is unusual about a process: weight and words."""
    exe, script, found = target(pid, "exe"), script_of(pid), []
    if exe.startswith("/memfd:"):
        found.append((20, "its program exists in memory only"))
    elif exe.endswith(" (deleted)"):
        found.append((10, "its program was deleted"))
    if temporary(exe):
        found.append((10, "its program lies where anybody may write"))
    if temporary(script) or script.startswith(("/proc/", "/dev/fd/")):
        found.append((10, "it runs a script from where anybody may write: " + script[:200]))
    found.extend((1, text) for text in talks(pid, known)[:20])
    return found


def chosen() -> "list[tuple[int, list[str]]]":
    """The processes to read, most unusual first, each with the reasons."""
    known = {}  # type: dict[str, dict[str, str]]
    if arguments.get("pids"):
        return [(int(pid), ["named by the plan"]) for pid in arguments["pids"]]
    weighed = []
    everybody = processes()
    for pid in everybody:
        found = reasons(pid, known)
        if found:
            weighed.append((-sum(weight for weight, _ in found), pid, [text for _, text in found]))
    weighed.sort()
    most = int(arguments.get("max_processes", 8))
    say(considered=len(everybody), unusual=len(weighed), left_out=[pid for _, pid, _ in weighed[most:]][:50])
    return [(pid, why) for _, pid, why in weighed[:most]]


class Mapping:
    """One line of /proc/PID/maps, and how many of its bytes are taken."""

    def __init__(self, line: str) -> None:
        fields = line.split(None, 5)
        self.start, self.end = (int(number, 16) for number in fields[0].split("-"))
        self.rights, self.offset = fields[1], int(fields[2], 16)
        self.path = fields[5].strip() if len(fields) > 5 else ""
        self.taken = 0

    @property
    def size(self) -> int:
        """Bytes of address space."""
        return self.end - self.start

    @property
    def readable(self) -> bool:
        """Whether there is something to read."""
        return "r" in self.rights and self.path not in UNREADABLE

    @property
    def rank(self) -> "tuple[bool, int]":
        """What goes first where not everything can be taken: what no file on the disk holds, small before large."""
        return (self.path.startswith("/") and "w" not in self.rights, self.size)


def mappings(pid: int, budget: int) -> "list[Mapping]":
    """The address space in order, with the budget spent on what matters most."""
    lines = content(pid, "maps", 64 << 20).decode("utf-8", "backslashreplace").splitlines()
    found = [Mapping(line) for line in lines][:60000]
    for one in sorted((one for one in found if one.readable), key=lambda one: one.rank):
        one.taken = min(one.size, budget // PAGE * PAGE)
        budget -= one.taken
    return found


def note(kind: int, data: bytes) -> bytes:
    """One ELF note of the owner CORE."""
    return struct.pack("<III", 5, len(data), kind) + b"CORE\0\0\0\0" + data + bytes(-len(data) % 4)


def notes(pid: int, maps: "list[Mapping]") -> bytes:
    """Who the process is, its auxiliary vector, and which files are mapped where. Registers are not taken."""
    stat = content(pid, "stat").rpartition(b")")[2].split()
    name = content(pid, "comm").strip()[:15]
    command = content(pid, "cmdline").replace(b"\0", b" ")[:79]
    ids = [os.getuid(), os.getgid(), pid, parent(pid), 0, 0]
    status = content(pid, "status").decode("utf-8", "replace")
    for index, key in enumerate(("Uid", "Gid")):
        match = re.search(r"^%s:\s+(\d+)" % key, status, re.MULTILINE)
        if match:
            ids[index] = int(match.group(1))
    head = struct.pack("<bcbbxxxxQ", 0, stat[0] if stat else b"?", 0, 0, 0)
    who = head + struct.pack("<IIiiii16s80s", *ids, name, command)
    files = [one for one in maps if one.path.startswith("/")]
    table = struct.pack("<QQ", len(files), 1)
    table += b"".join(struct.pack("<QQQ", one.start, one.end, one.offset) for one in files)
    table += b"".join(one.path.encode("utf-8", "replace") + b"\0" for one in files)
    return note(3, who) + note(6, content(pid, "auxv")) + note(0x46494C45, table)  # NT_PRPSINFO, NT_AUXV, NT_FILE


def header(pid: int, maps: "list[Mapping]") -> bytes:
    """The core's head: ELF header, program headers, notes, up to the first page of memory."""
    text = notes(pid, maps)
    at_notes = 64 + 56 * (len(maps) + 1)
    start = (at_notes + len(text) + PAGE - 1) // PAGE * PAGE
    machine = MACHINES.get(os.uname().machine, 0)
    head = (
        b"\x7fELF\x02\x01\x01"
        + bytes(9)
        + struct.pack("<HHIQQQIHHHHHH", 4, machine, 1, 0, 64, 0, 0, 64, 56, len(maps) + 1, 0, 0, 0)
    )
    head += struct.pack("<IIQQQQQQ", 4, 0, at_notes, 0, 0, len(text), 0, 4)
    place = start
    for one in maps:
        flags = 4 * ("r" in one.rights) + 2 * ("w" in one.rights) + ("x" in one.rights)
        head += struct.pack("<IIQQQQQQ", 1, flags, place, one.start, 0, one.taken, one.size, PAGE)
        place += one.taken
    return (head + text).ljust(start, b"\0")


def pages(memory: int, start: int, size: int, lost: "list[int]") -> bytes:
    """Memory page by page: zeros, and counted, where a page cannot be read."""
    found = []
    for place in range(start, start + size, PAGE):
        try:
            data = os.pread(memory, PAGE, place)
        except OSError:
            data = b""
        lost[0] += PAGE - len(data)
        found.append(data.ljust(PAGE, b"\0"))
    return b"".join(found)


def memory_of(memory: int, maps: "list[Mapping]", lost: "list[int]") -> "Iterator[bytes]":
    """The taken bytes of all mappings, in order; `memory` is a handle of /proc/PID/mem."""
    for one in maps:
        for place in range(one.start, one.start + one.taken, CHUNK):
            size = min(CHUNK, one.start + one.taken - place)
            try:
                data = os.pread(memory, size, place)
            except OSError:
                data = b""
            yield data if len(data) == size else pages(memory, place, size, lost)


def member(name: str, size: int) -> bytes:
    """The tar header of one member."""
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = size, 0o400, int(time.time())  # noqa: TID251 - the host's own clock
    return info.tobuf(tarfile.GNU_FORMAT)


def whole(name: str, data: bytes) -> bytes:
    """A member that is in memory."""
    return member(name, len(data)) + data + bytes(-len(data) % 512)


def beside(pid: int, exe: str) -> "Iterator[bytes]":
    """What explains a core: map, command line, environment, status; and program and script where they may vanish."""
    for name in ("maps", "cmdline", "environ", "status", "stat"):
        yield whole("%d/%s" % (pid, name), content(pid, name, 16 << 20))
    if temporary(exe) or "(deleted)" in exe or exe.startswith("/memfd:"):
        yield whole("%d/exe" % pid, content(pid, "exe", COPY_BYTES))
    script = script_of(pid)
    if script and temporary(script) and os.path.isfile(script):
        with open(script, "rb") as stream:
            yield whole("%d/script" % pid, stream.read(COPY_BYTES))


def core(pid: int, memory: int, budget: int, row: "dict[str, Any]") -> "Iterator[bytes]":
    """One process as a tar member; `row` tells afterwards what was read and what was not."""
    maps, lost, begin = mappings(pid, budget), [0], time.monotonic()
    head, digest = header(pid, maps), hashlib.sha256()
    size = len(head) + sum(one.taken for one in maps)
    yield member("%d/core" % pid, size)
    digest.update(head)
    yield head
    for data in memory_of(memory, maps, lost):
        digest.update(data)
        yield data
    yield bytes(-size % 512)
    row.update(
        core_bytes=size,
        core_sha256=digest.hexdigest(),
        memory_bytes=size - len(head),
        unreadable_bytes=lost[0],
        left_out_bytes=sum(one.size - one.taken for one in maps if one.readable),
        mappings=len(maps),
        seconds=round(time.monotonic() - begin, 3),
    )


def archive(picked: "list[tuple[int, list[str]]]", rows: "list[dict[str, Any]]") -> "Iterator[bytes]":
    """The whole tar, process after process, the table last."""
    budget = int(arguments.get("max_bytes", 1 << 30))
    for pid, why in picked:
        exe, line = target(pid, "exe"), " ".join(words(pid))
        row = {"pid": pid, "ppid": parent(pid), "exe": exe[:300], "cmdline": line[:300], "why": why[:5]}  # type: dict[str, Any]
        rows.append(row)
        try:
            memory = os.open("/proc/%d/mem" % pid, os.O_RDONLY)
        except OSError as problem:  # it has ended, or is not ours to read
            row.update(error=str(problem), ended=isinstance(problem, (FileNotFoundError, ProcessLookupError)))
            continue
        try:
            yield from core(pid, memory, budget, row)
            yield from beside(pid, exe)
        finally:
            os.close(memory)
        budget -= int(row["memory_bytes"])
    yield whole("processes.json", json.dumps(rows, indent=1, sort_keys=True).encode())
    yield bytes(2 * 512)


def take() -> "dict[str, Any]":
    """Choose, read, deliver."""
    picked, rows = chosen(), []  # type: tuple[list[tuple[int, list[str]]], list[dict[str, Any]]]
    done = upload(archive(picked, rows))
    did("processes of our own ran (pid %d); no process was stopped and no file was written" % os.getpid())
    say(processes=rows, stopped=False, smear="pages were read while the processes ran: a core is not one instant")
    return done


run(take)
