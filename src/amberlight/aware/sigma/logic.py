"""Conditions as a tree of tests: run on an event, or asked beforehand what is certain from an event's name alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from amberlight.aware.rule import Gate
from amberlight.trail import Event

Check = Callable[[Event], bool]


class CannotRun(Exception):
    """A rule uses something that does not run here; the text says what."""


@dataclass(frozen=True)
class Test:
    """A leaf.

    Attributes:
        check: The test of an event.
        known: The answer from source and name, where the test looks at nothing else; None where it looks further.
        gate: The same test where it looks at one text alone.
    """

    check: Check
    known: Callable[[str, str], bool] | None = None
    gate: Gate | None = None


@dataclass(frozen=True)
class Not:
    """The opposite."""

    part: Node


@dataclass(frozen=True)
class Both:
    """All parts."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Either:
    """Any part."""

    parts: tuple[Node, ...]


Node = Test | Not | Both | Either


def compiled(node: Node) -> Check:
    """The tree as one function. What can be told from the name alone comes first, since it costs least."""
    if isinstance(node, Test):
        return node.check
    if isinstance(node, Not):
        inner = compiled(node.part)
        return lambda event: not inner(event)
    checks = tuple(compiled(part) for part in sorted(node.parts, key=cost))
    if len(checks) == 1:
        return checks[0]
    return every(checks) if isinstance(node, Both) else some(checks)


def cost(node: Node) -> bool:
    """Order of parts: tests of the name first."""
    return not (isinstance(node, Test) and node.known)


def every(checks: Sequence[Check]) -> Check:
    """All of them; a loop, since `all` over a generator costs twice as much."""

    def check(event: Event) -> bool:
        for one in checks:  # noqa: SIM110 - see above
            if not one(event):
                return False
        return True

    return check


def some(checks: Sequence[Check]) -> Check:
    """Any of them."""

    def check(event: Event) -> bool:
        for one in checks:  # noqa: SIM110 - see above
            if one(event):
                return True
        return False

    return check


def gate(node: Node) -> Gate | None:
    """A test of one text that every match passes; None where the tree has no such test at its top."""
    if isinstance(node, Test):
        return None if node.known else node.gate
    if not isinstance(node, Both):
        return None
    return next((found for part in node.parts if (found := gate(part))), None)


def certain(node: Node, source: str, name: str) -> bool | None:
    """What the tree says of every event of that source and name; None where it depends on the rest of the event."""
    if isinstance(node, Test):
        return node.known(source, name) if node.known else None
    if isinstance(node, Not):
        inner = certain(node.part, source, name)
        return None if inner is None else not inner
    deciding = isinstance(node, Either)
    answers = [certain(part, source, name) for part in node.parts]
    if deciding in answers:
        return deciding
    return None if None in answers else not deciding
