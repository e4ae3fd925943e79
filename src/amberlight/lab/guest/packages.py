"""Debian packages as files: which ones, in which version, what is in them. Nothing is installed, and nobody need be root.

Only programs, and the libraries and Pythons that they name, are followed: the rest of what a package depends on serves
its installation scripts, and here none runs.
"""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

TOOLS = {"apt-get": "apt", "apt-cache": "apt", "dpkg-deb": "dpkg"}
"""Program, and the Debian package that has it."""

_FOLLOWED = re.compile(r"(lib|python3|zlib|linux-image-\d)[a-z0-9.+-]*")
_NOT_FOLLOWED = re.compile(r"libc-bin|libdebconf|libgcc-s1|libdb5|libnsl2|libsqlite3|libtirpc|libncursesw")
"""Of the libraries, those that only modules of Python need which no script of ours imports."""


class PackageError(Exception):
    """The packages cannot be had; the message says why, and what to do."""


@dataclasses.dataclass(frozen=True, order=True)
class Package:
    """One package as the machine's package lists have it."""

    name: str
    version: str
    sha256: str
    needs: tuple[str, ...] = ()


def closure(names: Iterable[str]) -> list[Package]:
    """The packages and what of theirs is followed, sorted.

    Raises:
        PackageError: apt is not here, or does not know one of them.
    """
    found: dict[str, Package] = {}
    wanted = set(names)
    while wanted:
        shown = {package.name: package for package in _shown(sorted(wanted))}
        missing = wanted - shown.keys()
        if missing:
            raise PackageError(
                f"apt knows no package {', '.join(sorted(missing))}. Run `apt-get update` as root; the guest is made "
                "of Debian's packages for amd64."
            )
        found.update(shown)
        wanted = {need for package in shown.values() for need in package.needs} - found.keys()
    return sorted(found.values())


def _shown(names: list[str]) -> Iterator[Package]:
    # A name that it does not know makes the exit code 100; what is missing is told by our caller.
    done = _run("apt-cache", "show", "--no-all-versions", *names, check=False)
    for block in done.decode("utf-8", "replace").split("\n\n"):
        fields = dict(re.findall(r"^([A-Z][A-Za-z0-9-]*): (.*)$", block, re.MULTILINE))
        if "Package" in fields:
            yield Package(fields["Package"], fields["Version"], fields["SHA256"], tuple(_needs(fields)))


def _needs(fields: dict[str, str]) -> Iterator[str]:
    for entry in f"{fields.get('Pre-Depends', '')},{fields.get('Depends', '')}".split(","):
        first = entry.split("|")[0].strip()
        name = re.match(r"[a-z0-9.+-]*", first)
        if name and _FOLLOWED.fullmatch(name.group()) and not _NOT_FOLLOWED.match(name.group()):
            yield name.group()


def download(packages: Iterable[Package], directory: Path) -> list[Path]:
    """The packages' files in *directory*; apt checks them against its signed lists."""
    listed = [f"{package.name}={package.version}" for package in packages]
    # apt's own user could not write into a directory of ours.
    _run("apt-get", "download", "-q", "-o", "APT::Sandbox::User=root", *listed, directory=directory)
    found = sorted(directory.glob("*.deb"))
    if len(found) != len(listed):
        raise PackageError(f"apt-get download gave {len(found)} of {len(listed)} packages.")
    return found


def contents(package: Path) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    """Each member of a package, with its bytes if it is a file."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE) as process:
        with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
            for member in archive:
                stream = archive.extractfile(member) if member.isreg() else None
                yield member, stream.read() if stream else b""
        if process.stdout:
            process.stdout.read()
    if process.returncode:
        raise PackageError(f"dpkg-deb cannot read {package.name}: exit {process.returncode}.")


def _run(*argv: str, check: bool = True, directory: Path | None = None) -> bytes:
    if shutil.which(argv[0]) is None:
        raise PackageError(
            f"{argv[0]} is not here: the guest is made of Debian's packages, on a Debian with {TOOLS[argv[0]]}."
        )
    done = subprocess.run(argv, capture_output=True, check=False, cwd=directory)
    if check and done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise PackageError(f"{argv[0]} {argv[1]}: {(said or [f'exit {done.returncode}'])[-1]}")
    return done.stdout
