"""Describes a running Linux host, and copies the small files that tell what happened on it: one tar, files under their paths.

`triage/*.jsonl` hold what is not a file: processes, sockets, open files, listings of places where anybody may write,
hashes of executables. Reads /proc and files only; runs no program of the host, because it may have been replaced.

References:
    proc(5), passwd(5), crontab(5), systemd.unit(5); open(2) for O_NOATIME.
"""

# ruff: noqa: PLR2004, UP031 - numbers of /proc and of file formats; bytes and old Pythons want the percent sign

import glob
import hashlib
import json
import os
import stat
import tarfile
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from amberlight.capture.guest.common import ROOT, at, did, run, say, upload

FILE_BYTES = 4 << 20
HASH_BYTES = 64 << 20
LISTED = 20000
TEMPORARY = ("/tmp", "/var/tmp", "/dev/shm", "/run/shm")
COPIED = (
    "/etc/os-release", "/usr/lib/os-release", "/etc/*-release", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf",
    "/etc/machine-id", "/etc/timezone", "/etc/localtime",
    "/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow", "/etc/sudoers", "/etc/sudoers.d/*",
    "/etc/crontab", "/etc/anacrontab", "/etc/cron.*/*", "/var/spool/cron/*", "/var/spool/cron/crontabs/*", "/var/spool/at/*",
    "/etc/systemd/system/*", "/etc/systemd/system/*/*", "/run/systemd/transient/*", "/home/*/.config/systemd/user/*",
    "/etc/rc.local", "/etc/init.d/*", "/etc/ld.so.preload", "/etc/profile", "/etc/profile.d/*", "/etc/environment",
    "/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d/*", "/etc/pam.d/*",
    "/root/.*history", "/root/.ssh/*", "/root/.bashrc", "/root/.profile", "/root/.aws/*",
    "/home/*/.*history", "/home/*/.ssh/*", "/home/*/.bashrc", "/home/*/.profile", "/home/*/.aws/*",
    "/var/log/wtmp", "/var/log/btmp", "/var/log/lastlog", "/run/utmp", "/var/log/auth.log", "/var/log/secure",
    "/var/log/messages", "/var/log/syslog", "/var/log/cloud-init-output.log", "/var/lib/cloud/instance/user-data.txt",
)  # fmt: skip
SYSTEM = (
    "uptime",
    "version",
    "cmdline",
    "mounts",
    "modules",
    "meminfo",
    "stat",
    "swaps",
    "loadavg",
    "net/route",
    "net/arp",
)
counts = {"files": 0, "left_out": 0, "unreadable": 0, "atime": 0}


def handle_of(path: str) -> int:
    """A handle for reading that leaves the time of last access alone where the system lets us."""
    try:
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOATIME)
    except PermissionError:  # O_NOATIME is for owners and root
        counts["atime"] += 1
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)


def content(path: str, limit: int = FILE_BYTES) -> "bytes | None":
    """A file, or None (counted) where it cannot be read."""
    try:
        with os.fdopen(handle_of(path), "rb") as stream:
            return stream.read(limit)
    except OSError:
        counts["unreadable"] += 1
        return None


def proc(pid: str, name: str, limit: int = FILE_BYTES) -> bytes:
    """A file of /proc/PID; empty where the process has ended or does not let us."""
    try:
        with open("/proc/%s/%s" % (pid, name), "rb") as stream:
            return stream.read(limit)
    except OSError:
        return b""


def target(path: str) -> str:
    """Where a link leads."""
    try:
        return os.readlink(path)
    except OSError:
        return ""


def text(data: bytes) -> str:
    """Bytes as text; what is no text stays visible as an escape."""
    return data.decode("utf-8", "backslashreplace")


def digest_of(path: str, known: "dict[tuple[int, int], str]") -> str:
    """SHA-256 of a file, once per inode; empty where it is too large or cannot be read."""
    try:
        about = os.stat(path)
    except OSError:
        return ""
    place = (about.st_dev, about.st_ino)
    if place not in known:
        known[place] = hashed(path) if stat.S_ISREG(about.st_mode) and about.st_size <= HASH_BYTES else ""
    return known[place]


