"""A trail file is missing: the digest lists it, and it never is in the bucket, as after a deletion that nobody recorded."""

from __future__ import annotations

from amberlight.lab.faults.fault import TrailFault
from amberlight.lab.faults.points import Points, facts_of_parcel
from amberlight.lab.recorder.delivery import Parcel


class TrailMissing(TrailFault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of which `trail`."""


FAULT = TrailMissing
EXAMPLE = """
- fault: trail-missing
  region: us-east-1
  skip: 1
  count: 1
"""


def install(points: Points) -> None:
    """Have a file listed and not written."""

    def change(parcel: Parcel) -> None:
        if parcel.events and points.board.strike("trail-missing", facts_of_parcel(parcel)):
            parcel.stored = False

    points.world.delivery.changes.append(change)
