"""START-HERE: one page of facts, as Markdown and as HTML. What is in it was partly written by an intruder."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2

TEMPLATES = Path(__file__).parent / "templates"
MARKUP = re.compile(r"([\\`*_{}\[\]()#+!|<>~&])")


def plain(value: Any) -> str:
    """Text on one line, without control characters and changes of direction."""
    return " ".join("".join(each if each.isprintable() else " " for each in str(value)).split())


def markdown(value: Any) -> str:
    """Text that Markdown shows as it is."""
    return MARKUP.sub(r"\\\1", plain(value))


def utc(value: datetime | None) -> str:
    """A time to the second, its zone standing in the text around it."""
    return "not locked" if value is None else f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def pages(facts: dict[str, Any]) -> dict[str, bytes]:
    """START-HERE.md and START-HERE.html from the same facts."""
    made = {}
    for name, escape in (("START-HERE.md", False), ("START-HERE.html", True)):
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(TEMPLATES),
            autoescape=escape,  # noqa: S701 - Markdown is escaped by the filter `text`
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            finalize=plain if escape else None,
        )
        environment.filters["text"] = plain if escape else markdown
        environment.filters["utc"] = utc
        made[name] = environment.get_template(f"{name}.j2").render(facts).encode("utf-8", "backslashreplace")
    return made
