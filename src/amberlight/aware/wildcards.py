"""Texts with wildcards, as plans and Sigma write them.

`*` stands for anything, `?` for one character, a backslash before them for themselves. Without regular expressions: nothing here goes back and tries again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

ANY = "\0"
"""Stands for one character of any kind inside a piece; YAML allows no such character in a rule."""


def pieces(value: str) -> list[str]:
    """The literal pieces between the stars; one piece where there are none."""
    found, part, here = [], "", 0
    while here < len(value):
        letter = value[here]
        if letter == "\\" and value[here + 1 : here + 2] in ("*", "?", "\\"):
            here += 1
            part += value[here]
        elif letter == "*":
            found.append(part)
            part = ""
        else:
            part += ANY if letter == "?" else letter
        here += 1
    return [*found, part]


def wildcard(pieces: Sequence[str]) -> Callable[[str], bool]:
    """A test of a whole text: literal pieces (`ANY` for any one character) with anything between them.

    Taking the first place where each piece fits is enough, since pieces have a length of their own; so it never backtracks.
    """
    if len(pieces) == 1:
        only = pieces[0]
        return lambda value: len(value) == len(only) and place(value, only, 0) == 0
    first, *middle, last = pieces

    def check(value: str) -> bool:
        if (
            len(value) < len(first) + len(last)
            or not at(value, first, 0)
            or not at(value, last, len(value) - len(last))
        ):
            return False
        here, end = len(first), len(value) - len(last)
        for piece in middle:
            found = place(value, piece, here)
            if found < 0:
                return False
            here = found + len(piece)
        return here <= end

    return check


def place(value: str, piece: str, start: int) -> int:
    """Where a piece first fits; -1 for nowhere."""
    if ANY not in piece:
        return value.find(piece, start)
    return next((here for here in range(start, len(value) - len(piece) + 1) if at(value, piece, here)), -1)


def at(value: str, piece: str, here: int) -> bool:
    """Whether a piece fits exactly here."""
    if ANY not in piece:
        return value.startswith(piece, here)
    part = value[here : here + len(piece)]
    return len(part) == len(piece) and all(want in (ANY, got) for want, got in zip(piece, part, strict=True))
