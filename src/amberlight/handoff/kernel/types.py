"""Turns the types of BTF into the descriptions that Volatility 3 reads."""

from __future__ import annotations

import dataclasses
from typing import Any

from amberlight.handoff.kernel import btf
from amberlight.handoff.kernel.btf import Btf, Type
from amberlight.model.errors import NotPossible

POINTER_BYTES = 8
UNNAMED = "unnamed_"
"""How the name begins that a type without one gets."""
_SIGNED, _BOOL = 1, 4
"""From: the kernel's BTF documentation, BTF_INT_ENCODING."""
_ENUM_BASES = {1: "unsigned char", 2: "short unsigned int", 4: "unsigned int", 8: "long unsigned int"}
_ENUM_BASES_SIGNED = {1: "signed char", 2: "short int", 4: "int", 8: "long int"}

Descriptor = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Described:
    """The types of one kernel by name."""

    base: dict[str, dict[str, Any]]
    user: dict[str, dict[str, Any]]
    enums: dict[str, dict[str, Any]]
    variables: dict[str, Descriptor]
    """Of the few variables whose type BTF tells."""


def described(types: Btf) -> Described:
    """Every integer, structure, union, enumeration and variable; of several with one name the one with most members.

    Raises:
        NotPossible: A type refers to one that is not there, or chains of them have no end.
    """
    found = Described(
        base={
            "void": {"kind": "void", "size": 0, "signed": False, "endian": "little"},
            "pointer": {"kind": "int", "size": POINTER_BYTES, "signed": False, "endian": "little"},
        },
        user={}, enums={}, variables={},
    )  # fmt: skip
    for number, one in enumerate(types.types):
        if one.kind in (btf.INT, btf.FLOAT):
            found.base[one.name] = _base(one)
        elif one.kind in (btf.STRUCT, btf.UNION):
            _keep_larger(found.user, _name(one, number), _structure(types, one), "fields")
        elif one.kind in (btf.ENUM, btf.ENUM64):
            _keep_larger(found.enums, _name(one, number), _enumeration(types, one), "constants")
        elif one.kind == btf.VAR:
            found.variables[one.name] = _descriptor(types, one.number)
    return found


def _keep_larger(held: dict[str, dict[str, Any]], name: str, made: dict[str, Any], members: str) -> None:
    if name not in held or len(held[name][members]) < len(made[members]):
        held[name] = made


def _name(one: Type, number: int) -> str:
    return one.name or f"{UNNAMED}{number:x}"


def _base(one: Type) -> dict[str, Any]:
    if one.kind == btf.FLOAT:
        return {"kind": "float", "size": one.number, "signed": True, "endian": "little"}
    encoding = one.parts[0][0] >> 24 & 15
    kind = "bool" if encoding & _BOOL else "char" if one.number == 1 else "int"
    return {"kind": kind, "size": one.number, "signed": bool(encoding & _SIGNED), "endian": "little"}


def _enumeration(types: Btf, one: Type) -> dict[str, Any]:
    bases = _ENUM_BASES_SIGNED if one.flag else _ENUM_BASES
    if one.number not in bases:
        raise NotPossible(f"The kernel's BTF has an enumeration of {one.number} bytes.", "Take it again.")
    constants = {types.name(part[0]): _value(part, signed=one.flag) for part in one.parts}
    return {"size": one.number, "base": bases[one.number], "constants": constants}


def _value(part: tuple[int, ...], *, signed: bool) -> int:
    """The value of a constant: one word, or two, the low one first."""
    if len(part) == len(("name", "value")):
        return part[1]
    value = part[1] | part[2] << 32
    return value - (1 << 64) if signed and value >> 63 else value


def _structure(types: Btf, one: Type) -> dict[str, Any]:
    fields: dict[str, dict[str, Any]] = {}
    for at, (place, number, where) in enumerate(one.parts):
        name = types.name(place)
        # With the flag the upper eight bits are the width of a bit field, and 0 for what is none.
        width, position = (where >> 24, where & 0xFFFFFF) if one.flag else (0, where)
        field = _bits(types, number, width, position) if width else {
            "type": _descriptor(types, number), "offset": position // 8
        }  # fmt: skip
        fields[name or f"unnamed_field_{at}"] = field if name else {**field, "anonymous": True}
    return {"kind": "struct" if one.kind == btf.STRUCT else "union", "size": one.number, "fields": fields}


def _bits(types: Btf, number: int, width: int, position: int) -> dict[str, Any]:
    """A bit field: so many bits of the word of its type in which it lies."""
    plain = types.at(types.plain(number))
    if plain.kind not in (btf.INT, btf.ENUM, btf.ENUM64) or plain.number not in _ENUM_BASES:
        raise NotPossible("The kernel's BTF has a bit field that is no number.", "Take it again.")
    offset = position // 8 // plain.number * plain.number
    return {
        "offset": offset,
        "type": {"kind": "bitfield", "bit_position": position - offset * 8, "bit_length": width,
                 "type": _descriptor(types, number)},
    }  # fmt: skip


def _descriptor(types: Btf, number: int, depth: int = 0) -> Descriptor:
    """What a member or a variable says of its type."""
    if depth > btf.MAX_CHAIN:
        raise NotPossible("The kernel's BTF has a chain of types without end.", "Take it again.")
    number = types.plain(number)
    one = types.at(number)
    if one.kind == btf.PTR:
        return {"kind": "pointer", "subtype": _descriptor(types, one.number, depth + 1)}
    if one.kind == btf.ARRAY:
        element, _, count = one.parts[0]
        return {"kind": "array", "count": count, "subtype": _descriptor(types, element, depth + 1)}
    return _leaf(one, number)


def _leaf(one: Type, number: int) -> Descriptor:
    """What is said by a name alone."""
    if one.kind in (btf.INT, btf.FLOAT):
        return {"kind": "base", "name": one.name}
    if one.kind in (btf.STRUCT, btf.UNION):
        return {"kind": "struct" if one.kind == btf.STRUCT else "union", "name": _name(one, number)}
    if one.kind == btf.FWD:
        return {"kind": "union" if one.flag else "struct", "name": one.name}
    if one.kind in (btf.ENUM, btf.ENUM64):
        return {"kind": "enum", "name": _name(one, number)}
    return {"kind": "function"} if one.kind in (btf.FUNC, btf.FUNC_PROTO) else {"kind": "base", "name": "void"}
