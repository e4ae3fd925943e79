"""Reads /proc/kallsyms: where each symbol of a kernel lies in this boot.

References:
    kernel/kallsyms.c (s_show): address, letter as nm(1) has it, name, and for what a module brought its name in brackets.
"""

from __future__ import annotations

import dataclasses

from amberlight.model.errors import NotPossible

MAX_BYTES = 64 << 20
"""A kernel's is 4 to 15 MiB."""
START = 0xFFFFFFFF81000000
"""Where a kernel for x86-64 lies that was not moved (From: CONFIG_PHYSICAL_START and __START_KERNEL_map)."""
_FIELDS = 3


@dataclasses.dataclass(frozen=True)
class Symbols:
    """The symbols of the kernel itself, without those of its modules."""

    addresses: dict[str, int]
    """As if it had not been moved. Of several with one name the one that other files can see, else the first."""
    moved_by: int
    """How far this boot moved the kernel (KASLR)."""
    _sorted: tuple[int, ...] = ()

    def room(self, name: str) -> int:
        """Bytes from a symbol to the next one: the size of what lies there, or a little more."""
        address = self.addresses[name]
        low, high = 0, len(self._sorted)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self._sorted[middle] <= address else (low, middle)
        return self._sorted[low] - address if low < len(self._sorted) else 0


def read(data: bytes) -> Symbols:
    """The kernel's symbols.

    Raises:
        NotPossible: A line is none, or the addresses are hidden.
    """
    if len(data) > MAX_BYTES:
        raise _broken(f"it has more than {MAX_BYTES} bytes")
    seen: dict[str, tuple[bool, int]] = {}
    for number, line in enumerate(data.decode("ascii", "backslashreplace").split("\n"), 1):
        fields = line.split()
        if len(fields) > _FIELDS or not fields:
            continue
        address, letter, name = _symbol(fields, number)
        if name not in seen or (letter.isupper() and not seen[name][0]):
            seen[name] = (letter.isupper(), address)
    if not any(address for _, address in seen.values()):
        raise _broken("every address is zero: it was not read by root, or kernel.kptr_restrict is 2")
    if "_text" not in seen:
        raise _broken("it has no _text")
    start = seen["_text"][1]
    moved_by = start - START
    # What lies before the kernel's start is no place in it: offsets into the memory of each processor, for example.
    addresses = {name: place - moved_by if place >= start else place for name, (_, place) in seen.items()}
    return Symbols(addresses, moved_by, tuple(sorted(set(addresses.values()))))


def _symbol(fields: list[str], number: int) -> tuple[int, str, str]:
    try:
        address, letter, name = fields
        place = int(address, 16)
    except ValueError:
        raise _broken(f"line {number} is none of its lines") from None
    if not 0 <= place < 1 << 64 or len(letter) != 1:
        raise _broken(f"line {number} is none of its lines")
    return place, letter, name


def _broken(what: str) -> NotPossible:
    return NotPossible(f"The kernel's list of symbols cannot be used: {what}.", "Take /proc/kallsyms again as root.")
