"""What people do with suspicions and cases, one record an act; and how a suspicion stands after all of them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from amberlight.model.signals import Decision, Suspicion

Verb = Literal["noticed", "acknowledged", "promoted", "dismissed", "merged", "closed"]
State = Literal["new", "acknowledged", "returned", "promoted", "dismissed", "merged", "joined"]


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """One act, by whom, when and why; never altered. `about` is the id of a suspicion or of a case.

    `until` is when a dismissal ends, `kinds` are the kinds of evidence that were there when it was made, `into` is the
    suspicion that another was merged into.
    """

    about: str
    verb: Verb
    by: str
    when: datetime
    why: str = ""
    until: datetime | None = None
    kinds: tuple[str, ...] = ()
    into: str = ""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A suspicion as it stands in the inbox; `kinds` are the rules and intakes that it rests on.

    `decision` is the last one, of it or of what it grew out of; `because` says why a dismissed one came back, or where
    another went. `overdue` says that nobody acknowledged it in time.
    """

    suspicion: Suspicion
    state: State
    kinds: tuple[str, ...] = ()
    decision: Decision | None = None
    because: str = ""
    noticed: datetime | None = None
    acknowledged_by: str = ""
    overdue: bool = False


class Noise(msgspec.Struct, frozen=True, kw_only=True):
    """How often a rule or intake spoke, and what people thought of it.

    `fired` counts signals; the others count suspicions that it has a part in. `median_s` is the median time from noticing to
    deciding, in seconds; None where no decided suspicion says when it was noticed.
    """

    rule: str
    fired: int
    suspicions: int
    promoted: int
    dismissed: int
    median_s: float | None = None
