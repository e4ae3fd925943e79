"""The answer of `amberlight trail prove`: per UTC hour and per file, what CloudTrail's own signatures say of a copy."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

State = Literal["valid", "altered", "missing", "unsigned", "gap", "absent"]
ALTERED_EXIT = 4
INCOMPLETE_EXIT = 3


class ProvedHour(msgspec.Struct, frozen=True, kw_only=True):
    """One UTC hour of one account and Region, by the digests that start in it; the worst of them gives the state.

    `digest` is the path or key of that digest, empty where there is none to name; `digests` counts those that are there.

    - `valid`: every digest is signed, fits its neighbours, and every log file that it lists is there and unchanged.
    - `altered`: something that is there contradicts what was signed.
    - `missing`: a digest or a log file that a signed digest names is not there.
    - `absent`: a digest was due and is not there, and nothing names it: a cut-off end.
    - `unsigned`: a signature or its public key is lost, or a log file stands in no digest.
    - `gap`: the chain of digests begins anew, or logging was off.
    """

    account: str
    region: str
    hour: datetime
    state: State
    digests: int = 0
    digest: str = ""
    reason: str = ""


class FileCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How many files are proved, contradicted, named but not there, and neither proved nor contradicted."""

    valid: int = 0
    altered: int = 0
    missing: int = 0
    unsigned: int = 0


class ProvedKey(msgspec.Struct, frozen=True, kw_only=True):
    """A public key that proved digests: compare `sha256` (over its DER) with what AWS itself says, by another way."""

    region: str
    fingerprint: str
    sha256: str
    source: str
    digests: int


class ProofFinding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is not in order: which file, key or trail, and why."""

    state: State
    what: str
    reason: str
    account: str = ""
    region: str = ""
    hour: datetime | None = None


class Stopped(msgspec.Struct, frozen=True, kw_only=True):
    """A trail whose captured status says that it does not log; `since` None where the status does not say."""

    trail: str
    region: str
    since: datetime | None = None


class TrailProof(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer. `files` are log files and digests together, `logs` and `digests` the same apart.

    `ok` says that everything that should be there is there and proved. `notes` are what a reader should know besides,
    `unlisted` counts findings beyond the thousand that are listed. `pending` counts log files that were delivered so
    shortly before their folder was listed that the digest that proves them was not due: they stand in no other count.
    """

    schema: Literal["amberlight.trail-proof/1"]
    ok: bool
    hours: tuple[ProvedHour, ...]
    files: FileCounts
    logs: FileCounts
    digests: FileCounts
    pending: int = 0
    recovered: int
    keys: tuple[ProvedKey, ...]
    stopped: tuple[Stopped, ...]
    findings: tuple[ProofFinding, ...]
    unlisted: int
    notes: tuple[str, ...]
    since: datetime | None
    until: datetime | None

    @property
    def exit_code(self) -> int:
        """0 where all is proved, 4 where something contradicts what was signed, else 3."""
        if self.ok:
            return 0
        altered = self.files.altered or any(hour.state == "altered" for hour in self.hours)
        return ALTERED_EXIT if altered else INCOMPLETE_EXIT
