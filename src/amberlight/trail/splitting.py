"""JSON values out of a stream: lines, documents one after another, an array, or the records inside a wrapper.

Works on documents of any length in the memory of one value, and gives what stands before a break. The fast way for small
files is in `reading`; this is for large, mixed and damaged ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from amberlight.trail.opening import Unreadable

WRAPPER = re.compile(rb'\s*\{\s*"(?:Records|Events|records|events)"\s*:\s*\[')
MARKS = re.compile(rb'["{}\[\]]')
QUOTE = re.compile(rb'["\\]')
BETWEEN = re.compile(rb"[ \t\r\n,\x1e\xef\xbb\xbf\[\]}]*")
VALUE = re.compile(rb"\s*:\s*\S")
SCALAR_END = re.compile(rb"[,}\]\s]")
SNIFF = 64


def values(pieces: Iterator[bytes], limit: int) -> Iterator[bytes]:
    """Each record-like JSON object as bytes; enclosing arrays and `Records` wrappers are opened.

    A value that makes no sense is yielded up to its line's end, so that the reader can name it.

    Raises:
        Unreadable: a value is longer than the limit, or the stream ends inside one.
    """
    window, wrapped = Window(pieces, limit), False
    while window.skip():
        if window.opens_wrapper():
            wrapped = True
        elif wrapped and window.data[window.at : window.at + 1] == b'"':
            window.skip_member()
        else:
            yield window.take(window.value_end())


class Window:
    """The part of the stream that is in memory: from the start of the present value on."""

    def __init__(self, pieces: Iterator[bytes], limit: int) -> None:
        self.pieces = pieces
        self.limit = limit
        self.data = b""
        self.at = 0

    def more(self) -> bool:
        """Read another piece; False at the end."""
        piece = next(self.pieces, b"")
        if not piece:
            return False
        self.data = self.data[self.at :] + piece
        self.at = 0
        if len(self.data) > self.limit + len(piece):
            raise Unreadable(f"holds a single JSON value of more than {self.limit} bytes")
        return True

    def skip(self) -> bool:
        """Move to the next byte that is neither blank nor between values; False at the end of the stream."""
        while True:
            found = BETWEEN.match(self.data, self.at)
            self.at = found.end() if found else self.at
            if self.at < len(self.data):
                return True
            if not self.more():
                return False

    def opens_wrapper(self) -> bool:
        """Step over `{"Records": [`, so that its members are the values."""
        while len(self.data) - self.at < SNIFF and self.more():
            pass
        found = WRAPPER.match(self.data, self.at)
        if found:
            self.at = found.end()
        return bool(found)

    def value_end(self) -> int:
        """Where the present value ends: a balanced object, or the rest of a line that is none."""
        return self.balanced_end(self.at) if self.data[self.at : self.at + 1] == b"{" else self.line_end()

    def skip_member(self) -> None:
        """Step over a wrapper's other member: its name, and its value of any kind."""
        here = self.string_end(self.at + 1)
        while not (found := VALUE.match(self.data, here)):
            here = self.extend(here)
        start = found.end() - 1
        first = self.data[start : start + 1]
        if first == b'"':
            self.at = self.string_end(start + 1)
        elif first in (b"{", b"["):
            self.at = self.balanced_end(start)
        else:
            self.at = start + 1
            while not (end := SCALAR_END.search(self.data, self.at)) and self.more():
                pass
            self.at = end.start() if end else len(self.data)

    def balanced_end(self, here: int) -> int:
        """Where the object or array ends that begins here."""
        depth = 0
        while True:
            mark = MARKS.search(self.data, here)
            if mark is None:
                here = self.extend(len(self.data))
            elif mark[0] == b'"':
                here = self.string_end(mark.end())
            else:
                depth += 1 if mark[0] in b"{[" else -1
                here = mark.end()
                if depth == 0:
                    return here

    def string_end(self, here: int) -> int:
        """Where the string ends that began before `here`."""
        while True:
            mark = QUOTE.search(self.data, here)
            if mark is None:
                here = self.extend(len(self.data))
            elif mark[0] == b'"':
                return mark.end()
            else:
                here = mark.end() + 1
                if here > len(self.data):
                    here = self.extend(here)

    def extend(self, here: int) -> int:
        """Read on inside a value; gives the new place of the same byte.

        Raises:
            Unreadable: the stream ends here.
        """
        offset = here - self.at
        if not self.more():
            raise Unreadable("ends in the middle of a JSON value")
        return self.at + offset

    def line_end(self) -> int:
        """Where the line ends, or the data."""
        here = self.data.find(b"\n", self.at)
        while here < 0:
            length = len(self.data) - self.at
            if not self.more():
                return len(self.data)
            here = self.data.find(b"\n", self.at + length)
        return here

    def take(self, end: int) -> bytes:
        """The bytes up to `end`; the window moves behind them."""
        value = self.data[self.at : end]
        self.at = end
        return value
