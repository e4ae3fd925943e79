"""Listens to the event history of an account in every Region, to a queue of notices, and to what people hand in; feeds the judge.

References:
    CloudTrail LookupEvents: two requests a second per account and Region, 50 events a page, newest first, management
    events of the last 90 days; an event can show up minutes after the call.
    https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from amberlight import trail
from amberlight._aws import Clock, Door
from amberlight.aware import telling
from amberlight.aware.judge import Judge
from amberlight.casebook import Casebook
from amberlight.model.inbox import Act
from amberlight.model.signals import Signal, Suspicion

Listener = Callable[[str, Any], None]
"""Is told what happened: a word, and the record that it is about."""

PAUSE_S = 0.55
"""Between two LookupEvents of one Region: a little less than two a second."""
OVERLAP = timedelta(minutes=15)
"""How far each look goes back behind the newest event: events arrive late and out of order."""
SWEEP_S = 60.0
"""How often the whole overlap is read again; the looks between stop at the first page that holds a known event."""
HANDED_IN = "casebook"
MOST_PAGES = 20
"""Pages of one look at one Region; what is older was seen by the looks before."""


@dataclass(frozen=True, kw_only=True)
class Ears:
    """Where to listen: the subject account's history by a door, and the queue of notices by another (its URL may be empty)."""

    subject: Door
    regions: tuple[str, ...]
    queue: Door
    queue_url: str = ""


class Watcher:
    """Polls; safe to use from one thread at a time.

    Args:
        ears: Where to listen.
        judge: Is fed with every event and notice.
        casebook: Keeps signals and suspicions, and when each was noticed; holds what people handed in.
        clock: Time and waiting.
        since: Events before it are not asked for.
        tell: Is told of every round that brought something (`noticed`).
    """

    def __init__(
        self, ears: Ears, judge: Judge, casebook: Casebook, *, clock: Clock, since: datetime, tell: Listener
    ) -> None:
        self.signals: dict[str, Signal] = {}
        self.events = 0
        self.latest: tuple[Suspicion, ...] = ()
        self._ears = ears
        self._judge = judge
        self._casebook = casebook
        self._clock = clock
        self._tell = tell
        self._since = dict.fromkeys(ears.regions, since)
        self._start = since
        self._known: dict[str, set[str]] = {region: set() for region in ears.regions}
        self._next_call = dict.fromkeys(ears.regions, 0.0)
        self._next_sweep = dict.fromkeys((*ears.regions, HANDED_IN), 0.0)
        self._timed: set[str] | None = None

    def poll(self) -> tuple[Suspicion, ...]:
        """One look everywhere; all suspicions as they stand now."""
        fresh = [signal for region in self._ears.regions for signal in self._look(region)]
        fresh += [*self._handed_in(), *self._notices()]
        new = [signal for signal in fresh if signal.id not in self.signals]
        self.signals.update((signal.id, signal) for signal in new)
        if new:
            self._casebook.record_signals(new)
            self._tell("noticed", tuple(new))
        self.latest = self._judge.suspicions()
        if new:
            self._casebook.record_suspicions(self.latest)
            self._note_times()
        return self.latest

    def _note_times(self) -> None:
        """When each suspicion was noticed, once: clocks of acknowledging and deciding start there."""
        if self._timed is None:
            self._timed = {act.about for act in self._casebook.acts() if act.verb == "noticed"}
        for name in sorted({one.id for one in self.latest} - self._timed):
            self._casebook.record_act(Act(about=name, verb="noticed", by="amberlight", when=self._clock.now()))
            self._timed.add(name)

    def until_page(self, limit_s: float) -> Suspicion | None:
        """Poll until a suspicion pages; None when none did within the limit."""
        end = self._clock.monotonic() + limit_s
        while self._clock.monotonic() < end:
            paging = [suspicion for suspicion in self.poll() if suspicion.page]
            if paging:
                return paging[0]
        return None

    def until_settled(self, suspicion: Suspicion, *, quiet_s: float, limit_s: float) -> Suspicion:
        """Poll until nothing new has joined the suspicion for *quiet_s* seconds; it as it stands then."""
        end = self._clock.monotonic() + limit_s
        changed = self._clock.monotonic()
        current = suspicion
        while self._clock.monotonic() < min(end, changed + quiet_s):
            latest = successor(current, self.poll())
            if latest.event_ids != current.event_ids or latest.resources != current.resources:
                changed = self._clock.monotonic()
            current = latest
        return current

    def _look(self, region: str) -> list[Signal]:
        """New events of one Region, newest page first, until a page joins what is known."""
        found: list[Signal] = []
        more: dict[str, str] = {}
        sweep = self._sweep_is_due(region)
        start = max(self._start, self._since[region] - OVERLAP)
        for _ in range(MOST_PAGES):
            answer = self._lookup(region, StartTime=start, MaxResults=50, **more)
            items = [item for item in answer["Events"] if item["EventId"] not in self._known[region]]
            self._known[region].update(item["EventId"] for item in items)
            self._since[region] = max([self._since[region], *(item["EventTime"] for item in items)])
            self.events += len(items)
            found += self._judge.observe([trail.event_from_lookup(item) for item in items])
            joined = len(items) < len(answer["Events"]) and not sweep
            if joined or "NextToken" not in answer:
                break
            more = {"NextToken": answer["NextToken"]}
        return found

    def _sweep_is_due(self, region: str) -> bool:
        now = self._clock.monotonic()
        due = now >= self._next_sweep[region]
        if due:
            self._next_sweep[region] = now + SWEEP_S
        return due

    def _lookup(self, region: str, **parameters: Any) -> dict[str, Any]:
        self._clock.sleep(self._next_call[region] - self._clock.monotonic())
        self._next_call[region] = self._clock.monotonic() + PAUSE_S
        return self._ears.subject.call("cloudtrail.LookupEvents", region=region, **parameters)

    def _notices(self) -> list[Signal]:
        """Notices that arrived, readable or not; each is taken off the queue only once the casebook has its signals."""
        if not self._ears.queue_url:
            return []
        url = self._ears.queue_url
        found: list[Signal] = []
        answer = self._ears.queue.call("sqs.ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0)
        for message in answer.get("Messages", []):
            signals = telling.told(message, self._clock.now()).signals
            self._casebook.record_signals(signals)
            for signal in signals:
                self._judge.add(signal)
            self._ears.queue.call("sqs.DeleteMessage", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            found += signals
        return found

    def _handed_in(self) -> list[Signal]:
        """What people put into the casebook by themselves since the last look; once a sweep."""
        if not self._sweep_is_due(HANDED_IN):
            return []
        found = [one for one in self._casebook.signals() if one.source.startswith("intake.")]
        new = [one for one in found if one.id not in self.signals]
        for signal in new:
            self._judge.add(signal)
        return new


def successor(suspicion: Suspicion, latest: tuple[Suspicion, ...]) -> Suspicion:
    """The suspicion as it stands now: the one that shares most events with it; groups merge as they grow."""
    known = set(suspicion.event_ids)
    return max(latest, key=lambda other: (len(known & set(other.event_ids)), other.score), default=suspicion)
