"""Selections to trees: a mapping wants all its fields, a list any of its members, bare texts are looked for everywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from amberlight.aware.rule import Gate
from amberlight.aware.sigma import fields
from amberlight.aware.sigma.logic import Both, CannotRun, Either, Node, Test
from amberlight.aware.sigma.values import PLACES, ListTest, listed, test_of
from amberlight.trail import Event

MOST_VALUES = 5000
MOST_KEPT = 2000
PINNING: dict[str, Callable[[str, str], str]] = {
    "eventSource": lambda source, _: source,
    "eventName": lambda _, name: name,
}
"""Fields that are the same for all events of one route."""


def selection(body: Any) -> Node:
    """The tree of one selection.

    Raises:
        CannotRun: something in it does not run here.
    """
    if isinstance(body, Mapping) and body:
        return Both(tuple(field(str(name), value) for name, value in body.items()))
    if isinstance(body, list) and body and len(body) <= MOST_VALUES:
        groups = [selection(one) for one in body if isinstance(one, Mapping)]
        words = [one for one in body if not isinstance(one, Mapping)]
        return Either((*groups, *([keywords(words, [])] if words else [])))
    if isinstance(body, str):
        return keywords([body], [])
    raise CannotRun("a selection is empty, or neither a mapping nor a list")


def field(name: str, value: Any) -> Node:
    """The test of one field: `name|modifier|modifier`."""
    path, *modifiers = name.split("|")
    if len(listed(value)) > MOST_VALUES:
        raise CannotRun(f"a field has more than {MOST_VALUES} values")
    if not path:
        return keywords(listed(value), modifiers)
    if "fieldref" in modifiers:
        return reference(path, str(value), [one for one in modifiers if one != "fieldref"])
    test, pick = test_of(value, modifiers), fields.scalar(path)
    if pick is not None:
        gate = Gate(path, pick, remembered(lambda text: test([] if text is None else [text])))
        return Test(lambda event: gate.passes(pick(event)), known_by(path, test), gate)
    get = fields.getter(path)
    return Test(lambda event: test(get(event)))


def remembered(test: Callable[[str | None], bool]) -> Callable[[str | None], bool]:
    """The test, with its answers kept: few texts stand in most events."""
    answers: dict[str | None, bool] = {}

    def check(text: str | None) -> bool:
        answer = answers.get(text)
        if answer is None:
            if len(answers) >= MOST_KEPT:
                answers.clear()
            answer = answers[text] = test(text)
        return answer

    return check


def known_by(path: str, test: ListTest) -> Callable[[str, str], bool] | None:
    """The same test asked of an event's source and name alone, where it looks at nothing else."""
    pick = PINNING.get(path)
    return None if pick is None else lambda source, name: test([pick(source, name)])


def keywords(words: list[Any], modifiers: list[str]) -> Node:
    """Texts that may stand anywhere in what is kept of an event."""
    operator = [] if "re" in modifiers or set(PLACES) & set(modifiers) else ["contains"]
    test = test_of(words, [*modifiers, *operator])
    return Test(lambda event: test(fields.everything(event)))


def reference(path: str, other: str, modifiers: list[str]) -> Node:
    """A field compared with another field of the same event, without case."""
    strange = [one for one in modifiers if one not in PLACES]
    if strange or len(modifiers) > 1:
        raise CannotRun(f"`fieldref` with `{'|'.join(modifiers)}` does not run here")
    compare: Callable[[str, str], bool] = {
        "contains": lambda mine, theirs: theirs in mine,
        "startswith": str.startswith,
        "endswith": str.endswith,
        "": str.__eq__,
    }[modifiers[0] if modifiers else ""]
    get, theirs = fields.getter(path), fields.getter(other)

    def check(event: Event) -> bool:
        mine = [one.lower() for one in get(event) if one is not None]
        return any(compare(one, that.lower()) for that in theirs(event) if that is not None for one in mine)

    return Test(check)
