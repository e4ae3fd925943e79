"""Makes what the guest boots: Debian's cloud kernel, and a root file system that lies in memory.

`python -m amberlight.lab.guest` does it, as `amberlight lab up --guest` does when there is none yet. The packages come by
the machine's own apt; they are read, not installed, so nobody need be root and no file system is made or mounted. What
was made is kept below a cache directory under a name that follows from the packages' versions and from this recipe, and
may be deleted at any time.

Why this and no disk: a kernel that finds its root in memory needs no driver, no file system check and no service manager,
and under software emulation each of these costs seconds.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import shutil
import stat
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path

from amberlight.lab.guest import cpio, packages

PACKAGES = ("bash", "busybox-static", "libpython3-stdlib", "linux-image-cloud-amd64", "python3-minimal")
MODULES = ("virtio_pci", "virtio_console")
"""What of the kernel's modules is needed: the way to the agent."""

INSIDE = Path(__file__).parent / "inside"
_OURS = {"etc/inittab": 0o644, "etc/rc": 0o755, "usr/local/sbin/lab-agent": 0o755}
_TEXTS = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/hostname": "guest\n",
    "etc/hosts": "127.0.0.1 localhost guest\n",
    "etc/os-release": "",
    "root/.bash_profile": "PS1='guest# '\nHISTTIMEFORMAT=\n",
    "var/www/index.html": "The guest of the lab.\n",
}
_DIRECTORIES = {
    "dev": 0o755, "proc": 0o555, "root": 0o700, "run": 0o755, "sys": 0o555, "tmp": 0o1777, "var/log": 0o755,
    "var/spool/cron/crontabs": 0o755, "var/tmp": 0o1777,
}  # fmt: skip
_MERGED = ("bin", "lib", "lib64", "sbin")
"""Top directories that are links into `usr`, whatever the packages think."""

_LEFT_OUT = re.compile(
    r"boot/|etc/|usr/lib/modules/|usr/share/|usr/lib/[^/]+/gconv/|usr/lib/valgrind|var/"
    r"|usr/lib/python3[^/]*/(distutils|ensurepip|idlelib|lib2to3|pydoc_data|sqlite3|tkinter|turtle|unittest|xmlrpc)"
)


@dataclasses.dataclass(frozen=True)
class Image:
    """A guest's image."""

    directory: Path
    """Holds `vmlinuz`, `initrd` and `image.json`."""
    made: bool
    """Whether it was made just now."""


def cache() -> Path:
    """Where images are kept: the user's cache directory (XDG Base Directory Specification 0.8)."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".cache") / "amberlight" / "guest"


def ensure(into: Path) -> Image:
    """The image of the packages that the machine's package lists name, made now unless it lies in the cache.

    Raises:
        packages.PackageError: It cannot be made here.
    """
    listed = packages.closure(PACKAGES)
    place = into / _key(listed)
    if (place / "image.json").exists():
        return Image(place, made=False)
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="making-", dir=into) as name:
        draft = Path(name) / "image"
        draft.mkdir()
        _make(packages.download(listed, Path(name)), draft)
        _describe(listed, draft / "image.json")
        try:
            draft.rename(place)
        except OSError:
            # Somebody else made the same one meanwhile.
            if not (place / "image.json").exists():
                raise
            shutil.rmtree(draft)
    return Image(place, made=True)


def _key(listed: Iterable[packages.Package]) -> str:
    """Follows from the packages' content and from everything here that has a say in the image."""
    digest = hashlib.sha256(repr([(each.name, each.version, each.sha256) for each in listed]).encode())
    recipe = [Path(module.__file__ or "") for module in (packages, cpio)]
    for path in [Path(__file__), *recipe, *sorted(INSIDE.iterdir())]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:24]


def _describe(listed: Iterable[packages.Package], path: Path) -> None:
    told = {"packages": {each.name: {"version": each.version, "sha256": each.sha256} for each in listed}}
    path.write_text(json.dumps(told, indent=1), encoding="utf-8")


def _make(files: Iterable[Path], into: Path) -> None:
    kernel = b""
    modules: dict[str, bytes] = {}
    tree: dict[str, cpio.Entry] = {}
    for file in files:
        for member, data in packages.contents(file):
            path = _merged(member.name.removeprefix("./").rstrip("/"))
            if path.startswith("boot/vmlinuz-"):
                kernel = data
            elif path.endswith(".ko") and path.startswith("usr/lib/modules/"):
                modules[_module(path)] = data
            elif not _LEFT_OUT.match(path + "/"):
                _take(tree, path, member, data)
    if not kernel:
        raise packages.PackageError("The kernel's package has no kernel that boots.")
    tree.update(_fixed(modules))
    (into / "vmlinuz").write_bytes(kernel)
    with (into / "initrd").open("wb") as stream:
        stream.writelines(cpio.archive(tree))


def _merged(path: str) -> str:
    return f"usr/{path}" if path.split("/", 1)[0] in _MERGED else path


def _take(tree: dict[str, cpio.Entry], path: str, member: tarfile.TarInfo, data: bytes) -> None:
    if member.isreg():
        tree[path] = cpio.file(data, stat.S_IMODE(member.mode))
    elif member.issym():
        tree[path] = cpio.link(member.linkname)
    elif member.islnk():
        # In a package the file that a hard link names comes first.
        tree[path] = tree[_merged(member.linkname.removeprefix("./"))]


def _module(path: str) -> str:
    return path.rsplit("/", 1)[1].removesuffix(".ko").replace("-", "_")


def _in_order(name: str, modules: dict[str, bytes], found: list[str]) -> list[str]:
    """The module and what it needs, each after what it needs itself; a name without a file is built into the kernel."""
    if name in modules and name not in found:
        named = re.search(rb"\0depends=([^\0]*)\0", modules[name])
        for need in (named.group(1).decode() if named else "").split(","):
            _in_order(need.replace("-", "_"), modules, found)
        found.append(name)
    return found


def _fixed(modules: dict[str, bytes]) -> dict[str, cpio.Entry]:
    """What no package brings: our own files, links, and the modules in the order in which they load."""
    order: list[str] = []
    for name in MODULES:
        _in_order(name, modules, order)
    tree = {path: cpio.directory(mode) for path, mode in _DIRECTORIES.items()}
    tree |= {path: cpio.link(f"usr/{path}") for path in _MERGED}
    tree |= {path: cpio.file(text.encode()) for path, text in _TEXTS.items()}
    tree |= {path: cpio.file((INSIDE / Path(path).name).read_bytes(), mode) for path, mode in _OURS.items()}
    tree |= {f"lib-modules/{at:02}-{name}.ko": cpio.file(modules[name]) for at, name in enumerate(order)}
    return tree | {"init": cpio.link("/bin/busybox")}
