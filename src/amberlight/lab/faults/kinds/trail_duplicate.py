"""A trail delivers the same events twice, in two files with names of their own. Digests list both.

AWS promises at least one delivery of each event, not exactly one; readers go by `eventID`.
"""

from __future__ import annotations

from amberlight.lab.faults.fault import TrailFault
from amberlight.lab.faults.points import Points, facts_of_parcel
from amberlight.lab.recorder.delivery import Parcel


class TrailDuplicate(TrailFault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of which `trail`."""


FAULT = TrailDuplicate
EXAMPLE = """
- fault: trail-duplicate
  probability: 0.5
"""


def install(points: Points) -> None:
    """Have a file written twice."""

    def change(parcel: Parcel) -> None:
        if parcel.events and points.board.strike("trail-duplicate", facts_of_parcel(parcel)):
            parcel.copies += 1

    points.world.delivery.changes.append(change)
