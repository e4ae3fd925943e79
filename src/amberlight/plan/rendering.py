"""A plan as a document: one HTML file that asks nobody for anything and runs no script, or Markdown.

Every text of the plan is escaped: names are hostile, since whoever names a bucket may have written it. The page's
Content-Security-Policy allows one style sheet, by hash, and nothing else. A telephone number becomes a link on which a
telephone calls; nothing else becomes one.

References:
    https://www.w3.org/TR/CSP3/ (hash sources in style-src).
    https://spec.commonmark.org/0.31.2/#backslash-escapes; tables are GitHub's extension.
"""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from amberlight.model.listings import PlanCheck
from amberlight.model.response_plan import ResponsePlan
from amberlight.plan.document import Cell, sections

HERE = Path(__file__).parent / "templates"
TELEPHONE = re.compile(r"\+?[0-9][0-9 ()./-]{4,24}[0-9]")
SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~&:@-])")
"""What may mean something in Markdown; the colon and @ also end bare links and addresses."""


def html(plan: ResponsePlan, report: PlanCheck) -> str:
    """The plan as one page."""
    style = (HERE / "plan.css").read_text(encoding="utf-8")
    return rendered(
        "plan.html.j2",
        plan,
        report,
        style=style,
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
    )


def markdown(plan: ResponsePlan, report: PlanCheck) -> str:
    """The plan as Markdown with tables."""
    return rendered("plan.md.j2", plan, report)


def rendered(template: str, plan: ResponsePlan, report: PlanCheck, **more: str) -> str:
    """A template with the document's sections."""
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=template.endswith(".html.j2"),  # Markdown has its own escapes, in `marked`
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"lines": lines, "clean": clean, "marked": marked, "telephone": telephone}
    return environment.get_template(template).render(plan=plan, report=report, sections=sections(plan, report), **more)


def lines(cell: Cell) -> tuple[str, ...]:
    """The texts of a cell, without empty ones."""
    return tuple(text for text in ((cell,) if isinstance(cell, str) else cell) if text)


def clean(text: str) -> str:
    """A text without control characters and without letters that turn the reading direction or hide."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in " ".join(text.split()))


def marked(text: str) -> str:
    """A text that means nothing but itself in Markdown, on one line."""
    return SPECIAL.sub(r"\\\1", clean(text))


def telephone(text: str) -> str:
    """The number to call, where the text is one and nothing else; else empty."""
    return re.sub(r"[^0-9+]", "", text) if TELEPHONE.fullmatch(text.strip()) else ""
