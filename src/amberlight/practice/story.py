"""The story as the terminal tells it: one line when something happened, with the time that it really took.

Colour only on a terminal, plain lines otherwise, never wider than 80 columns. What was printed is kept, so that the
picture of it (`recording.py`) shows nothing else.
"""

from __future__ import annotations

import textwrap
import threading
from collections.abc import Callable, Mapping
from typing import TextIO

import msgspec
from rich.console import Console
from rich.text import Text

WIDTH = 80
TAG_WIDTH = 9
STYLES = {
    "lab": "cyan",
    "stage": "cyan",
    "attack": "bold red",
    "aware": "bold yellow",
    "decide": "bold yellow",
    "capture": "bold blue",
    "vault": "bold green",
    "handoff": "bold magenta",
    "practice": "bold cyan",
    "gap": "bold yellow",
}
"""Colour of each speaker; the plain lines carry the same words."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One printed line: seconds since the start (None where no time is shown), who speaks, what was said."""

    after_s: float | None
    tag: str
    text: str


class Story:
    """Prints lines as they happen. Safe for threads.

    Args:
        stream: Where to print; Rich asks it whether it is a terminal.
        elapsed: Seconds since the start of the run.
        environment: `NO_COLOR` and `TERM` are looked up here by the console.
        check: Called before each line of what happened; may raise to end the run.
    """

    def __init__(
        self,
        stream: TextIO,
        elapsed: Callable[[], float],
        environment: Mapping[str, str],
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._elapsed, self._check = elapsed, check
        self._console = Console(
            file=stream, width=WIDTH, highlight=False, markup=False, emoji=False, soft_wrap=False, _environ=environment
        )
        self._lock = threading.Lock()
        self._lines: list[Line] = []
        self._last_tag = ""

    def tell(self, tag: str, text: str) -> None:
        """One thing that happened now, in as many lines as it needs."""
        self._check()
        with self._lock:
            self._tell(Line(after_s=self._elapsed(), tag=tag, text=printable(text)))

    def say(self, text: str = "") -> None:
        """A line without a time: heads, tables, where to look."""
        with self._lock:
            self._put(Line(after_s=None, tag="", text=printable(text)))

    def lines(self) -> tuple[Line, ...]:
        """Everything that was printed so far."""
        with self._lock:
            return tuple(self._lines)

    def _tell(self, line: Line) -> None:
        room = WIDTH - len(prefix(0.0, ""))
        first, *more = wrap(line.text, room)
        tag = line.tag if line.tag != self._last_tag else ""
        self._last_tag = line.tag
        self._put(Line(after_s=line.after_s, tag=tag, text=first), style=STYLES.get(line.tag, ""))
        for text in more:
            self._put(Line(after_s=None, tag="", text=" " * len(prefix(0.0, "")) + text))

    def _put(self, line: Line, style: str = "") -> None:
        self._lines.append(line)
        self._console.print(styled(line, style))


def styled(line: Line, style: str = "") -> Text:
    """A line with its colours."""
    if line.after_s is None:
        return Text(line.text)
    text = Text().append(f"[{line.after_s:5.1f} s] ", style="dim")
    text.append(f"{line.tag:<{TAG_WIDTH}}", style=style or STYLES.get(line.tag, ""))
    return text.append(line.text)


def prefix(after_s: float, tag: str) -> str:
    """What stands before the words of a line."""
    return f"[{after_s:5.1f} s] {tag:<{TAG_WIDTH}}"


def wrap(text: str, room: int) -> list[str]:
    """The text in lines of at most *room* characters, broken at blanks where there are any."""
    return textwrap.wrap(text, room, break_on_hyphens=False) or [""]


def printable(text: str) -> str:
    """The text without anything that moves a cursor or turns letters around: names come from whoever attacks."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
