"""Takes what explains an image of this machine's memory, and delivers one tar: types, symbols and version of its kernel.

Every kernel with BTF carries its own types, so no package with debugging symbols is needed, for a kernel of one's own
neither. Members keep their paths. An address in `proc/kallsyms` is where the symbol lies in this boot. Read only.

References:
    https://docs.kernel.org/bpf/btf.html (/sys/kernel/btf); proc(5) for kallsyms, version, iomem, modules.
    https://docs.kernel.org/admin-guide/sysctl/kernel.html#kptr-restrict (who sees addresses).
"""

# ruff: noqa: UP031 - old Pythons want the percent sign

import os
import tarfile
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from amberlight.capture.guest.common import at, did, run, say, upload

TYPES = "/sys/kernel/btf"
FILES = ("/proc/version", "/proc/kallsyms", "/proc/iomem", "/proc/modules", "/proc/cmdline", "/proc/config.gz")
NEEDED = (TYPES + "/vmlinux", "/proc/kallsyms", "/proc/version")
MOST_BYTES = 64 << 20


def content(path: str) -> bytes:
    """A file; ValueError when it is larger than such a file is."""
    with open(at(path), "rb") as stream:
        data = stream.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise ValueError("larger than %d bytes" % MOST_BYTES)
    return data


def hidden(text: bytes) -> bool:
    """Whether the kernel shows this process zeros instead of addresses."""
    return all(int(line.split(None, 1)[0], 16) == 0 for line in text.splitlines()[:1000] if line)


def paths() -> "list[str]":
    """What is taken: types of the kernel and of its modules, and the files that go with them."""
    try:
        modules = sorted(set(os.listdir(at(TYPES))) - {"vmlinux"})
    except OSError:
        modules = []
    return ["%s/%s" % (TYPES, name) for name in ["vmlinux", *modules]] + list(FILES)


def member(path: str, data: bytes) -> bytes:
    """A file as a member of a tar."""
    info = tarfile.TarInfo(path.lstrip("/"))
    info.size, info.mode, info.mtime = len(data), 0o400, int(time.time())  # noqa: TID251 - the host's own clock
    return info.tobuf(tarfile.GNU_FORMAT) + data + bytes(-len(data) % 512)


def archive(missing: "dict[str, str]") -> "Iterator[bytes]":
    """The tar; `missing` tells afterwards what could not be read, and why."""
    count = 0
    for path in paths():
        try:
            data = content(path)
        except (OSError, ValueError) as problem:
            if path in NEEDED:
                missing[path] = str(problem)
            continue
        if path == "/proc/kallsyms":
            say(addresses_hidden=hidden(data))
        if path == "/proc/version":
            say(kernel=data.decode("utf-8", "replace").strip()[:500])
        count += 1
        yield member(path, data)
    say(members=count)
    yield bytes(2 * 512)


def take() -> "dict[str, Any]":
    """Read and deliver."""
    missing = {}  # type: dict[str, str]
    done = upload(archive(missing))
    did("a process of our own ran (pid %d); no file was written" % os.getpid())
    say(missing=missing)
    return done


run(take)
