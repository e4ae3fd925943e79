"""Reads BTF, the description of its types that a Linux kernel carries in /sys/kernel/btf/vmlinux.

References:
    https://docs.kernel.org/bpf/btf.html, sections 2 (header, kinds, what follows each) and 3 (2026-11).
"""

from __future__ import annotations

import dataclasses
import struct

from amberlight.model.errors import NotPossible

MAX_BYTES = 64 << 20
"""A kernel's is 4 to 10 MiB."""
MAX_TYPES = 1 << 20
MAX_CHAIN = 64
"""Longest chain of pointers, arrays, names and qualifiers; in real kernels it is below 16."""

MAGIC = 0xEB9F
INT, PTR, ARRAY, STRUCT, UNION, ENUM, FWD, TYPEDEF, VOLATILE, CONST, RESTRICT = range(1, 12)
FUNC, FUNC_PROTO, VAR, DATASEC, FLOAT, DECL_TAG, TYPE_TAG, ENUM64 = range(12, 20)
NAMES_FOR = (TYPEDEF, VOLATILE, CONST, RESTRICT, TYPE_TAG)
"""Kinds that stand for another type."""

_HEADER = struct.Struct("<HBBIIIII")
_TYPE = struct.Struct("<III")
_ONE = {INT: "<I", ARRAY: "<III", VAR: "<I", DECL_TAG: "<i"}
"""What follows a type of that kind once."""
_EACH = {STRUCT: "<III", UNION: "<III", ENUM: "<Ii", FUNC_PROTO: "<II", DATASEC: "<III", ENUM64: "<III"}
"""What follows it as often as it has members."""
_ENUM_UNSIGNED = {ENUM: "<II", ENUM64: "<III"}
_NO_TYPE = 0
"""The number of `void`."""


@dataclasses.dataclass(frozen=True)
class Type:
    """One type as it stands there."""

    kind: int
    name: str
    """Empty for a type without one."""
    flag: bool
    """Of a struct or union: members are bit fields; of an enum: values are signed; of a forward: it is a union."""
    number: int
    """Its size in bytes, or the number of the type that it points to or stands for."""
    parts: tuple[tuple[int, ...], ...] = ()
    """What follows it, as numbers; names in it are places in the strings."""


class Btf:
    """The types of one kernel by number; 0 is `void`."""

    def __init__(self, types: list[Type], strings: bytes) -> None:
        self.types = types
        self._strings = strings

    def name(self, place: int) -> str:
        """The string at a place.

        Raises:
            NotPossible: There is none.
        """
        return _string(self._strings, place)

    def at(self, number: int) -> Type:
        """The type with that number.

        Raises:
            NotPossible: There is none.
        """
        if not 0 <= number < len(self.types):
            raise _broken(f"there is no type {number}")
        return self.types[number]

    def plain(self, number: int) -> int:
        """The number of the type behind names and qualifiers.

        Raises:
            NotPossible: They have no end.
        """
        for _ in range(MAX_CHAIN):
            found = self.at(number)
            if found.kind not in NAMES_FOR:
                return number
            number = found.number
        raise _broken(f"type {number} stands for itself")


def read(data: bytes) -> Btf:
    """All types.

    Raises:
        NotPossible: It is no BTF of a little-endian kernel, or it contradicts itself; the message says where.
    """
    if len(data) > MAX_BYTES:
        raise _broken(f"it has more than {MAX_BYTES} bytes")
    if len(data) < _HEADER.size:
        raise _broken("it is too short")
    magic, version, _, head, types_at, types_size, strings_at, strings_size = _HEADER.unpack_from(data)
    if magic != MAGIC or version != 1:
        raise _broken(f"magic {magic:#x}, version {version}")
    types_at, strings_at = head + types_at, head + strings_at
    if max(types_at + types_size, strings_at + strings_size) > len(data):
        raise _broken("its sections lie behind its end")
    strings = data[strings_at : strings_at + strings_size]
    if not strings or strings[0] or strings[-1]:
        raise _broken("its strings neither begin nor end with an empty byte")
    return Btf(
        [Type(_NO_TYPE, "void", flag=False, number=0), *_types(data[types_at : types_at + types_size], strings)],
        strings,
    )


def _types(data: bytes, strings: bytes) -> list[Type]:
    found: list[Type] = []
    place = 0
    while place < len(data):
        if len(found) >= MAX_TYPES:
            raise _broken(f"it has more than {MAX_TYPES} types")
        if place + _TYPE.size > len(data):
            raise _broken(f"type {len(found) + 1} is cut off")
        name, info, number = _TYPE.unpack_from(data, place)
        kind, count, flag = info >> 24 & 31, info & 0xFFFF, bool(info >> 31)
        place += _TYPE.size
        form, times = _follows(kind, count, flag=flag, at=len(found) + 1)
        end = place + form.size * times
        if end > len(data):
            raise _broken(f"type {len(found) + 1} is cut off")
        parts = tuple(form.iter_unpack(data[place:end])) if times else ()
        found.append(Type(kind, _string(strings, name), flag, number, parts))
        place = end
    return found


def _follows(kind: int, count: int, *, flag: bool, at: int) -> tuple[struct.Struct, int]:
    """The form of what follows a type, and how often it does."""
    if not INT <= kind <= ENUM64:
        raise _broken(f"type {at} is of the unknown kind {kind}")
    if kind in _ONE:
        return struct.Struct(_ONE[kind]), 1
    if kind in _EACH:
        form = _ENUM_UNSIGNED[kind] if kind in _ENUM_UNSIGNED and not flag else _EACH[kind]
        return struct.Struct(form), count
    return _TYPE, 0


def _string(strings: bytes, place: int) -> str:
    end = strings.find(b"\0", place)
    if place >= len(strings) or end < 0:
        raise _broken(f"there is no string at {place}")
    return strings[place:end].decode("ascii", "backslashreplace")


def _broken(what: str) -> NotPossible:
    return NotPossible(
        f"The kernel's BTF cannot be read: {what}.", "Take it again from /sys/kernel/btf/vmlinux of that boot."
    )
