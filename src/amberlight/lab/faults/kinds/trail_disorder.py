"""Events of a trail are out of order: shuffled within their file, and the older half comes in the file after it.

CloudTrail files are no ordered trace of calls, AWS says; readers sort by `eventTime`, over files.
"""

from __future__ import annotations

from amberlight.lab.faults.fault import TrailFault
from amberlight.lab.faults.points import Points, facts_of_parcel
from amberlight.lab.recorder.delivery import Parcel


class TrailDisorder(TrailFault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of which `trail`."""


FAULT = TrailDisorder
EXAMPLE = """
- fault: trail-disorder
  account: prod
"""


def install(points: Points) -> None:
    """Mix the events of a file that has several."""

    def change(parcel: Parcel) -> None:
        if len(parcel.events) < 2:  # noqa: PLR2004 (one event has no order)
            return
        struck = points.board.strike("trail-disorder", facts_of_parcel(parcel))
        if struck is not None:
            half = len(parcel.events) // 2
            older, newer = parcel.events[:half], parcel.events[half:]
            struck.chance.shuffle(older)
            # Not shuffled: that might leave them as they were.
            newer.reverse()
            parcel.late.append((0.0, older))
            parcel.events = newer

    points.world.delivery.changes.append(change)
