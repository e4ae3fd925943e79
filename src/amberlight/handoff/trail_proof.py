"""The captured trail put against AWS's own signatures, as a file of the package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from amberlight.model.evidence import Evidence
from amberlight.model.trail_proof import TrailProof
from amberlight.trail.prove import Folder, prove

PATH = "report/trail-proof.json"
SOURCE = "api_calls.trail_files"


def trail_proof(folder: Path, evidence: Sequence[Evidence], places: Mapping[str, str]) -> TrailProof | None:
    """What the captured log files and digests are worth; None where no trail was captured.

    Args:
        folder: The package as far as it is written.
        evidence: All items; those of the trail are looked at, under the paths that they were captured by.
        places: Evidence id to path in the package.
    """
    names = {item.path: places[item.id] for item in evidence if item.source == SOURCE}
    return prove(Folder(folder, names)) if names else None
