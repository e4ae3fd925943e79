"""A picture of the story: what was printed, as SVG without any font or file from elsewhere."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable

from rich.console import Console
from rich.terminal_theme import TerminalTheme

from amberlight.practice.story import STYLES, WIDTH, Line, styled

FONT_FACES = re.compile(r"@font-face\s*\{.*?\}\s*", re.DOTALL)
THEME = TerminalTheme(
    (24, 22, 20),
    (233, 226, 214),
    [
        (24, 22, 20),
        (240, 98, 84),
        (142, 192, 124),
        (245, 180, 60),
        (122, 172, 230),
        (211, 134, 205),
        (104, 200, 196),
        (233, 226, 214),
    ],
    [
        (120, 112, 102),
        (255, 120, 104),
        (166, 214, 146),
        (255, 200, 92),
        (148, 192, 245),
        (226, 156, 220),
        (132, 220, 214),
        (255, 250, 240),
    ],
)
"""Amber on warm black."""


def svg(lines: Iterable[Line], title: str) -> str:
    """The lines as a terminal's picture; readable wherever SVG is, offline."""
    console = Console(
        record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, highlight=False, markup=False, emoji=False
    )
    tag = ""
    for line in lines:
        tag = line.tag or tag
        console.print(styled(line, STYLES.get(line.tag, "")))
    # Rich names fonts on a CDN; a monospaced one of the reader's machine does as well.
    return FONT_FACES.sub("", console.export_svg(title=title, theme=THEME, unique_id="story")).replace(
        "Fira Code", "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas"
    )
