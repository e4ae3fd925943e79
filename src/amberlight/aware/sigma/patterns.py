"""Regular expressions that cannot run away on hostile text.

Python's engine goes back and tries again. A pattern is refused where the ways to try it on the longest text are more than the
square of its length, and only the first 2048 characters of a value are looked at. What remains takes a fraction of a second
at worst, and nearly always microseconds.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

from amberlight.aware.sigma.logic import CannotRun

MOST_CHARACTERS = 2048
MOST_PATTERN = 1000
BUDGET = 2 * MOST_CHARACTERS**2
"""Ways to try a pattern on the longest text: starting points times ways from each."""
REPEATS = (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT)
BEGINNINGS = (sre.AT_BEGINNING, sre.AT_BEGINNING_STRING)
LETTERS = frozenset(range(257))
"""Codes below 256, and 256 for every other character."""
CLASSES = {
    sre.CATEGORY_DIGIT: re.compile(r"\d"), sre.CATEGORY_NOT_DIGIT: re.compile(r"\D"),
    sre.CATEGORY_SPACE: re.compile(r"\s"), sre.CATEGORY_NOT_SPACE: re.compile(r"\S"),
    sre.CATEGORY_WORD: re.compile(r"\w"), sre.CATEGORY_NOT_WORD: re.compile(r"\W"),
}  # fmt: skip
SLOW = "could take very long on hostile text; bound its repeats, as in {1,40}, or say it with |contains|all"
Parsed = Sequence[tuple[Any, Any]]


def expression(pattern: str, flags: int) -> re.Pattern[str]:
    """A checked pattern, to be searched for.

    Raises:
        CannotRun: it is no pattern, or not a safe one.
    """
    if len(pattern) > MOST_PATTERN:
        raise CannotRun(f"a regular expression is longer than {MOST_PATTERN} characters")
    trimmed = without_ends(pattern)
    try:
        tree = parser.parse(trimmed, flags)
        found = re.compile(trimmed, flags)
    except (re.error, OverflowError, RecursionError) as problem:
        raise CannotRun(f"the regular expression {shown(pattern)} is none: {problem}") from problem
    anchored = (
        bool(len(tree)) and tree[0][0] is sre.AT and tree[0][1] in BEGINNINGS and not tree.state.flags & re.MULTILINE
    )
    if (1 if anchored else MOST_CHARACTERS) * ways(tree, found.flags) > BUDGET:
        raise CannotRun(f"the regular expression {shown(pattern)} {SLOW}")
    return found


def without_ends(pattern: str) -> str:
    """The pattern without `.*` at its ends, which says nothing in a search and costs a factor of the text's length.

    Of `.+` one character is left, which says as much.
    """
    if pattern.startswith((".*", ".+")):
        pattern = "." * (pattern[1] == "+") + pattern[2:].removeprefix("?")
    if pattern.endswith((".*", ".+")) and not pattern.endswith(("\\.*", "\\.+")):
        pattern = pattern[:-2] + "." * (pattern[-1] == "+")
    return pattern


def shown(pattern: str) -> str:
    """A pattern, short enough for a sentence."""
    return repr(pattern if len(pattern) <= 60 else pattern[:57] + "...")  # noqa: PLR2004 - a line


def ways(tree: Parsed, flags: int) -> int:
    """The most ways in which a pattern can match from one place, in a text of the greatest length.

    Raises:
        CannotRun: it refers to what it matched before.
    """
    product = 1
    elements = list(tree)
    for number, (operation, argument) in enumerate(elements):
        if not ends_surely(elements, number, flags):
            product = min(product * of_one(operation, argument, flags), BUDGET * 2)
    return product


def ends_surely(elements: list[tuple[Any, Any]], number: int, flags: int) -> bool:
    """Whether a repeated letter is followed by one that it cannot be: then there is one place where it can end."""
    operation, argument = elements[number]
    if operation not in REPEATS or len(argument[2]) != 1 or number + 1 == len(elements):
        return False
    mine, following = letters(argument[2][0], flags), letters(elements[number + 1], flags)
    return bool(mine and following and not mine & following)


def of_one(operation: Any, argument: Any, flags: int) -> int:
    """Ways of one element."""
    if operation is sre.BRANCH:
        return sum(ways(branch, flags) for branch in argument[1])
    if operation in REPEATS:
        return repeated(argument, flags)
    if operation in (sre.SUBPATTERN, sre.ATOMIC_GROUP, sre.ASSERT, sre.ASSERT_NOT):
        inner = argument if operation is sre.ATOMIC_GROUP else argument[-1]
        return ways(inner, flags)
    if operation in (sre.GROUPREF, sre.GROUPREF_EXISTS):
        raise CannotRun("a regular expression that refers to its own groups does not run here")
    return 1


def repeated(argument: tuple[int, Any, Parsed], flags: int) -> int:
    """Ways of a repeat: its lengths, each with the ways of what is repeated, so many times."""
    least, most, body = argument
    top = MOST_CHARACTERS if most is sre.MAXREPEAT else min(int(most), MOST_CHARACTERS)
    inner = ways(body, flags)
    if inner == 1:
        return max(1, top - least + 1)
    total = 0
    for times in range(least, top + 1):
        total += inner**times
        if total > BUDGET:
            return BUDGET * 2
    return max(1, total)


def letters(element: tuple[Any, Any], flags: int) -> frozenset[int]:
    """Which characters an element of one character can be; empty where it is anything else."""
    operation, argument = element
    if operation is sre.LITERAL:
        return either_case({min(argument, 256)}, flags)
    if operation is sre.NOT_LITERAL:
        return LETTERS - ({argument} - {256})
    if operation is sre.ANY:
        return LETTERS
    if operation is not sre.IN:
        return frozenset()
    negated = argument[0][0] is sre.NEGATE
    found = either_case({code for kind, what in argument for code in members(kind, what)}, flags)
    return (LETTERS - found) | {256} if negated else found


def members(kind: Any, what: Any) -> set[int]:
    """Codes of one member of a set of characters."""
    if kind is sre.LITERAL:
        return {min(what, 256)}
    if kind is sre.RANGE:
        return {min(code, 256) for code in range(what[0], min(what[1], 256) + 1)}
    if kind is sre.CATEGORY:
        return {code for code in range(256) if CLASSES[what].match(chr(code))} | {256}
    return set()


def either_case(codes: set[int], flags: int) -> frozenset[int]:
    """The codes in both cases, where case does not count."""
    if not flags & re.IGNORECASE:
        return frozenset(codes)
    both = {ord(one) for code in codes if code < 256 for one in (chr(code).lower(), chr(code).upper()) if len(one) == 1}  # noqa: PLR2004
    return frozenset(codes | {min(code, 256) for code in both} | {256})