def hashed(path: str) -> str:
    """SHA-256 of a file's bytes."""
    whole = hashlib.sha256()
    try:
        with open(path, "rb") as stream:
            for data in iter(lambda: stream.read(1 << 20), b""):
                whole.update(data)
    except OSError:
        return ""
    return whole.hexdigest()


def pids() -> "list[str]":
    """The processes of this host; where a root is set, those that live below it."""
    found = [name for name in os.listdir("/proc") if name.isdigit()]
    if ROOT:
        found = [name for name in found if (target("/proc/%s/cwd" % name) + "/").startswith(ROOT + "/")]
    return sorted(found, key=int)


def process(pid: str, known: "dict[tuple[int, int], str]") -> "dict[str, Any]":
    """One process: who, since when, which program, with which words and surroundings."""
    after = proc(pid, "stat").rpartition(b")")[2].split()
    started = int(after[19]) / os.sysconf("SC_CLK_TCK") if len(after) > 19 else None
    status = dict(line.split(":\t", 1) for line in text(proc(pid, "status")).splitlines() if ":\t" in line)
    base = "/proc/%s/" % pid
    return {
        "pid": int(pid),
        "ppid": int(after[1]) if after else None,
        "uid": status.get("Uid", "").split(),
        "gid": status.get("Gid", "").split(),
        "capabilities": status.get("CapEff", ""),
        "tracer": status.get("TracerPid", ""),
        "name": status.get("Name", ""),
        "started_after_boot_s": started,
        "exe": target(base + "exe"),
        "exe_sha256": digest_of(base + "exe", known),
        "cmdline": [text(part) for part in proc(pid, "cmdline").rstrip(b"\0").split(b"\0")],
        "cwd": target(base + "cwd"),
        "root": target(base + "root"),
        "environment": [text(part) for part in proc(pid, "environ").rstrip(b"\0").split(b"\0")],
        "namespaces": {name: target(base + "ns/" + name) for name in ("net", "pid", "mnt", "user")},
    }


def mark_ours(people: "list[dict[str, Any]]") -> None:
    """Mark this process and those of the list that started it, so that nobody hunts for them."""
    by_pid, pid = {one["pid"]: one for one in people}, os.getpid()
    for one in people:
        one["ours"] = False
    while pid in by_pid and pid > 1 and not by_pid[pid]["ours"]:
        by_pid[pid]["ours"] = True
        pid = by_pid[pid]["ppid"]


def open_files(everybody: "list[str]") -> "Iterator[dict[str, Any]]":
    """What each process holds open, and which mapped files are gone from the disk."""
    for pid in everybody:
        try:
            handles = sorted(os.listdir("/proc/%s/fd" % pid), key=int)
        except OSError:
            continue
        for handle in handles[:4096]:
            yield {"pid": int(pid), "fd": int(handle), "target": target("/proc/%s/fd/%s" % (pid, handle))}
        for line in proc(pid, "maps", 64 << 20).splitlines():
            if line.endswith(b"(deleted)"):
                yield {"pid": int(pid), "fd": None, "target": text(line.split(None, 5)[-1])}


def endpoint(word: str) -> str:
    """An address of /proc/net as people write it."""
    address, port = word.split(":")
    raw = bytes.fromhex(address)
    whole = b"".join(raw[i : i + 4][::-1] for i in range(0, len(raw), 4))
    if len(whole) == 16 and whole[:12] == bytes(10) + b"\xff\xff":
        whole = whole[12:]
    plain = ".".join(str(byte) for byte in whole) if len(whole) == 4 else "[%s]" % whole.hex()
    return "%s:%d" % (plain, int(port, 16))


