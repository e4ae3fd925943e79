"""Writes a kernel's types and symbols as Volatility 3 reads them: its intermediate symbol format, version 6.2.0.

References:
    volatility3/schemas/schema-6.2.0.json of Volatility 3 2.28 (2026-11). Its file goes into a folder `linux` below the one that
    `--symbol-dirs` names; it is found by the kernel's banner, which is /proc/version to the last byte.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amberlight.handoff.kernel import btf, kallsyms, known, types
from amberlight.model.errors import NotPossible

MEMBERS = ("sys/kernel/btf/vmlinux", "proc/kallsyms", "proc/version")
"""What is read of what the script `kernel_symbols` took."""
MAX_BANNER_BYTES = 4096
_DECLARED = re.compile(r"(struct |union )?([a-z_0-9 ]+?) ?(\**)(\[[0-9]*\])?")


def of_archive(path: Path) -> bytes:
    """The symbol table of the kernel whose types, symbols and version lie in the tar, as JSON.

    Raises:
        NotPossible: The tar or what is in it is not what it must be.
    """
    held: dict[str, bytes] = {}
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                if member.name in MEMBERS and member.isreg() and member.size <= max(btf.MAX_BYTES, kallsyms.MAX_BYTES):
                    stream = archive.extractfile(member)
                    held[member.name] = stream.read() if stream else b""
    except (tarfile.TarError, OSError, ValueError) as problem:
        raise NotPossible(
            f"The archive of the kernel's symbols cannot be read: {problem}.", "Take it again."
        ) from problem
    missing = [name for name in MEMBERS if name not in held]
    if missing:
        raise NotPossible(f"The archive of the kernel's symbols lacks {', '.join(missing)}.", "Take it again as root.")
    return json.dumps(table(*(held[name] for name in MEMBERS)), separators=(",", ":")).encode()


def table(types_of_kernel: bytes, symbols_of_kernel: bytes, version: bytes) -> dict[str, Any]:
    """The symbol table.

    Args:
        types_of_kernel: /sys/kernel/btf/vmlinux.
        symbols_of_kernel: /proc/kallsyms of the boot whose memory was taken.
        version: /proc/version.

    Raises:
        NotPossible: One of them cannot be used; the message says why.
    """
    if not version.startswith(b"Linux version ") or len(version) > MAX_BANNER_BYTES:
        raise NotPossible("The kernel's version does not look like one.", "Take /proc/version again.")
    described, symbols = types.described(btf.read(types_of_kernel)), kallsyms.read(symbols_of_kernel)
    return {
        "metadata": {
            "format": "6.2.0",
            "producer": {"name": "amberlight", "version": "1"},
            "linux": {
                "symbols": [_source("symtab", "kallsyms", symbols_of_kernel)],
                "types": [_source("symtab", "btf", types_of_kernel)],
            },
        },
        "base_types": described.base,
        "user_types": described.user,
        "enums": described.enums,
        "symbols": _symbols(symbols, described, version),
    }


def _source(kind: str, name: str, data: bytes) -> dict[str, str]:
    return {"kind": kind, "name": name, "hash_type": "sha256", "hash_value": hashlib.sha256(data).hexdigest()}


def _symbols(symbols: kallsyms.Symbols, described: types.Described, version: bytes) -> dict[str, dict[str, Any]]:
    # Without a type a tool does not even tell where a symbol lies.
    found: dict[str, dict[str, Any]] = {
        name: {"address": address, "type": {"kind": "base", "name": "void"}}
        for name, address in symbols.addresses.items()
    }
    for name, descriptor in described.variables.items():
        if name in found:
            found[name]["type"] = descriptor
    for name in known.TYPES.keys() & found.keys():
        told = _descriptor(known.TYPES[name], described, symbols.room(name))
        if told is None and name in known.UNNAMED:
            told = _unnamed(known.UNNAMED[name], described)
        if told is not None:
            found[name]["type"] = told
    if "linux_banner" in found:
        banner = version.rstrip(b"\n") + b"\n\0"
        found["linux_banner"] |= {
            "type": {"kind": "array", "count": len(banner), "subtype": {"kind": "base", "name": "char"}},
            "constant_data": base64.b64encode(banner).decode(),
        }
    return found


def _descriptor(declared: str, described: types.Described, room: int) -> dict[str, Any] | None:
    """The type that C declares so; None where this kernel does not have it."""
    matched = _DECLARED.fullmatch(declared)
    if matched is None:
        raise ValueError(f"no declaration: {declared!r}")
    kind, name, stars, array = matched.groups()
    held: Mapping[str, Mapping[str, Any]] = described.user if kind else described.base
    if name not in held:
        return None
    found: dict[str, Any] = {"kind": kind.strip() if kind else "base", "name": name}
    size = int(held[name]["size"])
    for _ in stars:
        found, size = {"kind": "pointer", "subtype": found}, types.POINTER_BYTES
    if array:
        count = int(array.strip("[]") or (room // size if size else 0))
        found = {"kind": "array", "count": count, "subtype": found}
    return found


def _unnamed(members: tuple[str, ...], described: types.Described) -> dict[str, Any] | None:
    """The structure without a name that has exactly these members; None where there is none, or more than one."""
    found = [
        name for name, one in described.user.items()
        if name.startswith(types.UNNAMED) and tuple(one["fields"]) == members
    ]  # fmt: skip
    return {"kind": "struct", "name": found[0]} if len(found) == 1 else None
