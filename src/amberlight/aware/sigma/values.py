"""A field's wanted values with their modifiers, to one test of the texts that an event has there.

References:
    Sigma modifiers specification 2.1.0: without `cased`, texts compare without case; `re` is a search.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Callable, Sequence
from typing import Any

from amberlight.aware.sigma.logic import CannotRun
from amberlight.aware.sigma.patterns import MOST_CHARACTERS, expression
from amberlight.aware.wildcards import ANY, pieces, wildcard

Texts = Sequence[str | None]
TextTest = Callable[[str], bool]
ListTest = Callable[[Texts], bool]
FLAGS = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL}
NUMBERS: dict[str, Callable[[float, float], bool]] = {
    "lt": lambda got, limit: got < limit,
    "lte": lambda got, limit: got <= limit,
    "gt": lambda got, limit: got > limit,
    "gte": lambda got, limit: got >= limit,
}
PLACES = ("contains", "startswith", "endswith")
OPERATORS = frozenset({*PLACES, *NUMBERS, "re", "cidr", "exists"})
ENCODINGS = frozenset({"base64", "base64offset"})
WIDE = {"wide": "utf-16-le", "utf16le": "utf-16-le", "utf16be": "utf-16-be", "utf16": "utf-16"}
KNOWN = OPERATORS | ENCODINGS | frozenset(WIDE) | frozenset(FLAGS) | {"all", "cased", "neq"}


def listed(value: Any) -> list[Any]:
    """One value or several, as a list."""
    return value if isinstance(value, list) else [value]


def test_of(value: Any, modifiers: Sequence[str]) -> ListTest:
    """A test of all texts at a place.

    Raises:
        CannotRun: a modifier that does not run here, or a value that it cannot be used with.
    """
    strange = [name for name in modifiers if name not in KNOWN]
    if strange:
        raise CannotRun(f"the modifier `{strange[0]}` does not run here")
    used = [name for name in modifiers if name in OPERATORS]
    if len(used) > 1:
        raise CannotRun(f"the modifiers `{used[0]}` and `{used[1]}` exclude each other")
    if used == ["exists"]:
        return existence(value)
    plain = one_of(listed(value)) if not modifiers else None
    if plain is not None:
        return plain
    tests = [single(one, used[0] if used else "", modifiers) for one in listed(value)]
    if not tests:
        raise CannotRun("a field has an empty list of values")
    joined = every(tests) if "all" in modifiers else some(tests)
    return (lambda texts: not joined(texts)) if "neq" in modifiers else joined


def one_of(wanted: list[Any]) -> ListTest | None:
    """A test for several texts without wildcards, by one look into a set; None where some are anything else."""
    words = [word(one).lower() for one in wanted if isinstance(one, (str, int, float))]
    if len(words) < 2 or len(words) < len(wanted) or set("*?\\\0") & set("".join(words)):  # noqa: PLR2004 - several
        return None
    among = frozenset(words)
    return lambda texts: any(text is not None and text.lower() in among for text in texts)


def existence(value: Any) -> ListTest:
    """Whether the place is there at all."""
    if not isinstance(value, bool):
        raise CannotRun("`exists` wants true or false")
    return lambda texts: any(text is not None for text in texts) is value


def every(tests: Sequence[ListTest]) -> ListTest:
    """All values."""
    return tests[0] if len(tests) == 1 else lambda texts: all(test(texts) for test in tests)


def some(tests: Sequence[ListTest]) -> ListTest:
    """Any value."""
    return tests[0] if len(tests) == 1 else lambda texts: any(test(texts) for test in tests)


def single(value: Any, operator: str, modifiers: Sequence[str]) -> ListTest:
    """A test for one wanted value."""
    if isinstance(value, (dict, list)):
        raise CannotRun("a value is a list or a mapping where a text should stand")
    if value is None:
        if operator:
            raise CannotRun(f"`{operator}` wants a text, and null is none")
        return lambda texts: all(text is None for text in texts)
    test = text_test(word(value), operator, modifiers)
    return lambda texts: any(text is not None and test(text) for text in texts)


def word(value: Any) -> str:
    """A value as events write it."""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def text_test(value: str, operator: str, modifiers: Sequence[str]) -> TextTest:
    """A test of one text."""
    if ANY in value:
        raise CannotRun("a value holds a character that no text can hold")
    if operator == "re":
        pattern = expression(value, sum(flag for name, flag in FLAGS.items() if name in modifiers))
        return lambda text: pattern.search(text[:MOST_CHARACTERS]) is not None
    if operator == "cidr":
        return network_test(value)
    if operator in NUMBERS:
        return number_test(value, NUMBERS[operator])
    if ENCODINGS & set(modifiers):
        tests = [match(["", one, ""] if operator == "contains" else [one]) for one in encoded(value, modifiers)]
        return lambda text: any(test(text) for test in tests)
    parts = pieces(value if "cased" in modifiers else value.lower())
    test = match(placed(parts, operator))
    return test if "cased" in modifiers else lambda text: test(text.lower())


def placed(parts: list[str], operator: str) -> list[str]:
    """Pieces with anything before, after or around them."""
    before = [""] if operator in ("contains", "endswith") else []
    after = [""] if operator in ("contains", "startswith") else []
    return [*before, *parts, *after]


def match(parts: list[str]) -> TextTest:
    """The fastest test for those pieces."""
    if ANY in "".join(parts):
        return wildcard(parts)
    if len(parts) == 1:
        return lambda text: text == parts[0]
    if len(parts) == 3 and not parts[0] and not parts[2]:  # noqa: PLR2004 - one piece with anything around it
        return lambda text: parts[1] in text
    return wildcard(parts)


def network_test(value: str) -> TextTest:
    """Whether an address lies in a network."""
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError as problem:
        raise CannotRun(f"`cidr` wants a network, and {value[:60]!r} is none") from problem

    def check(text: str) -> bool:
        try:
            return ipaddress.ip_address(text) in network
        except ValueError:
            return False  # names of services stand where addresses do

    return check


def number_test(value: str, compare: Callable[[float, float], bool]) -> TextTest:
    """Whether a number compares so with the limit."""
    try:
        limit = float(value)
    except ValueError as problem:
        raise CannotRun(f"{value[:60]!r} is no number") from problem

    def check(text: str) -> bool:
        try:
            return compare(float(text), limit)
        except ValueError:
            return False  # another kind of text is neither more nor less

    return check


def encoded(value: str, modifiers: Sequence[str]) -> list[str]:
    """The text as it looks inside Base64: as a whole, or at each of the three offsets, without what neighbours change."""
    wide = next((WIDE[name] for name in modifiers if name in WIDE), "utf-8")
    data = value.encode(wide)
    if "base64" in modifiers:
        return [base64.b64encode(data).decode()]
    found = []
    for offset in range(3):
        whole = base64.b64encode(b"\0" * offset + data).decode()
        end = len(whole) - (0, 3, 2)[(len(data) + offset) % 3]
        found.append(whole[(0, 2, 3)[offset] : end])
    return found
