"""Where CloudTrail puts its files, read from a path: account, Region, trail and time.

References:
    "CloudTrail log file names" and "CloudTrail digest file structure", CloudTrail User Guide, 2026-11. Digests of an
    organisation's trail have its id before the account; backfill digests end in `_backfill.json.gz`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

HOUR = timedelta(hours=1)
ENDING = ".json.gz"
SIDECAR = ".meta.json"
FIRST = datetime(2000, 1, 1, tzinfo=UTC)
LAST = datetime(2200, 1, 1, tzinfo=UTC)
_FOLDERS = re.compile(
    r"(?:^|/)(?:(?P<org>o-[a-z0-9]+)/)?(?P<account>[^/]+)/(?P<kind>CloudTrail|CloudTrail-Digest)/(?P<region>[a-z0-9-]+)"
    r"/(?P<day>[0-9]{4}/[0-9]{2}/[0-9]{2})/(?P<name>[^/]+)$"
)
_DIGEST = re.compile(
    r"^[^_]+_CloudTrail-Digest_[a-z0-9-]+_(?P<trail>.+)_(?P<home>[a-z]{2,}-[a-z0-9-]+)_"
    r"(?P<stamp>[0-9]{8}T[0-9]{6}Z)(?P<backfill>_backfill)?\.json\.gz$"
)
_LOG = re.compile(r"_(?P<stamp>[0-9]{8}T[0-9]{4}(?:[0-9]{2})?Z)(?:_|\.)")
_KEYS = re.compile(r"(?:^|/)cloudtrail-keys/(?P<region>[a-z0-9-]{1,40})\.json$")
_LISTING = re.compile(r"(?:^|/)cloudtrail-listed\.json$")
_STATUS = re.compile(r"(?:^|/)cloudtrail/[^/]+/[^/]+\.json$")


class Chain(NamedTuple):
    """Whose digests form one chain: an account's in a Region, of one trail; backfill digests have one of their own."""

    organisation: str
    account: str
    region: str
    trail: str
    home: str
    backfill: bool


class Place(NamedTuple):
    """What a path says: a digest or a log file; `stamp` is a digest's end or a log file's delivery, None if unreadable."""

    digest: bool
    chain: Chain
    stamp: datetime | None
    day: datetime | None


def place(path: str) -> Place | None:
    """What the path of a delivered file says; None where it is no such path."""
    found = _FOLDERS.search(path)
    if not found or not found["name"].endswith(ENDING):
        return None
    digest = found["kind"] == "CloudTrail-Digest"
    named = (_DIGEST.match if digest else _LOG.search)(found["name"])
    trail, home = (named["trail"], named["home"]) if named and digest else ("", "")
    backfill = digest and found["name"].endswith(f"_backfill{ENDING}")
    return Place(
        digest=digest,
        chain=Chain(found["org"] or "", found["account"], found["region"], trail, home, backfill),
        stamp=_stamp(named["stamp"]) if named else None,
        day=_day(found["day"]),
    )


def key_region(path: str) -> str | None:
    """The Region whose public keys lie at this path below the copy's root, if any do.

    Below `AWSLogs` none do: whoever may write to the trail's bucket could put keys of their own there.
    """
    found = _KEYS.search(path)
    return found["region"] if found and not in_bucket_layout(path) else None


def is_status(path: str) -> bool:
    """Whether a captured trail's set-up may lie at this path below the copy's root."""
    return bool(_STATUS.search(path)) and not in_bucket_layout(path)


def is_listing(path: str) -> bool:
    """Whether a capture says at this path when it listed the folders; whoever writes to the bucket may not say so."""
    return bool(_LISTING.search(path)) and not in_bucket_layout(path)


def in_bucket_layout(path: str) -> bool:
    """Whether a path leads through a bucket's `AWSLogs`."""
    return "AWSLogs" in path.split("/")


def ends_with(path: str, key: str) -> bool:
    """Whether the last parts of a path are exactly this key."""
    return bool(key) and (path == key or path.endswith(f"/{key}"))


def instant(text: object) -> datetime | None:
    """A moment from ISO 8601 text or seconds since 1970, aware; None where it is neither or absurdly far away."""
    try:
        if isinstance(text, str):
            when = datetime.fromisoformat(text)
        elif isinstance(text, (int, float)) and not isinstance(text, bool):
            when = datetime.fromtimestamp(text, UTC)
        else:
            return None
    except (ValueError, OverflowError, OSError):
        return None
    when = when.replace(tzinfo=UTC) if when.tzinfo is None else when
    try:
        when = when.astimezone(UTC)
    except OverflowError:
        return None
    return when if FIRST <= when < LAST else None


def _stamp(text: str) -> datetime | None:
    return instant(text)


def _day(text: str) -> datetime | None:
    return instant(text.replace("/", "-"))


def hour_of(when: datetime) -> datetime:
    """The full hour in which a moment lies."""
    return when.replace(minute=0, second=0, microsecond=0)
