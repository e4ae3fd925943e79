"""Has AWS bear witness: pairs the requests that the ledger names with the events that the account's own history holds.

CloudTrail notes the id of every request as `requestID`, beside an `eventID` of its own; its digests are signed by AWS. So an
entry whose requests are paired does not rest on our word alone.

Rules: it looks beside the other work; it never keeps a package waiting longer than the plan allows; whatever goes wrong is
entered as the reason why acts are open.

References:
    LookupEvents: see `watch`. Events of global services stand in one Region of the partition:
    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-concepts.html#cloudtrail-concepts-global-service-events
"""

from __future__ import annotations

import json
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec

from amberlight._aws import Clock, Door
from amberlight.capture.answers import partition
from amberlight.model.corroboration import EVENT_ID, Asked, asked, events, standing
from amberlight.model.custody import Entry
from amberlight.model.errors import AmberlightError, Unreachable
from amberlight.response.watch import PAUSE_S
from amberlight.vault import Ledger

GLOBAL = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
MARGIN = timedelta(minutes=1)
"""How far the clock of AWS may be from ours."""
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
"""Between two rounds, which ask only for the time of what is still open: events come within minutes in a real account."""
GRACE_S = 5.0
"""How long a request that is under way when the time is over may still take."""


class Corroborated(msgspec.Struct, frozen=True, kw_only=True):
    """What is entered. A row pairs (entry, request id, CloudTrail event id); `standing` counts all acts of the ledger.

    `unreadable` events are no records with two ids; `problem` says what kept Regions from being read.
    """

    account: str
    regions: tuple[str, ...]
    rows: tuple[tuple[int, str, str], ...]
    acts: int
    standing: dict[str, int]
    unreadable: int = 0
    problem: str = ""


class Corroborator:
    """Looks for our acts in the event history of one account.

    Args:
        door: Into that account.
        entries: The ledger so far; what it names already is not looked for again.
        clock: Time and waiting.
        session: Name of our sessions there, so that only our own events are read; empty reads all.
        wait_s: How long to go on while acts are open; 0 asks for nothing.
    """

    def __init__(self, door: Door, entries: Iterable[Entry], *, clock: Clock, session: str, wait_s: float) -> None:
        entries = tuple(entries)
        self._door, self._clock, self._session, self._wait_s = door, clock, session, wait_s
        self._acts, self._known = tuple(asked(entries)), events(entries)
        self._open = {one.request_id: one for one in self._of("open")}
        self._found: dict[str, str] = {}
        self._taken = set(self._known.values())
        self._strange: set[str] = set()
        self._problems: dict[str, str] = {}
        self._given_up: set[str] = set()
        self._next_call: dict[str, float] = {}
        self._end = clock.monotonic() + wait_s
        self._regions = self._places()

    def run(self) -> None:
        """Read until nothing is open or the time is over."""
        pause = FIRST_WAIT_S
        while self._regions and self._open and self._left() > 0:
            self._round()
            if len(self._given_up) == len(self._regions) or not self._open:
                return
            self._clock.sleep(max(0.0, min(pause, self._left())))
            pause = min(pause * 1.5, LONGEST_WAIT_S)

    def begin(self) -> Callable[[], Corroborated]:
        """Start beside other work; the function that is given waits for the rest, and says what was found."""
        # A daemon: an answer that never comes must not keep the process from ending.
        thread = threading.Thread(target=self.run, name="corroborate", daemon=True)
        thread.start()

        def ended() -> Corroborated:
            thread.join(max(0.0, self._left()) + GRACE_S)
            return self.found()

        return ended

    def found(self) -> Corroborated:
        """What was found so far."""
        pairs = dict(self._found)
        stands = Counter(standing(one, self._known | pairs, self._asked()) for one in self._acts)
        return Corroborated(
            account=self._door.account,
            regions=self._regions if self._wait_s > 0 else (),
            rows=tuple(
                (one.entry, one.request_id, pairs[one.request_id]) for one in self._acts if one.request_id in pairs
            ),
            acts=len(self._acts),
            standing=dict(sorted(stands.items())),
            unreadable=len(self._strange),
            problem=" ".join(f"{region}: {problem}" for region, problem in sorted(self._problems.copy().items())),
        )

    def _asked(self) -> frozenset[str]:
        return frozenset({self._door.account} if self._wait_s > 0 else ())

    def _of(self, wanted: str) -> Iterator[Asked]:
        return (one for one in self._acts if standing(one, self._known, self._asked()) == wanted)

    def _places(self) -> tuple[str, ...]:
        """Regions where our acts can have left events."""
        named = {one.region for one in self._open.values() if one.region}
        return tuple(sorted(named | {GLOBAL[partition(region)] for region in named}))

    def _left(self) -> float:
        return self._end - self._clock.monotonic()

    def _round(self) -> None:
        """Read every Region's history for the time in which acts are open, a page of each in turn: the quota is by Region."""
        wanted: dict[str, Any] = {"MaxResults": 50, **self._window()}
        if self._session:
            wanted["LookupAttributes"] = [{"AttributeKey": "Username", "AttributeValue": self._session}]
        todo = deque((region, wanted) for region in self._regions if region not in self._given_up)
        while todo and self._open and self._left() > 0:
            region, parameters = todo.popleft()
            if token := self._page(region, parameters):
                todo.append((region, parameters | {"NextToken": token}))

    def _page(self, region: str, parameters: dict[str, Any]) -> str:
        """Take one page; the token of the next. A Region that does not answer is asked again, one that refuses is not."""
        self._clock.sleep(max(0.0, self._next_call.get(region, 0.0) - self._clock.monotonic()))
        self._next_call[region] = self._clock.monotonic() + PAUSE_S
        try:
            answer = self._door.call("cloudtrail.LookupEvents", region=region, **parameters)
        except AmberlightError as problem:
            self._problems[region] = problem.cause
            if not isinstance(problem, Unreachable):
                self._given_up.add(region)
            return ""
        self._problems.pop(region, None)
        for item in answer.get("Events", ()):
            self._take(item)
        return str(answer.get("NextToken", ""))

    def _window(self) -> dict[str, datetime]:
        times = [when for one in self._open.values() if (when := moment(one.when))]
        return {"StartTime": min(times) - MARGIN, "EndTime": max(times) + MARGIN} if times else {}

    def _take(self, item: dict[str, Any]) -> None:
        try:
            record = json.loads(item["CloudTrailEvent"])
            # What an AWS service did by itself has no request.
            request_id, event_id = str(record.get("requestID")), str(record["eventID"])
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
            self._strange.add(str(item.get("EventId", "")))
            return
        if request_id not in self._open or event_id in self._taken:
            return
        if not EVENT_ID.fullmatch(event_id):
            self._strange.add(event_id)
            return
        self._taken.add(event_id)
        self._found[request_id] = event_id
        del self._open[request_id]


def moment(text: str) -> datetime | None:
    """A time of an entry; None where it is none, for entries can have been written by others."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return when if when.tzinfo else None


def enter(ledger: Ledger, found: Corroborated) -> Corroborated:
    """Enter what was found."""
    ledger.append("corroborated", msgspec.to_builtins(found))
    return found