def sockets(everybody: "list[str]", files: "list[dict[str, Any]]") -> "Iterator[dict[str, Any]]":
    """TCP, UDP, raw and Unix sockets of every network namespace in use, each with its owners."""
    owners = {}  # type: dict[str, list[int]]
    for one in files:
        if one["target"].startswith("socket:["):
            owners.setdefault(one["target"][len("socket:[") : -1], []).append(one["pid"])
    spaces = {target("/proc/%s/ns/net" % pid): pid for pid in everybody}
    for space, pid in sorted(spaces.items()):
        for name in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6", "unix"):
            for line in text(proc(pid, "net/" + name, 16 << 20)).splitlines()[1:]:
                row = unix(line.split(None, 7)) if name == "unix" else internet(name, line.split())
                row.update(pids=owners.get(str(row["inode"]), []), namespace=space)
                if row["pids"] or not ROOT:
                    yield row


def unix(fields: "list[str]") -> "dict[str, Any]":
    """One line of /proc/net/unix."""
    return {"family": "unix", "inode": fields[6], "path": fields[7] if len(fields) > 7 else ""}


def internet(name: str, fields: "list[str]") -> "dict[str, Any]":
    """One line of /proc/net/tcp and its like; `state` is the kernel's number (1 established, 2 connecting, 10 listening)."""
    return {
        "family": name,
        "local": endpoint(fields[1]),
        "remote": endpoint(fields[2]),
        "state": int(fields[3], 16),
        "uid": int(fields[7]),
        "inode": fields[9],
    }


def listing() -> "Iterator[tuple[str, dict[str, Any]]]":
    """Everything below the places where anybody may write, with hashes; (path on this host, row)."""
    seen, known = 0, {}  # type: tuple[int, dict[tuple[int, int], str]]
    for top in TEMPORARY:
        for folder, folders, names in os.walk(at(top)):
            for name in sorted(folders + names):
                path = os.path.join(folder, name)
                seen += 1
                if seen > LISTED:
                    counts["left_out"] += 1
                    continue
                row = entry(path, known)
                if row:
                    yield path, row


def entry(path: str, known: "dict[tuple[int, int], str]") -> "dict[str, Any] | None":
    """One file or folder as stat has it."""
    try:
        about = os.lstat(path)
    except OSError:
        return None
    regular = stat.S_ISREG(about.st_mode)
    return {
        "path": path[len(ROOT) :],
        "mode": stat.filemode(about.st_mode),
        "uid": about.st_uid,
        "gid": about.st_gid,
        "size": about.st_size,
        "modified": about.st_mtime,
        "changed": about.st_ctime,
        "accessed": about.st_atime,
        "inode": about.st_ino,
        "link": target(path) if stat.S_ISLNK(about.st_mode) else "",
        "sha256": digest_of(path, known) if regular and about.st_size <= FILE_BYTES else "",
    }


def member(path: str, data: bytes, about: "os.stat_result | None" = None) -> bytes:
    """A tar member with the owner, the rights and the times of the original."""
    info = tarfile.TarInfo(path.lstrip("/"))
    info.size = len(data)
    if about is not None:
        info.mode, info.uid, info.gid = stat.S_IMODE(about.st_mode), about.st_uid, about.st_gid
        info.mtime = int(about.st_mtime)
    counts["files"] += 1
    return info.tobuf(tarfile.GNU_FORMAT) + data + bytes(-len(data) % 512)


def pointer(path: str, kind: bytes, about: os.stat_result) -> bytes:
    """A tar member without content: a folder, or a link with the place it leads to."""
    info = tarfile.TarInfo(path.lstrip("/"))
    info.type, info.mode, info.uid, info.gid = kind, stat.S_IMODE(about.st_mode), about.st_uid, about.st_gid
    info.mtime = int(about.st_mtime)
    if kind == tarfile.SYMTYPE:
        info.linkname = target(at(path))
    counts["files"] += 1
    return info.tobuf(tarfile.GNU_FORMAT)


def top_folders() -> "Iterator[bytes]":
    """The folders right below the root: by them receivers' tools tell which kind of system the files are of."""
    for name in sorted(os.listdir(at("/"))):
        try:
            about = os.lstat(at("/" + name))
        except OSError:
            continue
        if stat.S_ISDIR(about.st_mode):
            yield pointer("/" + name, tarfile.DIRTYPE, about)


