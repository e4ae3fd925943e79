"""What the custody ledger already says of a case: read once when a run begins, so that nothing is entered twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from amberlight.model.custody import Entry
from amberlight.model.evidence import Evidence, Gap


@dataclass
class History:
    """Plans announced, steps begun and how often, items sealed by step and path, gaps by step."""

    plans: set[str] = field(default_factory=set)
    begun: Counter[str] = field(default_factory=Counter)
    sealed: dict[str, dict[str, Evidence]] = field(default_factory=dict)
    missed: set[tuple[str, Gap]] = field(default_factory=set)


def read(entries: Iterable[Entry]) -> History:
    """The history in the ledger's entries; fractions stand there as text."""
    history = History()
    for entry in entries:
        what = entry.what
        if entry.act == "planned" and "plan" in what:
            history.plans.add(what["plan"])
        elif entry.act == "intended" and "step" in what:
            history.begun[what["step"]] += 1
        elif entry.act == "acquired" and "step" in what:
            evidence = msgspec.convert(what, Evidence, strict=False)
            history.sealed.setdefault(evidence.step, {})[evidence.path] = evidence
        elif entry.act == "missed" and "step" in what:
            gap = msgspec.convert(what, Gap, strict=False)
            history.missed.add((what["step"], gap))
    return history
