"""The timeline as SVG, made here so that the page needs no script: the intruder's lane above, ours below."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from xml.etree import ElementTree as ET

import msgspec

WIDTH = 960
LEFT = 170
RIGHT = 20
ROW = 22
MOST_LINES = 14
LABEL_WIDTH = 7.2
"""Width of a letter of a label, in units of the picture."""


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A moment with a name; `loud` ones get a label, `refused` ones are drawn hollow."""

    when: datetime
    text: str
    loud: bool = True
    refused: bool = False


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """Something that took a while; `lane` is its row's name."""

    lane: str
    start: datetime
    end: datetime
    text: str
    kind: str = "step"


class Scale(msgspec.Struct, frozen=True, kw_only=True):
    """From moments to the picture's x."""

    start: datetime
    seconds: float

    def x(self, when: datetime) -> float:
        """Where a moment lies."""
        share = (when - self.start).total_seconds() / self.seconds
        return round(LEFT + (WIDTH - LEFT - RIGHT) * min(max(share, 0.0), 1.0), 1)


def svg(theirs: Sequence[Mark], phases: Sequence[Mark], bars: Sequence[Bar]) -> str:
    """The whole picture; empty where nothing happened. Every text in it is escaped by the writer of the XML."""
    moments = [mark.when for mark in (*theirs, *phases)] + [moment for bar in bars for moment in (bar.start, bar.end)]
    if not moments:
        return ""
    start = min(moments)
    scale = Scale(start=start, seconds=max((max(moments) - start).total_seconds(), 1.0) * 1.02)
    picture = ET.Element("svg", {"class": "timeline", "role": "img", "xmlns": "http://www.w3.org/2000/svg"})
    put(picture, "title", "Timeline: what the intruder did and what we did, in seconds")
    grid = put(picture, "g")
    below = lane(picture, "intruder", theirs, scale, top=30, kind="theirs")
    below = lane(picture, "response", phases, scale, top=below + 22, kind="ours")
    height = rows(picture, bars, scale, top=below + 16) + 12
    picture.set("viewBox", f"0 0 {WIDTH} {height:g}")
    axis(grid, scale, height)
    return ET.tostring(picture, encoding="unicode")


def put(parent: ET.Element, name: str, text: str = "", **attributes: object) -> ET.Element:
    """A new element; `kind` stands for `class`."""
    values = {"class" if key == "kind" else key: str(value) for key, value in attributes.items()}
    made = ET.SubElement(parent, name, values)
    made.text = text or None
    return made


def axis(grid: ET.Element, scale: Scale, height: float) -> None:
    """A line every few seconds."""
    step = next((size for size in (1, 2, 5, 10, 30, 60, 300) if scale.seconds / size <= MOST_LINES), 600)
    for second in range(0, int(scale.seconds) + 1, step):
        x = round(LEFT + (WIDTH - LEFT - RIGHT) * second / scale.seconds, 1)
        put(grid, "line", kind="grid", x1=x, x2=x, y1=18, y2=height)
        put(grid, "text", f"{second} s", kind="tick", x=x, y=12)


def lane(picture: ET.Element, name: str, marks: Sequence[Mark], scale: Scale, *, top: float, kind: str) -> float:
    """Moments on one line, labels in as many rows above each other as it takes; the y below it."""
    placed, count = places(marks, scale)
    line = top + count * 16 + 6
    put(picture, "text", name, kind="lane", x=8, y=line + 4)
    put(picture, "line", kind=f"rail {kind}", x1=LEFT, x2=WIDTH, y1=line, y2=line)
    for mark, left, row in placed:
        x = scale.x(mark.when)
        if mark.loud:
            y = line - 12 - row * 16
            put(picture, "line", kind="stem", x1=x, x2=x, y1=y + 3, y2=line)
            put(picture, "text", mark.text, kind=f"label {kind}", x=left, y=y)
        state = f"{kind} refused" if mark.refused else kind
        dot = put(picture, "circle", kind=state, cx=x, cy=line, r=4 if mark.loud else 2.5)
        put(dot, "title", f"{mark.when:%H:%M:%S} {mark.text}")
    return line + 10


def places(marks: Sequence[Mark], scale: Scale) -> tuple[list[tuple[Mark, float, int]], int]:
    """For each mark the left end and the row of its label, so that no two overlap; and how many rows there are."""
    ends: list[float] = []
    placed = []
    for mark in sorted(marks, key=lambda one: one.when):
        width = len(mark.text) * LABEL_WIDTH if mark.loud else 0.0
        left = min(scale.x(mark.when), WIDTH - RIGHT - width)
        row = next((number for number, end in enumerate(ends) if end <= left), len(ends))
        if mark.loud:
            ends[row : row + 1] = [left + width + 10]
        placed.append((mark, left, row))
    return placed, len(ends)


def rows(picture: ET.Element, bars: Sequence[Bar], scale: Scale, *, top: float) -> float:
    """One row per lane, in the order in which the lanes first appear; the y below them."""
    names = list(dict.fromkeys(bar.lane for bar in bars))
    for number, name in enumerate(names):
        y = top + number * ROW
        put(picture, "text", name, kind="lane", x=8, y=y + 12)
        for bar in (one for one in bars if one.lane == name):
            x = scale.x(bar.start)
            width = round(max(scale.x(bar.end) - x, 3.0), 1)
            shape = put(picture, "rect", kind=f"bar {bar.kind}", x=x, y=y, width=width, height=14, rx=3)
            put(shape, "title", bar.text)
    return top + len(names) * ROW
