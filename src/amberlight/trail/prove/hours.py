"""What comes out, as it is found: the worst state of every hour, and each thing that is not in order."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from amberlight.model.trail_proof import ProofFinding, ProvedHour, State
from amberlight.trail.prove.digests import WORSE, Digest
from amberlight.trail.prove.layout import HOUR, Chain, hour_of

FINDINGS_MOST = 1000
HOURS_MOST = 250_000
"""Twenty-eight years of one account's Region: a copy that claims more is not to be believed."""
TEXT_MOST = 400


def safe(text: str, most: int = TEXT_MOST) -> str:
    """A text from outside that moves no cursor and is not endless: what cannot be printed is written as its number."""
    shown = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text[:most])
    return shown if len(text) <= most else shown + "..."


@dataclass(slots=True)
class _Row:
    state: State
    digest: str = ""
    reason: str = ""
    digests: int = 0


@dataclass
class Hours:
    """Rows and findings within the asked window.

    Attributes:
        unlisted: Findings beyond those that are kept.
        overflow: Whether there were more hours than are kept.
    """

    since: datetime | None
    until: datetime | None
    findings: list[ProofFinding] = field(default_factory=list)
    unlisted: int = 0
    overflow: bool = False
    _rows: dict[tuple[str, str, datetime], _Row] = field(default_factory=dict)

    def asked(self, start: datetime, end: datetime) -> bool:
        """Whether an interval touches the window."""
        before = self.until is not None and start >= self.until
        after = self.since is not None and end <= self.since and start < self.since
        return not before and not after

    def digest(self, chain: Chain, start: datetime, state: State, path: str, reason: str) -> None:
        """Count a digest that starts in an hour."""
        row = self._row(chain, start)
        if row is not None:
            row.digests += 1
            self._worse(row, state, path, reason)
        if state != "valid":
            self.finding(chain, start, state, path, reason)

    def log(self, digest: Digest, state: State, path: str, reason: str) -> None:
        """A log file that makes the hour of its digest worse."""
        row = self._row(digest.chain, digest.start)
        if row is not None:
            self._worse(row, state, digest.path, f"{reason}: {path}")
        self.finding(digest.chain, digest.start, state, path, reason)

    def due(self, chain: Chain, start: datetime, state: State, what: str, reason: str) -> bool:
        """A digest that should start there and does not, if it is asked for; whether it is."""
        asked = self.asked(start, start + HOUR)
        row = self._row(chain, start) if asked else None
        if row is not None:
            self._worse(row, state, what, reason)
        return asked

    def general(self, state: State, what: str, reason: str) -> None:
        """A finding about no hour."""
        self._keep(ProofFinding(state=state, what=safe(what), reason=safe(reason)))

    def rows(self) -> tuple[ProvedHour, ...]:
        """All hours, by account, Region and time."""
        return tuple(
            ProvedHour(
                account=account, region=region, hour=hour, state=row.state, digests=row.digests,
                digest=row.digest, reason=row.reason,
            )
            for (account, region, hour), row in sorted(self._rows.items())
        )  # fmt: skip

    def _row(self, chain: Chain, start: datetime) -> _Row | None:
        place = (safe(chain.account), safe(chain.region), hour_of(start))
        row = self._rows.get(place)
        if row is None:
            if len(self._rows) >= HOURS_MOST:
                self.overflow = True
                return None
            row = self._rows[place] = _Row("valid")
        return row

    def _worse(self, row: _Row, state: State, what: str, reason: str) -> None:
        if WORSE[state] > WORSE[row.state] or not row.digest:
            row.state = state if WORSE[state] > WORSE[row.state] else row.state
            row.digest, row.reason = safe(what), safe(reason)

    def finding(self, chain: Chain, start: datetime, state: State, what: str, reason: str) -> None:
        """Keep a finding about an hour."""
        account, region = safe(chain.account), safe(chain.region)
        self._keep(
            ProofFinding(
                state=state, what=safe(what), reason=safe(reason), account=account, region=region, hour=hour_of(start)
            )
        )

    def _keep(self, finding: ProofFinding) -> None:
        if len(self.findings) >= FINDINGS_MOST:
            self.unlisted += 1
        else:
            self.findings.append(finding)
