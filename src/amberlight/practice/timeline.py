"""The timeline as SVG, made here so that the page needs no script: the intruder's lane above, ours below."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
from markupsafe import Markup, escape

WIDTH = 960
LEFT = 170
RIGHT = 20
ROW = 22
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


def svg(theirs: Sequence[Mark], phases: Sequence[Mark], bars: Sequence[Bar]) -> Markup:
    """The whole picture; empty where nothing happened."""
    moments = [mark.when for mark in (*theirs, *phases)] + [moment for bar in bars for moment in (bar.start, bar.end)]
    if not moments:
        return Markup()
    start = min(moments)
    scale = Scale(start=start, seconds=max((max(moments) - start).total_seconds(), 1.0) * 1.02)
    parts: list[Markup] = []
    upper = lane("intruder", theirs, scale, top=30, kind="theirs", parts=parts)
    middle = lane("response", phases, scale, top=upper + 22, kind="ours", parts=parts)
    height = rows(bars, scale, top=middle + 16, parts=parts) + 12
    head = Markup('<svg class="timeline" role="img" viewBox="0 0 {} {}" xmlns="http://www.w3.org/2000/svg">').format(
        WIDTH, height
    )
    title = Markup("<title>Timeline: what the intruder did and what we did, in seconds</title>")
    return Markup("").join([head, title, *axis(scale, height), *parts, Markup("</svg>")])


def axis(scale: Scale, height: float) -> Iterable[Markup]:
    """A line every few seconds."""
    step = next((size for size in (1, 2, 5, 10, 30, 60, 300) if scale.seconds / size <= 14), 600)  # noqa: PLR2004
    for second in range(0, int(scale.seconds) + 1, step):
        x = round(LEFT + (WIDTH - LEFT - RIGHT) * second / scale.seconds, 1)
        yield Markup('<line class="grid" x1="{0}" x2="{0}" y1="18" y2="{1}"/>').format(x, height)
        yield Markup('<text class="tick" x="{}" y="12">{} s</text>').format(x, second)


def lane(name: str, marks: Sequence[Mark], scale: Scale, *, top: float, kind: str, parts: list[Markup]) -> float:
    """Moments on one line, labels in as many rows above each other as it takes; the y below it."""
    ends: list[float] = []
    placed = []
    for mark in sorted(marks, key=lambda one: one.when):
        x = scale.x(mark.when)
        width = len(mark.text) * LABEL_WIDTH if mark.loud else 0.0
        left = min(x, WIDTH - RIGHT - width)
        row = next((number for number, end in enumerate(ends) if end <= left), len(ends)) if mark.loud else -1
        if mark.loud:
            ends[row : row + 1] = [left + width + 10]
        placed.append((mark, x, left, row))
    line = top + len(ends) * 16 + 6
    parts.append(Markup('<text class="lane" x="8" y="{}">{}</text>').format(line + 4, name))
    parts.append(Markup('<line class="rail {}" x1="{}" x2="{}" y1="{y}" y2="{y}"/>').format(kind, LEFT, WIDTH, y=line))
    for mark, x, left, row in placed:
        if mark.loud:
            y = line - 12 - row * 16
            parts.append(Markup('<line class="stem" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>').format(x, y + 3, line))
            parts.append(Markup('<text class="label {}" x="{}" y="{}">{}</text>').format(kind, left, y, mark.text))
        state = " refused" if mark.refused else ""
        hint = f"{mark.when:%H:%M:%S} {mark.text}"
        parts.append(
            Markup('<circle class="{}{}" cx="{}" cy="{}" r="{}"><title>{}</title></circle>').format(
                kind, state, x, line, 4 if mark.loud else 2.5, hint
            )
        )
    return line + 10


def rows(bars: Sequence[Bar], scale: Scale, *, top: float, parts: list[Markup]) -> float:
    """One row per lane, in the order in which the lanes first appear; the y below them."""
    names = list(dict.fromkeys(bar.lane for bar in bars))
    for number, name in enumerate(names):
        y = top + number * ROW
        parts.append(Markup('<text class="lane" x="8" y="{}">{}</text>').format(y + 12, name))
        for bar in (one for one in bars if one.lane == name):
            x, width = scale.x(bar.start), max(scale.x(bar.end) - scale.x(bar.start), 3.0)
            parts.append(
                Markup(
                    '<rect class="bar {}" x="{}" y="{}" width="{}" height="14" rx="3"><title>{}</title></rect>'
                ).format(escape(bar.kind), x, y, round(width, 1), bar.text)
            )
    return top + len(names) * ROW
