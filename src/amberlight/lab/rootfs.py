"""A host's own directory tree: its files, and none of the developer's."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

_DIRECTORIES = (
    "boot", "dev", "etc/cron.d", "etc/systemd/system", "home/ec2-user", "mnt", "opt", "proc", "root", "run", "srv",
    "sys", "tmp", "usr/local/bin", "var/lib", "var/log", "var/spool/cron/crontabs", "var/tmp", "var/www",
)  # fmt: skip
_FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n"
    "www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\nec2-user:x:1000:1000:EC2:/home/ec2-user:/bin/sh\n"
    "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    "etc/group": "root:x:0:\ndaemon:x:1:\nadm:x:4:\nwww-data:x:33:\nec2-user:x:1000:\nnogroup:x:65534:\n",
    "etc/os-release": 'NAME="Amberlight Lab Linux"\nID=amberlight-lab\nVERSION_ID="1"\n'
    'PRETTY_NAME="Amberlight Lab Linux 1 (emulated instance)"\n',
    "etc/crontab": "SHELL=/bin/sh\nPATH=/usr/local/sbin:/usr/local/bin:/sbin:/bin:/usr/sbin:/usr/bin\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    "etc/resolv.conf": "# the lab has no name service\n",
    "var/log/messages": "",
}
_FROM_THE_MACHINE = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "protocols", "services", "ssl/certs")
_TOP = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_DEVICES = ("null", "zero", "full", "random", "urandom")

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def build(root: Path, hostname: str, address: str, environment: dict[str, str]) -> None:
    """Make the files of a host; a tree that exists (a stopped instance) is left as it is."""
    if (root / "etc/hostname").exists():
        return
    for name in _DIRECTORIES:
        (root / name).mkdir(parents=True, exist_ok=True)
    # The lab itself works with a closed umask; a host's directories are as a system's.
    for directory in (root, *(path for path in root.rglob("*") if path.is_dir())):
        directory.chmod(0o755)
    for name in ("tmp", "var/tmp"):
        (root / name).chmod(0o1777)
    (root / "root").chmod(0o700)
    files = {
        **_FILES,
        "etc/hostname": hostname + "\n",
        "etc/hosts": f"127.0.0.1 localhost\n{address} {hostname}\n",
        "etc/environment": "".join(f"{key}={value}\n" for key, value in environment.items()),
    }
    for name, text in files.items():
        (root / name).write_text(text, encoding="utf-8")
        (root / name).chmod(0o644)
    for name in _FROM_THE_MACHINE:
        _copy(Path("/etc") / name, root / "etc" / name)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True, ignore_dangling_symlinks=True)
    elif source.is_file():
        shutil.copy(source, target)


def python_outside_usr() -> Path | None:
    """The running Python's home when the machine's /usr has no python3."""
    if any(Path(name).exists() for name in ("/usr/bin/python3", "/usr/local/bin/python3")):
        return None
    return Path(sys.base_prefix).resolve()


def console_of(root: Path) -> Path:
    """Where the other end of a host's `/dev/console` is."""
    return root.with_name(f"{root.name}.console")


def enter_script(root: Path) -> str:
    """Shell script for the first process of a host: mount what a system needs, make *root* the root, stay."""
    lines = ["set -e", f"cd {_q(root)}", "mount --make-rprivate /", "mount --rbind . .", f"cd {_q(root)}"]
    for name in ("usr", *_TOP):
        lines += _mount_top(name)
    outside = python_outside_usr()
    if outside is not None:
        inner = "." + str(outside)
        lines += [f"mkdir -p {_q(inner)} opt/python", *_read_only(str(outside), inner)]
        lines += [f"ln -sf {_q(outside / 'bin' / 'python3')} opt/python/python3"]
    lines += ["mount -t tmpfs -o mode=755 tmpfs dev", "mkdir dev/shm && chmod 1777 dev/shm"]
    lines += [f"touch dev/{name} && mount --bind /dev/{name} dev/{name}" for name in _DEVICES]
    lines += [f"ln -s /proc/self/fd/{fd} dev/{name}" for fd, name in enumerate(("stdin", "stdout", "stderr"))]
    console = _q(console_of(root))
    lines += [f"if [ -p {console} ]; then touch dev/console; mount --bind {console} dev/console; fi"]
    lines += ["ln -s /proc/self/fd dev/fd", "mount -t proc proc proc", "hostname -F etc/hostname || :"]
    lines += ["mkdir -p .old", "pivot_root . .old", f"exec /usr/sbin/chroot . /bin/sh -c {_q(_STAY)}"]
    return "\n".join(lines)


_STAY = (
    "umount -l /.old && rmdir /.old; ip link set lo up; echo up; exec >/dev/null 2>&1; "
    "while :; do sleep 86400 & wait $!; done"
)


def _mount_top(name: str) -> list[str]:
    """Link or mount one of the top directories that hold the machine's programs."""
    source = Path("/") / name
    if source.is_symlink():
        return [f"ln -sfn {_q(source.readlink())} {name}"]
    return [f"mkdir -p {name}", *_read_only(str(source), name)] if source.is_dir() else []


def _read_only(source: str, target: str) -> list[str]:
    # In a user namespace some mount flags are locked and the second line fails; files stay out of reach by owner.
    return [f"mount --rbind {_q(source)} {_q(target)}", f"mount -o remount,bind,ro {_q(target)} 2>/dev/null || :"]


def _q(value: object) -> str:
    return shlex.quote(str(value))
