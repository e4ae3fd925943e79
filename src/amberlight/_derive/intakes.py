"""One page for all ways to be told."""

from __future__ import annotations

import importlib

from amberlight._derive.text import banner, bullets, headed, table
from amberlight.aware import intake, telling
from amberlight.aware.intake import Intake


def pages(command: str) -> dict[str, str]:
    """`docs/reference/intakes.md`: each intake's docstring, how to send to it, and where its form comes from."""
    found = telling.load()
    rows = [(f"[{name}](#{name})", one.title, one.how) for name, one in found.items()]
    head = ("intake", "what it is told", "how it is sent")
    parts = [f"{banner(command)}# Ways to be told\n\n{len(rows)} intakes.\n\n{table(head, rows)}"]
    return {"docs/reference/intakes.md": "\n".join([*parts, *(section(one) for one in found.values())])}


def section(one: Intake) -> str:
    """One intake."""
    first, rest = headed(importlib.import_module(f"{intake.__name__}.{one.id}").__doc__ or "")
    words = f"{first}\n\n{rest + chr(10) * 2 if rest else ''}"
    return f"## {one.id}\n\n{words}Sent by: {one.how}.\n\n{bullets(one.references, none='')}"
