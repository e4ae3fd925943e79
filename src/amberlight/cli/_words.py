"""Suspicions in words for a terminal; what comes from outside cannot move the cursor, hide, or become markup."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from amberlight.model.scan import Incident
    from amberlight.model.signals import Suspicion


def who(one: Suspicion | Incident) -> str:
    """Principals, addresses and times, safe to print."""
    lines = [*one.principals, *one.addresses[:5], f"{one.first:%Y-%m-%d %H:%M:%S} to {one.last:%Y-%m-%d %H:%M:%S} UTC"]
    return "\n".join(safe(line) for line in lines)


def why(one: Suspicion | Incident) -> str:
    """One line for each reason with its points, safe to print."""
    return "\n".join(f"+{reason.points:g} {safe(reason.text)}" for reason in one.reasons)


def safe(text: str) -> str:
    """A text from outside without control characters and without markup."""
    from rich.markup import escape

    return escape(printable(text)).replace("\\\n", "\n")


def printable(text: str) -> str:
    """A text in which whatever moves a cursor, hides or turns text round is written out as its number."""
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)
