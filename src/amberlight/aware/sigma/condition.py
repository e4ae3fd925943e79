"""The text after `condition:` to a tree over the selections.

References:
    Sigma rules specification 2.1.0, "condition": `not` binds before `and`, `and` before `or`; `them` leaves out names that
    begin with an underscore.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase

from amberlight.aware.sigma.logic import Both, CannotRun, Either, Node, Not

TOKEN = re.compile(r"\s*(?:(\()|(\))|([^\s()|]+)|(\|))")
DEEPEST = 50
MOST_TOKENS = 500
COUNTS: dict[str, type[Either | Both]] = {"1": Either, "any": Either, "all": Both}


def tree(condition: str, selections: Mapping[str, Node]) -> Node:
    """The condition as a tree.

    Raises:
        CannotRun: it is no condition, counts events, or names what is not there.
    """
    return Reading(tokens(condition), selections).whole()


def tokens(condition: str) -> list[str]:
    """Words and parentheses."""
    found = [match[0].strip() for match in TOKEN.finditer(condition.strip())]
    if "|" in found:
        raise CannotRun("the condition counts events (what stands after `|`), which this importer does not do")
    if not found or len(found) > MOST_TOKENS:
        raise CannotRun("the condition is empty, or too long")
    return found


class Reading:
    """Reads the words from left to right."""

    def __init__(self, words: list[str], selections: Mapping[str, Node]) -> None:
        self.words = words
        self.selections = selections
        self.at = 0
        self.depth = 0

    def whole(self) -> Node:
        """All words."""
        node = self.either()
        if self.at < len(self.words):
            raise CannotRun(f"the condition has {self.words[self.at]!r} where it should end")
        return node

    def next_is(self, word: str) -> bool:
        """Whether that word comes next; it is passed over."""
        found = self.at < len(self.words) and self.words[self.at].lower() == word
        self.at += found
        return found

    def either(self) -> Node:
        """Parts with `or` between them."""
        parts = [self.both()]
        while self.next_is("or"):
            parts.append(self.both())
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def both(self) -> Node:
        """Parts with `and` between them."""
        parts = [self.part()]
        while self.next_is("and"):
            parts.append(self.part())
        return parts[0] if len(parts) == 1 else Both(tuple(parts))

    def part(self) -> Node:
        """A selection, its opposite, several of a pattern, or a condition in parentheses."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise CannotRun("the condition is nested too deeply")
        try:
            if self.next_is("not"):
                return Not(self.part())
            if self.next_is("("):
                inner = self.either()
                if not self.next_is(")"):
                    raise CannotRun("the condition lacks a closing parenthesis")
                return inner
            return self.named()
        finally:
            self.depth -= 1

    def named(self) -> Node:
        """`NAME`, or `1 of PATTERN`."""
        if self.at >= len(self.words) or self.words[self.at] == ")":
            raise CannotRun("the condition ends where a selection should stand")
        word = self.words[self.at]
        self.at += 1
        if self.next_is("of"):
            return self.several(word)
        if word not in self.selections:
            raise CannotRun(f"the condition names {word!r}, and there is no such selection")
        return self.selections[word]

    def several(self, count: str) -> Node:
        """So many of the selections that fit a pattern."""
        pattern = self.words[self.at] if self.at < len(self.words) else ""
        self.at += 1
        if count.lower() not in COUNTS:
            raise CannotRun(f"`{count} of` is not among `1 of`, `any of` and `all of`")
        if pattern.lower() == "them":
            fitting = [node for name, node in self.selections.items() if not name.startswith("_")]
        else:
            fitting = [node for name, node in self.selections.items() if fnmatchcase(name, pattern)]
        if not fitting:
            raise CannotRun(f"no selection fits {pattern!r}")
        return COUNTS[count.lower()](tuple(fitting))
