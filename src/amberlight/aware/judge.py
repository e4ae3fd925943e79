"""Events and signals in, signals and suspicions out. Deterministic; the same event twice counts once."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from functools import lru_cache
from typing import Any

import msgspec

from amberlight.aware import triage
from amberlight.aware.comparing import Change, compare
from amberlight.aware.hits import Hit, Hits
from amberlight.aware.links import ISSUING, MAKING, Links
from amberlight.aware.memory import Activity, Memory, Name, scope
from amberlight.aware.naming import Names
from amberlight.aware.rule import Match, Rule
from amberlight.aware.ruleset import Door, Key, RuleSet, builtin
from amberlight.aware.scoring import SHOWN_IDS
from amberlight.aware.suppressing import Suppressions
from amberlight.model.response_plan import AwarePlan
from amberlight.model.scan import StagedRule, SuppressionUse
from amberlight.model.signals import Signal, Suspicion
from amberlight.trail import Event
from amberlight.trail.event import NOBODY
from amberlight.trail.identity import Actor, actor

S3 = "s3.amazonaws.com"
MOST_ROUTES = 20_000


class Bucket(msgspec.Struct, gc=False, rename={"name": "bucketName"}):
    """The one parameter of S3 calls that the memory keeps."""

    name: Any = None


class Route(msgspec.Struct, frozen=True, gc=False):
    """What an operation concerns: rules that ask for it, and whether it links principals. One `name` for all its events."""

    name: Name
    rules: tuple[Rule, ...]
    doors: tuple[Door, ...]
    linking: bool


BUCKET = msgspec.json.Decoder(Bucket | None)


class Judge:
    """Judges a stream of API calls, and what other intakes noticed.

    Args:
        aware: The plan's section: what pages, and what matters most.
        rules: What judges; our own rules where nothing is said.
        today: The day that suppressions are compared with; without one none is applied.
    """

    def __init__(self, aware: AwarePlan | None = None, rules: RuleSet | None = None, today: date | None = None) -> None:
        self.aware = aware or AwarePlan()
        self.suppressions = Suppressions(self.aware.suppressions, today)
        self.rules = rules or builtin(self.aware.staged)
        self.memory = Memory()
        self.links = Links()
        self.hits = Hits()
        self.notices: dict[str, Signal] = {}
        self._routes: dict[Name, Route] = {}
        self._stale = True
        self._names = Names()
        self._everything: list[Hit] = []
        self._judged: tuple[Suspicion, ...] = ()

    def observe(self, events: Iterable[Event]) -> list[Signal]:
        """Take in events, in any order; gives the signals that they raised for the first time.

        Rules that need a principal's whole activity speak in `suspicions` and `signals` only.
        """
        fresh: list[Signal] = []
        for event in events:
            for hit in self.take(event):
                signals = self.hits.add(hit)
                fresh += signals if hit.rule.id not in self.rules.staged else ()
            self._stale = True
        return fresh

    def take_all(self, events: Iterable[Event]) -> None:
        """Take in events without making signals of them: the fast way for long histories."""
        take, count = self.take, self.hits.count
        for event in events:
            for hit in take(event):
                count(hit)
        self._stale = True

    def take(self, event: Event) -> list[Hit]:
        """One event: what the memory learns of it, and what the rules that ask for its name say."""
        route = self._routes.get((event.source, event.name)) or self._route(event)
        who = actor(event.identity or NOBODY)
        by_service = who.kind == "service" or from_aws(event.address)
        if not by_service:
            self._remember(event, who, route.name)
        if route.linking:
            self.links.see(event)
        found = self._ask(route.rules, event, who, by_service=by_service) if route.rules else []
        for door in route.doors:
            if rules := door.lets_in(event):
                found += self._ask(rules, event, who, by_service=by_service)
        return found

    def _ask(self, rules: Iterable[Rule], event: Event, who: Actor, *, by_service: bool) -> list[Hit]:
        found = []
        for rule in rules:
            if rule.on_event and (rule.services or not by_service) and (rule.denied or event.error is None):
                match = rule.on_event(event)
                if match and self.hits.wants(rule, match, event, who):
                    found.append(Hit.of(rule, match, event, who, by_service=by_service))
        return found

    def _remember(self, event: Event, who: Actor, name: Name) -> None:
        account, place = event.recipient or who.account, who.principal
        if not place.startswith("arn:"):
            place = scope(place, account)
        activity = self.memory.activities.get(place)
        if activity is None:
            activity = self.memory.activities[place] = Activity(who.principal, who.kind)
        if account not in activity.accounts and account:
            activity.was_in(account)
        if who.kind != activity.kind:
            activity.kind = min(activity.kind, who.kind)
        activity.see(event, who, name)
        if event.source == S3 and (bucket := bucket_of(event)):
            activity.bucket(bucket, event)

    def _route(self, event: Event) -> Route:
        name = (event.source, event.name)
        asked = self.rules.asked(event.source, event.name, event.action)
        route = Route(name, asked.always, asked.doors, event.name in ISSUING or event.name in MAKING)
        if len(self._routes) < MOST_ROUTES:
            self._routes[name] = route
        return route

    def add(self, signal: Signal) -> None:
        """Take in what another intake noticed; the same id twice counts once."""
        self.notices.setdefault(signal.id, signal)
        self._stale = True

    def merge(self, other: Judge) -> None:
        """Take in the state of a judge that read other events."""
        self.memory.merge(other.memory)
        self.links.merge(other.links)
        self.hits.merge(other.hits)
        self.notices |= other.notices
        self._names.merge(other._names)
        self._stale = True

    def __getstate__(self) -> dict[str, object]:
        """The state without what is only remembered to save time."""
        return {
            **self.__dict__,
            "suppressions": Suppressions(),
            "_routes": {},
            "_judged": (),
            "_stale": True,
        }

    def suspicions(self) -> tuple[Suspicion, ...]:
        """Everything that is suspected now, by falling score; those that do not page, too. Staged rules have no say."""
        if self._stale:
            self._everything = self.all_hits()
            self.suppressions = Suppressions(self.aware.suppressions, self.suppressions.today)
            self._judged = self._names.kept(self._by(self.rules.live().keys, self.suppressions))
            self._stale = False
        return self._judged

    def by(self, rules: RuleSet) -> tuple[Suspicion, ...]:
        """Everything that would be suspected if only those of the judge's rules had a say."""
        self.suspicions()
        return self._by(rules.keys, Suppressions(self.aware.suppressions, self.suppressions.today))

    def _by(self, keys: frozenset[Key], suppressions: Suppressions) -> tuple[Suspicion, ...]:
        found = [hit for hit in self._everything if (hit.rule.id, hit.rule.revision) in keys]
        return triage.suspicions(found, self.links, self.memory, self.notices, self.aware, suppressions=suppressions)

    def suppressed(self) -> tuple[SuppressionUse, ...]:
        """Every suppression of the plan, and what it holds back now."""
        self.suspicions()
        return self.suppressions.uses()

    def staged(self) -> tuple[StagedRule, ...]:
        """The record of every staged rule: how often it matched, and what it would have paged if it were live."""
        now = self.suspicions()
        return tuple(self._record(rule, now) for rule in self.rules.rules if rule.id in self.rules.staged)

    def _record(self, rule: Rule, now: tuple[Suspicion, ...]) -> StagedRule:
        hits = [hit for hit in self._everything if hit.rule is rule]
        pages: tuple[Change, ...] = ()
        if hits:
            pages = compare(now, self.by(self.rules.without(self.rules.staged - {rule.id}))).gained
        shown = dict.fromkeys(i for one in pages if one.after for i in one.after.event_ids)
        return StagedRule(
            rule=rule.id,
            title=rule.title,
            matches=len(hits),
            would_page=len(pages),
            first=min((hit.when for hit in hits), default=None),
            last=max((hit.last for hit in hits), default=None),
            event_ids=tuple(shown)[:SHOWN_IDS],
        )

    def all_hits(self) -> list[Hit]:
        """Full matches of every rule, by time."""
        self.memory.changed()
        found = self.hits.full()
        for rule in self.rules.on_activity:
            for activity in self.memory.activities.values():
                found += [Hit.over(rule, match, activity) for match in looked(rule, activity, self.memory)]
        return sorted(found, key=order)

    def signals(self) -> tuple[Signal, ...]:
        """Every signal so far, by time; staged rules raise none."""
        own = {hit.signal_id: hit.signal() for hit in self.all_hits() if hit.rule.id not in self.rules.staged}
        return tuple(sorted((own | self.notices).values(), key=moment))


def looked(rule: Rule, activity: Activity, memory: Memory) -> Iterable[Match]:
    """What a rule sees in a principal's activity."""
    return rule.on_activity(activity, memory) if rule.on_activity else ()


def bucket_of(event: Event) -> str:
    """The bucket that an S3 call names, or empty."""
    try:
        asked = BUCKET.decode(event.raw_request)
    except msgspec.DecodeError:
        return ""  # parameters that are no object
    return asked.name if asked and isinstance(asked.name, str) else ""


@lru_cache(maxsize=16384)
def from_aws(address: str | None) -> bool:
    """Whether the source address says that AWS itself called."""
    return address is not None and (address.endswith(".amazonaws.com") or address == "AWS Internal")


def order(hit: Hit) -> tuple[Any, ...]:
    """Order of hits, which decides wherever two are alike: by all that can tell two of them apart."""
    return (hit.when, hit.rule.id, hit.rule.revision, hit.principal, hit.event_ids, hit.key, hit.accounts, hit.reason)


def moment(signal: Signal) -> tuple[datetime, str]:
    """Order of signals."""
    return signal.when, signal.id
