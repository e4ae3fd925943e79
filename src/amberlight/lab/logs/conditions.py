"""Conditions on the members of a JSON object, as filter patterns write them.

`$.userIdentity.type = "Root" && ($.errorCode NOT EXISTS || $.count >= 3)`: `&&` before `||`, asterisks in strings, `%expressions%`.

References:
    "Filter pattern syntax", CloudWatch Logs User Guide, 2026-11: `=`, `!=`, `<`, `>`, `<=`, `>=`, `IS NULL`, `IS TRUE`, `IS FALSE`, `NOT
    EXISTS`; members by `.name`, `['name']`, `[0]` and `[*]`. A member that is not there meets no comparison, `!=` neither.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

_TOKEN = re.compile(
    r"""\s*(?:(?P<join>&&|\|\|)|(?P<paren>[()])|(?P<op>!=|>=|<=|=|<|>)
    |(?P<path>\$(?:\.[\w-]+|\.?\[(?:\d+|\*|'[^']*'|"[^"]*")\])+)
    |"(?P<string>(?:[^"\\]|\\.)*)"|%(?P<regex>[^%]+)%|(?P<word>[^\s()=<>!&|"%$]+))""",
    re.VERBOSE,
)
_STEP = re.compile(r"\.([\w-]+)|\[(\d+|\*)\]|\['([^']*)'\]|\[\"([^\"]*)\"\]")
_SETTLED: Mapping[str, Callable[[Any], bool]] = {
    "NULL": lambda value: value is None, "TRUE": lambda value: value is True, "FALSE": lambda value: value is False,
}  # fmt: skip
_ORDERS: Mapping[str, Callable[[float, float], bool]] = {
    ">": lambda have, wanted: have > wanted, "<": lambda have, wanted: have < wanted,
    ">=": lambda have, wanted: have >= wanted, "<=": lambda have, wanted: have <= wanted,
}  # fmt: skip
Test = Callable[[Mapping[str, Any]], bool]


class PatternError(Exception):
    """It is no filter pattern."""


def expression(text: str) -> re.Pattern[str]:
    """A regular expression between percent signs; without groups it cannot take for ever."""
    if re.search(r"(?<!\\)[()]", text):
        raise PatternError("expressions between percent signs have no groups")
    try:
        return re.compile(text)
    except re.error as error:
        raise PatternError(f"unreadable expression {text[:40]!r}") from error


def values_at(value: Any, path: str) -> Iterator[Any]:
    """The values at `$.a.b[0]`: none, one, or with `[*]` more."""
    found = [value]
    for match in _STEP.finditer(path):
        name = match[1] or match[3] or match[4]
        found = [inner for each in found for inner in _step(each, name, match[2])]
    yield from found


def _step(value: Any, name: str | None, place: str | None) -> list[Any]:
    if name is not None:
        return [value[name]] if isinstance(value, Mapping) and name in value else []
    if not isinstance(value, list):
        return []
    if place == "*":
        return value
    return value[int(place or 0) : int(place or 0) + 1]


@dataclasses.dataclass(frozen=True)
class Conditions:
    """A parsed condition."""

    hold: Test

    @classmethod
    def parsed(cls, text: str, fields: frozenset[str] | None = None) -> Conditions:
        """Conditions on `$` paths, or with *fields* on these names.

        Raises:
            PatternError: It is no condition.
        """
        parser = _Parser(text, fields)
        return cls(parser.whole())


class _Parser:
    def __init__(self, text: str, fields: frozenset[str] | None) -> None:
        self._tokens = list(_tokens(text))
        self._fields = fields
        self._place = 0

    def whole(self) -> Test:
        found = self._any()
        if self._peek() != ("end", ""):
            raise PatternError(f"unexpected {self._peek()[1][:40]!r}")
        return found

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._place] if self._place < len(self._tokens) else ("end", "")

    def _next(self) -> tuple[str, str]:
        found = self._peek()
        self._place += 1
        return found

    def _any(self) -> Test:
        tests = [self._all()]
        while self._peek() == ("join", "||"):
            self._next()
            tests.append(self._all())
        return lambda value: any(test(value) for test in tests)

    def _all(self) -> Test:
        tests = [self._one()]
        while self._peek() == ("join", "&&"):
            self._next()
            tests.append(self._one())
        return lambda value: all(test(value) for test in tests)

    def _one(self) -> Test:
        if self._peek() == ("paren", "("):
            self._next()
            inner = self._any()
            if self._next() != ("paren", ")"):
                raise PatternError("no closing parenthesis")
            return inner
        get = self._subject()
        kind, text = self._next()
        if kind == "word" and text.upper() in ("IS", "NOT", "EXISTS"):
            return self._settled(get, text.upper())
        if kind != "op":
            raise PatternError(f"no comparison before {text[:40]!r}")
        return self._compared(get, text)

    def _subject(self) -> Callable[[Mapping[str, Any]], list[Any]]:
        kind, text = self._next()
        if self._fields is not None and kind == "word" and text in self._fields:
            return lambda value: [value[text]] if text in value else []
        if self._fields is not None or kind != "path":
            raise PatternError(f"no selector at {text[:40]!r}")
        return lambda value: list(values_at(value, text))

    def _settled(self, get: Callable[[Mapping[str, Any]], list[Any]], word: str) -> Test:
        if word == "EXISTS":
            return lambda value: bool(get(value))
        following = self._next()[1].upper()
        if word == "NOT" and following == "EXISTS":
            return lambda value: not get(value)
        if word == "IS" and following in _SETTLED:
            test = _SETTLED[following]
            return lambda value: any(test(each) for each in get(value))
        raise PatternError(f"unknown condition {word} {following[:40]}")

    def _compared(self, get: Callable[[Mapping[str, Any]], list[Any]], operator: str) -> Test:
        kind, text = self._next()
        if kind not in ("string", "word", "regex"):
            raise PatternError(f"nothing to compare with after {operator}")
        number = _number(text) if kind == "word" else None
        if operator in _ORDERS:
            if number is None:
                raise PatternError(f"{operator} compares numbers")
            order, limit = _ORDERS[operator], number
            return lambda value: any((have := _number(each)) is not None and order(have, limit) for each in get(value))
        equal = _equality(kind, text, number)
        if operator == "=":
            return lambda value: any(equal(each) for each in get(value))
        return lambda value: bool(found := get(value)) and not any(equal(each) for each in found)


def _equality(kind: str, text: str, number: float | None) -> Callable[[Any], bool]:
    if kind == "regex":
        searching = expression(text)
        return lambda value: isinstance(value, str) and searching.search(value) is not None
    wanted = re.sub(r"\\(.)", r"\1", text) if kind == "string" else text
    shape = re.compile(".*".join(re.escape(part) for part in wanted.split("*")), re.DOTALL)

    def equal(value: Any) -> bool:
        if isinstance(value, bool):
            return str(value).lower() == wanted
        if number is not None and not isinstance(value, str):
            return _number(value) == number
        return isinstance(value, str) and shape.fullmatch(value) is not None

    return equal


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    place = 0
    while place < len(text.rstrip()):
        match = _TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            raise PatternError(f"unreadable from {text[place:].strip()[:40]!r}")
        yield match.lastgroup, match[match.lastgroup]
        place = match.end()