def links(paths: "list[str]", taken: "set[str]") -> "Iterator[bytes]":
    """Links in the places of copied files, such as those that enable a unit, as links.

    Those that lead to a folder are left out: nothing of the archive may lie behind one when it is unpacked.
    """
    for path in paths:
        inside = path[len(ROOT) :]
        try:
            about = os.lstat(path)
        except OSError:
            continue
        if stat.S_ISLNK(about.st_mode) and not os.path.isdir(path) and inside not in taken:
            taken.add(inside)
            yield pointer(inside, tarfile.SYMTYPE, about)


def rows(name: str, items: "list[dict[str, Any]]") -> bytes:
    """A table as JSON Lines."""
    return member("triage/%s.jsonl" % name, "".join(json.dumps(item, sort_keys=True) + "\n" for item in items).encode())


def copies(paths: "list[str]", taken: "set[str]") -> "Iterator[bytes]":
    """Regular files as they are; larger ones are counted as left out."""
    for path in paths:
        try:
            about = os.lstat(path)
        except OSError:
            continue
        inside = path[len(ROOT) :]
        if not stat.S_ISREG(about.st_mode) or inside in taken:
            continue
        taken.add(inside)
        data = content(path) if about.st_size <= FILE_BYTES else None
        if data is None:
            counts["left_out"] += about.st_size > FILE_BYTES
            continue
        yield member(inside, data, about)


def runnable(path: str, row: "dict[str, Any]") -> bool:
    """Whether a listed file is a small program or script."""
    if not row["sha256"] or not row["size"]:
        return False
    head = content(path, 4) or b""
    return (
        "x" in row["mode"]
        or head.startswith((b"\x7fELF", b"#!"))
        or path.endswith((".py", ".sh", ".pl", ".php", ".rb", ".js"))
    )


def scripts(people: "list[dict[str, Any]]") -> "list[str]":
    """Files that processes were started with and that lie where anybody may write, whatever they are called."""
    found = set()
    for one in people:
        for word in one["cmdline"][:4]:
            path = os.path.normpath(os.path.join(one["cwd"] or "/", word)) if 0 < len(word) < 4096 else ""
            path = path if not ROOT or path.startswith(ROOT + "/") else at(path)
            if path[len(ROOT) :].startswith(tuple(top + "/" for top in TEMPORARY)):
                found.add(path)
    return sorted(found)


def archive() -> "Iterator[bytes]":
    """The tar: what is volatile first."""
    everybody, known = pids(), {}  # type: tuple[list[str], dict[tuple[int, int], str]]
    people = [process(pid, known) for pid in everybody]
    mark_ours(people)
    yield rows("processes", people)
    files = list(open_files(everybody))
    found = list(sockets(everybody, files))
    yield rows("sockets", found)
    yield rows("open_files", files)
    now = {"time": time.time(), "monotonic": time.monotonic(), "timezone": time.tzname, "kernel": list(os.uname())}  # noqa: TID251 - the host's own clock is the fact
    yield rows("clock", [now])
    for name in SYSTEM:
        yield member("triage/proc/" + name, proc("self" if name.startswith(("net/", "mounts")) else ".", name))
    listed = list(listing())
    yield rows("temporary_files", [row for _, row in listed])
    yield from top_folders()
    taken = set()  # type: set[str]
    wanted = [path for pattern in COPIED for path in sorted(glob.glob(at(pattern)))]
    yield from copies(wanted + scripts(people) + [path for path, row in listed if runnable(path, row)], taken)
    yield from links(wanted, taken)
    yield bytes(2 * 512)
    say(
        processes=len(people), sockets=len(found), open_files=len(files), temporary_files=len(listed), copied=len(taken)
    )


def take() -> "dict[str, Any]":
    """Describe, copy, deliver."""
    done = upload(archive())
    did("a process of our own ran (pid %d) and stands in the list of processes" % os.getpid())
    if counts["atime"]:
        did("the time of last access of %d files may have changed" % counts["atime"])
    did("files were read without changing their time of last access, programs of running processes with it")
    say(left_out=counts["left_out"], unreadable=counts["unreadable"], members=counts["files"])
    return done


run(take)
