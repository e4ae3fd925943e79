"""The report: one page that opens offline, asks nobody for anything, runs no script and escapes everything.

Its Content-Security-Policy allows one style sheet, by hash, and nothing else; so a name that an intruder chose can at
worst look odd.

References:
    https://www.w3.org/TR/CSP3/ (hash sources in style-src).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from amberlight.model.delivery import Receipt
from amberlight.model.evidence import SEEN, CapturePlan, Evidence
from amberlight.model.rehearsal import Scorecard
from amberlight.model.signals import Case, Suspicion
from amberlight.practice.actors import Deed
from amberlight.practice.score import Check
from amberlight.practice.story import Line, printable
from amberlight.practice.timeline import Bar, Mark, svg

HERE = Path(__file__).parent / "templates"
LOUD = frozenset(
    {
        "sts.AssumeRole",
        "iam.CreateUser",
        "iam.AttachUserPolicy",
        "iam.CreateAccessKey",
        "ssm.SendCommand",
        "ec2.RunInstances",
        "cloudtrail.StopLogging",
    }
)
"""Acts that get a label in the timeline; the others are dots with a hint."""


@dataclass(frozen=True, kw_only=True)
class Telling:
    """Everything that the page shows."""

    score: Scorecard
    drill_title: str
    organisation: str
    case: Case
    suspicions: Sequence[Suspicion]
    plan: CapturePlan
    evidence: Sequence[Evidence]
    checks: Sequence[Check]
    acts: Sequence[Deed]
    moments: Sequence[tuple[str, datetime]]
    lines: Sequence[Line]
    verified: Mapping[str, Any]
    receipt: Receipt | None


def render(telling: Telling) -> str:
    """The page as HTML text."""
    style = (HERE / "report.css").read_text(encoding="utf-8")
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"size": size, "time": time, "clean": clean, "seconds": seconds}
    page = environment.get_template("report.html.j2")
    return page.render(
        t=telling,
        score=telling.score,
        style=style,
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        timeline=timeline(telling),
        proposed=[one for one in telling.suspicions if one.page],
        noise=[one for one in telling.suspicions if not one.page],
        seen=SEEN,
        total_bytes=sum(item.size_bytes for item in telling.evidence),
    )


def timeline(telling: Telling) -> str:
    """The intruder's acts, our phases, and a bar for each captured item."""
    theirs = [
        Mark(
            when=deed.when,
            text=deed.operation.partition(".")[2] + (" denied" if deed.error else ""),
            loud=deed.operation in LOUD,
            refused=bool(deed.error),
        )
        for deed in telling.acts
    ]
    phases = [Mark(when=when, text=clean(name)) for name, when in telling.moments]
    steps = {step.id: step for step in telling.plan.steps}
    # Two targets of one source are two bars in one row, in the order of the plan: most volatile first.
    ordered = sorted(telling.evidence, key=lambda item: steps[item.step].order if item.step in steps else 0)
    bars = [
        Bar(
            lane=item.source,
            start=item.started,
            end=item.sealed,
            text=f"{clean(item.path)}, {size(item.size_bytes)}, sealed {item.sealed:%H:%M:%S}",
        )
        for item in ordered
    ]
    return svg(theirs, phases, bars)


def size(count: int) -> str:
    """Bytes as people say them."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB"):
        if amount < 1024:  # noqa: PLR2004
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"


def time(when: datetime) -> str:
    """A moment to the tenth of a second, UTC."""
    return f"{when:%H:%M:%S}.{when.microsecond // 100_000}"


def seconds(amount: float) -> str:
    """Seconds with one decimal."""
    return f"{amount:.1f} s"


def clean(value: object) -> str:
    """Text without control characters and without letters that turn the reading direction."""
    return printable(str(value))
