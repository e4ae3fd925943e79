"""Trail files come late: what a trail would have delivered now, it delivers so many seconds later, in a file of its own.

AWS says "typically within about 5 minutes" and promises nothing. The digest of the later interval lists the late file.
"""

from __future__ import annotations

from amberlight.lab.faults.fault import Seconds, TrailFault
from amberlight.lab.faults.points import Points, facts_of_parcel
from amberlight.lab.recorder.delivery import Parcel


class TrailLate(TrailFault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of which `trail`, and how late."""

    seconds: Seconds


FAULT = TrailLate
EXAMPLE = """
- fault: trail-late
  account: prod
  seconds: 8
  every: 2
"""


def install(points: Points) -> None:
    """Put events aside."""

    def change(parcel: Parcel) -> None:
        struck = points.board.strike("trail-late", facts_of_parcel(parcel)) if parcel.events else None
        if struck is not None and isinstance(struck.fault, TrailLate):
            parcel.late.append((struck.fault.seconds, parcel.events))
            parcel.events = []

    points.world.delivery.changes.append(change)
