"""Filter patterns of CloudWatch Logs: terms, `{ $.json = "conditions" }` and `[space, delimited, fields]`.

References:
    "Filter pattern syntax for metric filters, subscription filters, filter log events, and Live Tail", CloudWatch Logs User Guide,
    2026-11: patterns are case sensitive; `?` terms count only among themselves; a term of other than letters, digits and underscores is
    quoted; expressions between percent signs have no groups.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from amberlight.lab.logs.conditions import Conditions, PatternError, expression

Matcher = Callable[[str], bool]
_TERM = re.compile(r'\s*([?-]?)(?:"((?:[^"\\]|\\.)*)"|%([^%]*)%|([^\s"%]+))(?=\s|$)')
_PLAIN = re.compile(r"\w+$", re.ASCII)
_FIELDS = re.compile(r'\[([^\]]*)\]|"([^"]*)"|(\S+)')
_MOST = 1024


@lru_cache(maxsize=256)
def compiled(pattern: str) -> Matcher:
    """What tells whether a message matches.

    Raises:
        PatternError: It is no filter pattern; the message says where.
    """
    text = pattern.strip()
    if len(pattern) > _MOST:
        raise PatternError("a filter pattern has at most 1024 characters")
    if not text:
        return lambda _: True
    if text.startswith("{"):
        return _json(text)
    return _delimited(text) if text.startswith("[") else _terms(text)


def _terms(text: str) -> Matcher:
    found: dict[str, list[Matcher]] = {"": [], "?": [], "-": []}
    place = 0
    while place < len(text):
        match = _TERM.match(text, place)
        if match is None:
            raise PatternError(f"unreadable from {text[place:].strip()[:40]!r}")
        sign, phrase, regular, word = match.groups()
        found[sign].append(_one(phrase, regular, word))
        place = match.end()
    every, some, none = found[""], found["?"], found["-"]
    if not every and not none:
        return lambda message: any(each(message) for each in some)
    return lambda message: all(each(message) for each in every) and not any(each(message) for each in none)


def _one(phrase: str | None, regular: str | None, word: str | None) -> Matcher:
    if regular is not None:
        searching = expression(regular)
        return lambda message: searching.search(message) is not None
    if word is not None and not _PLAIN.match(word):
        raise PatternError(f"Invalid character(s) in term {word!r}")
    wanted = word if phrase is None else re.sub(r"\\(.)", r"\1", phrase)
    return lambda message: str(wanted) in message


def _json(text: str) -> Matcher:
    if not text.endswith("}"):
        raise PatternError("no closing brace")
    conditions = Conditions.parsed(text[1:-1])

    def matches(message: str) -> bool:
        try:
            value = json.loads(message)
        except ValueError:
            return False
        return isinstance(value, dict) and conditions.hold(value)

    return matches


def _delimited(text: str) -> Matcher:
    if not text.endswith("]"):
        raise PatternError("no closing bracket")
    names, conditions = [], []
    for number, part in enumerate(_parts(text[1:-1])):
        name = re.match(r"\(*\s*([\w.-]+)", part)
        if part == "...":
            names.append("...")
        elif name is None:
            raise PatternError(f"field {number + 1} has no name")
        else:
            names.append(name[1])
            if part != name[1]:
                conditions.append(Conditions.parsed(part, fields=frozenset(names)))
    if names.count("...") > 1:
        raise PatternError("more than one ellipsis")

    def matches(message: str) -> bool:
        values = _named(
            names, [next(each for each in found if each) if any(found) else "" for found in _FIELDS.findall(message)]
        )
        return values is not None and all(each.hold(values) for each in conditions)

    return matches


def _parts(text: str) -> list[str]:
    """What stands between commas that are not within quotes."""
    return [each.strip() for each in re.findall(r'(?:"[^"]*"|%[^%]*%|[^,"%])+', text)]


def _named(names: Sequence[str], values: list[str]) -> dict[str, str] | None:
    """The values by their names, or None when there are not as many."""
    if "..." not in names:
        return dict(zip(names, values, strict=True)) if len(names) == len(values) else None
    before = list(names).index("...")
    after = len(names) - before - 1
    if len(values) < before + after:
        return None
    head = dict(zip(names[:before], values[:before], strict=True))
    return {**head, **dict(zip(names[before + 1 :], values[len(values) - after :], strict=True))}
