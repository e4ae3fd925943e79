"""The SQL of SelectResourceConfig, read into functions.

`SELECT fields [WHERE condition] [GROUP BY properties] [ORDER BY properties] [LIMIT number]`, without FROM. Everything else is
refused with the place where it was not understood.

References:
    "Query Components", "Limitations", AWS Config Developer Guide, 2026-11: LIKE knows `%`; a list matches when a member does.
"""

from __future__ import annotations

import dataclasses
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from amberlight.lab.detection.wire import values_at
from amberlight.lab.own import Refused

T = TypeVar("T")
Test = Callable[[Mapping[str, Any]], bool]
FUNCTIONS = ("COUNT", "SUM", "AVG", "MIN", "MAX")
_TOKEN = re.compile(r"\s*(?:('(?:[^']|'')*')|(-?\d+(?:\.\d+)?)|([A-Za-z_][\w-]*(?:\.[\w-]+)*)|(<=|>=|[=<>(),*]))")
_WORDS = frozenset(
    [
        "SELECT",
        "WHERE",
        "AND",
        "OR",
        "NOT",
        "LIKE",
        "IN",
        "IS",
        "NULL",
        "BETWEEN",
        "GROUP",
        "ORDER",
        "BY",
        "ASC",
        "DESC",
        "LIMIT",
        "TRUE",
        "FALSE",
    ]
)
_COMPARE = {"=": operator.eq, "<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge}
_DEEPEST = 50


@dataclasses.dataclass(frozen=True)
class Field:
    """A property, or a function of one; `*` stands for the whole resource."""

    path: str
    function: str = ""

    @property
    def name(self) -> str:
        """As answers name it."""
        return f"{self.function}({self.path})" if self.function else self.path


@dataclasses.dataclass(frozen=True)
class Query:
    """A query that was understood."""

    fields: tuple[Field, ...]
    where: Test
    group: tuple[str, ...] = ()
    order: tuple[tuple[Field, bool], ...] = ()
    """With whether it descends."""
    limit: int | None = None


def read(text: str) -> Query:
    """The query in a text.

    Raises:
        Refused: InvalidExpressionException, with what was expected where.
    """
    return _Reader(text).query()


class _Reader:
    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._at = 0
        self._depth = 0

    def query(self) -> Query:
        self._need("SELECT")
        fields = self._list(self._field)
        where = self._either() if self._take("WHERE") else _always
        group = self._list(self._path) if self._by("GROUP") else ()
        order = self._list(self._ordered) if self._by("ORDER") else ()
        limit = self._whole_number() if self._take("LIMIT") else None
        if self._kind != "end":
            raise self._wrong("the end of the expression")
        found = Query(fields, where, group, order, limit)
        _check(found)
        return found

    @property
    def _kind(self) -> str:
        return self._tokens[self._at][0]

    @property
    def _value(self) -> Any:
        return self._tokens[self._at][1]

    def _wrong(self, expected: str) -> Refused:
        return invalid(f"expected {expected} instead of '{self._tokens[self._at][2]}'")

    def _take(self, word: str) -> bool:
        if self._kind == word:
            self._at += 1
            return True
        return False

    def _need(self, word: str) -> None:
        if not self._take(word):
            raise self._wrong(word)

    def _by(self, word: str) -> bool:
        if not self._take(word):
            return False
        self._need("BY")
        return True

    def _list(self, part: Callable[[], T]) -> tuple[T, ...]:
        found = [part()]
        while self._take(","):
            found.append(part())
        return tuple(found)

    def _path(self) -> str:
        if self._kind != "path":
            raise self._wrong("a property")
        self._at += 1
        return str(self._tokens[self._at - 1][1])

    def _field(self) -> Field:
        if self._take("*"):
            return Field("*")
        name = self._path()
        if not self._take("("):
            return Field(name)
        function = name.upper()
        if function not in FUNCTIONS:
            raise invalid(f"there is no function {name}")
        path = "*" if function == "COUNT" and self._take("*") else self._path()
        self._need(")")
        return Field(path, function)

    def _ordered(self) -> tuple[Field, bool]:
        field = self._field()
        descends = self._take("DESC")
        if not descends:
            self._take("ASC")
        return field, descends

    def _whole_number(self) -> int:
        value = self._literal()
        if not isinstance(value, int) or value < 0:
            raise invalid("LIMIT takes a whole number")
        return value

    def _literal(self) -> Any:
        if self._kind not in ("string", "number", "TRUE", "FALSE"):
            raise self._wrong("a value")
        self._at += 1
        return self._tokens[self._at - 1][1]

    def _either(self) -> Test:
        tests = [self._both()]
        while self._take("OR"):
            tests.append(self._both())
        return lambda resource: any(test(resource) for test in tests)

    def _both(self) -> Test:
        tests = [self._negated()]
        while self._take("AND"):
            tests.append(self._negated())
        return lambda resource: all(test(resource) for test in tests)

    def _negated(self) -> Test:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise invalid("it is nested too deeply")
        test = self._inner()
        self._depth -= 1
        return test

    def _inner(self) -> Test:
        if self._take("NOT"):
            return _not(self._negated())
        if self._take("("):
            test = self._either()
            self._need(")")
            return test
        return self._predicate()

    def _predicate(self) -> Test:
        path = self._path()
        if self._kind in _COMPARE:
            compare = _COMPARE[self._kind]
            self._at += 1
            return _any(path, _comparing(compare, self._literal()))
        if self._take("IS"):
            negative = self._take("NOT")
            self._need("NULL")
            absent = _not(_any(path, lambda _: True))
            return _not(absent) if negative else absent
        negative = self._take("NOT")
        test = _any(path, self._matching())
        return _not(test) if negative else test

    def _matching(self) -> Callable[[Any], bool]:
        if self._take("LIKE"):
            return _like(str(self._literal()))
        if self._take("BETWEEN"):
            low = self._literal()
            self._need("AND")
            above, below = _comparing(operator.ge, low), _comparing(operator.le, self._literal())
            return lambda value: above(value) and below(value)
        self._need("IN")
        self._need("(")
        values = self._list(self._literal)
        self._need(")")
        return lambda value: any(_comparing(operator.eq, each)(value) for each in values)


def _tokens(text: str) -> Iterable[tuple[str, Any, str]]:
    """Kind, value and spelling of each token, and an end."""
    at, text = 0, text.rstrip().removesuffix(";").rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise invalid(f"'{text[at : at + 20].strip()}' is not understood")
        at = match.end()
        yield _token(match)
    yield "end", None, "the end"


def _token(match: re.Match[str]) -> tuple[str, Any, str]:
    string, number, word, sign = match.groups()
    if string is not None:
        return "string", string[1:-1].replace("''", "'"), string
    if number is not None:
        return "number", float(number) if "." in number else int(number), number
    if word is None:
        return sign, sign, sign
    upper = word.upper()
    return (upper, upper == "TRUE", word) if upper in _WORDS else ("path", word, word)


def _check(query: Query) -> None:
    functions = [field for field in query.fields if field.function]
    plain = {field.path for field in query.fields if not field.function}
    if (functions or query.group) and plain - set(query.group):
        raise invalid("a property beside a function has to stand in GROUP BY")
    if "*" in plain and len(query.fields) > 1:
        raise invalid("* stands alone")
    if (functions or query.group) and not {field for field, _ in query.order} <= set(query.fields):
        raise invalid("groups are ordered by what is selected")
    if not functions and any(field.function for field, _ in query.order):
        raise invalid("a function in ORDER BY has to be selected")


def invalid(what: str) -> Refused:
    """The refusal of an expression."""
    return Refused("InvalidExpressionException", f"The expression is not valid: {what}.")


def _always(_: Mapping[str, Any]) -> bool:
    return True


def _not(test: Test) -> Test:
    return lambda resource: not test(resource)


def _any(path: str, test: Callable[[Any], bool]) -> Test:
    return lambda resource: any(test(value) for value in values_at(resource, path) if value is not None)


def _comparing(compare: Callable[[Any, Any], bool], wanted: Any) -> Callable[[Any], bool]:
    """Numbers are compared with numbers, and also where they stand in a text; other types match nothing of another type."""

    def test(value: Any) -> bool:
        if isinstance(wanted, bool) or isinstance(value, bool):
            return compare is operator.eq and str(value).lower() == str(wanted).lower()
        if isinstance(wanted, (int, float)) and isinstance(value, str):
            try:
                return compare(float(value), wanted)
            except ValueError:
                return False
        return type(wanted) in _same(value) and compare(value, wanted)

    return test


def _same(value: Any) -> tuple[type, ...]:
    return (int, float) if isinstance(value, (int, float)) else (type(value),)


def _like(pattern: str) -> Callable[[Any], bool]:
    first, *middle = pattern.split("%")

    def test(value: Any) -> bool:
        if not isinstance(value, str) or not value.startswith(first):
            return False
        if not middle:
            return value == first
        at = len(first)
        for part in middle[:-1]:
            found = value.find(part, at)
            if found < 0:
                return False
            at = found + len(part)
        return value.endswith(middle[-1]) and len(value) - len(middle[-1]) >= at

    return test
