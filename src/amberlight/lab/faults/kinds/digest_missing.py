"""A digest file is missing: it is not in the bucket, and the next one names it as its predecessor."""

from __future__ import annotations

from amberlight.lab.faults.fault import Facts, TrailFault
from amberlight.lab.faults.points import Points
from amberlight.lab.recorder.digests import Digest


class DigestMissing(TrailFault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of which `trail`."""


FAULT = DigestMissing
EXAMPLE = """
- fault: digest-missing
  skip: 1
  count: 1
"""


def install(points: Points) -> None:
    """Keep a digest from being stored."""

    def change(account: str, region: str, trail: str, digest: Digest) -> Digest | None:
        facts = Facts(account, region, resource=trail)
        struck = points.board.strike("digest-missing", facts)
        return None if struck else digest

    points.world.delivery.digest_changes.append(change)
