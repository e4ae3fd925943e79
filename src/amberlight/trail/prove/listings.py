"""How far a capture could see: when it listed which folder, and which digests could have been there by then.

References:
    "Validating CloudTrail log file integrity", CloudTrail User Guide, 2026-11: every hour CloudTrail delivers a digest
    for the hour before. How long after the hour's end is not promised; AWS's own validator reckons with two hours from
    a digest's end where it looks for keys, and one is what is waited for here before a digest is called absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from amberlight.trail.prove.layout import HOUR, Chain, instant, place

DELIVERY = HOUR
"""How long after its end a digest may take to be delivered."""
DAY = timedelta(days=1)
ROWS_MOST = 1_000_000
Name = tuple[str, str, str, str]
"""Account, Region, trail and the trail's home Region."""


@dataclass
class Listings:
    """What the rows of `cloudtrail-listed.json` say, of trails that sign.

    Attributes:
        first_logs: From which day on log files were looked for, by account and Region.
    """

    first_logs: dict[tuple[str, str], datetime] = field(default_factory=dict)
    _due: dict[Name, datetime] = field(default_factory=dict)
    _seen: dict[tuple[str, str], datetime] = field(default_factory=dict)

    def add(self, found: object) -> None:
        """Take the rows of one capture; what is no such row says nothing. Later captures see farther."""
        rows = found.get("Listed") if isinstance(found, Mapping) else None
        last: dict[Name, tuple[datetime, datetime]] = {}
        broken: set[Name] = set()
        for row in rows[:ROWS_MOST] if isinstance(rows, list) else ():
            read = _row(row)
            if read is None:
                continue
            name, day, when, digest = read
            if not digest:
                region = name[:2]
                self.first_logs[region] = min(self.first_logs.get(region, day), day)
            elif row.get("complete") is not True:
                broken.add(name)
            else:
                last[name] = max(last.get(name, (day, when)), (day, when))
        for name, (day, when) in last.items():
            if name not in broken:
                # A digest lies in the folder of the day that it ends on.
                due = min(when - DELIVERY, day + DAY)
                self._due[name] = max(self._due.get(name, due), due)
                self._seen[name[:2]] = max(self._seen.get(name[:2], when), when)

    def due(self, chain: Chain) -> datetime | None:
        """Digests of the chain that end before then were delivered when its folders were listed; None if unknown."""
        return self._due.get((chain.account, chain.region, chain.trail, chain.home))

    def pending(self, chain: Chain, start: datetime, when: datetime) -> bool:
        """Whether a log file may be one whose digest was not due yet.

        Args:
            chain: Its account and Region.
            start: When the digest would start that should list it.
            when: The log file's time: one from after the listing is none of CloudTrail's.
        """
        seen = self._seen.get((chain.account, chain.region))
        dues = [due for name, due in self._due.items() if name[:2] == (chain.account, chain.region)]
        return seen is not None and when <= seen and start + HOUR >= max(dues)


def _row(row: object) -> tuple[Name, datetime, datetime, bool] | None:
    """Whose folder it is, its day, when it was listed, and whether digests lie there; None where no trail signs them."""
    if not isinstance(row, Mapping) or row.get("validated") is not True:
        return None
    arn, when = str(row.get("trail")).split(":", 5), instant(row.get("when"))
    where = place(f"{row.get('prefix')}x.json.gz")
    if len(arn) < 6 or when is None or where is None or where.day is None:  # noqa: PLR2004 - arn:partition:...:trail/NAME
        return None
    name = where.chain.account, where.chain.region, arn[5].removeprefix("trail/"), arn[3]
    return name, where.day, when, where.digest
