"""The lab's own clock: it plays AWS, so it tells the time to others and is handed none."""

from __future__ import annotations

import datetime as dt
import time


def now() -> float:
    """Seconds since the epoch."""
    return time.time()  # noqa: TID251 (the lab is the source of time in a drill)


def wait(seconds: float) -> None:
    """Pause the calling thread."""
    time.sleep(seconds)  # noqa: TID251 (as above)


def iso(moment: float) -> str:
    """A moment as AWS writes it: whole seconds, UTC, with a Z."""
    return dt.datetime.fromtimestamp(moment, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def compact(moment: float, *, seconds: bool) -> str:
    """A moment as CloudTrail puts it into file names."""
    form = "%Y%m%dT%H%M%SZ" if seconds else "%Y%m%dT%H%MZ"
    return dt.datetime.fromtimestamp(moment, dt.UTC).strftime(form)


def day(moment: float) -> str:
    """The day of a moment as CloudTrail puts it into keys."""
    return dt.datetime.fromtimestamp(moment, dt.UTC).strftime("%Y/%m/%d")
