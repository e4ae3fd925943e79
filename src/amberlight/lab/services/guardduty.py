"""GuardDuty: findings that calls in the lab make, that the owner plants, and samples.

A detector looks at recorded calls with the rules of `detection/rules.py` while it is enabled, and tells of findings on the default
event bus. The owner plants what cannot be decided from a call: `RunningLab.control("guardduty", account=ID, findings=[...])`, with
`region` if wanted. A finding has `type`, `resource` and `action` (in the spelling of a finding's JSON), and if wanted `severity`,
`title`, `description`, `when` (seconds since 1970) and `subject` (repeats of one subject are one finding).

References:
    "Amazon GuardDuty API Reference", 2026-11; global services' events reach the detectors of every Region ("Foundational data
    sources", User Guide).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from amberlight.lab import clock, hooks
from amberlight.lab.detection import bus, criteria, rules, samples, threat_lists, wire
from amberlight.lab.detection.guardduty import FREQUENCIES, Detector, Finding, Made, precise
from amberlight.lab.detection.seen import look
from amberlight.lab.options import REGION
from amberlight.lab.own import Operation, Refused, paged, serve
from amberlight.lab.recorder.history import Event
from amberlight.lab.recorder.requests import Call
from amberlight.lab.world import World

REAL = {
    "guardduty.ListFindings": "findings that calls which were really made cause, and what the owner plants",
    "guardduty.CreateThreatIntelSet": "read from the bucket; calls from its addresses are findings",
    "guardduty.CreateIPSet": "read from the bucket; nothing from its addresses is a finding",
    "guardduty.UpdateDetector": "a disabled detector sees nothing",
}

_MOST = 50
_ROLE = ("guardduty.amazonaws.com", "AWSServiceRoleForAmazonGuardDuty")
_GLOBAL = frozenset({"iam", "organizations", "account", "cloudfront", "route53"})
"""Services whose calls every Region's detector sees."""

_WATCHED = ("CLOUD_TRAIL",)
_UNWATCHED = ("DNS_LOGS", "FLOW_LOGS")


class GuardDuty:
    """All detectors, and the calls that they have not looked at yet."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._detectors: dict[tuple[str, str], Detector] = {}
        self._events: deque[tuple[Event, Any]] = deque()
        self._before: deque[tuple[Call, Any]] = deque(maxlen=64)
        self.lists = threat_lists.Lists()

    def note_before(self, call: Call, account: str, region: str) -> None:
        """Keep what a call is about to change."""
        found = rules.look_before(call, account, region)
        if found is not None:
            self._before.append((call, found))

    def note(self, event: Event) -> None:
        """Keep a recorded call until the next look."""
        if any(account == event.account for account, _ in self._detectors):
            before = next((found for call, found in self._before if call is event.call), None)
            self._events.append((event, before))

    def work(self) -> None:
        """Look at the calls since the last time, and tell of what is due."""
        now = clock.now()
        self._catch_up(now)
        for detector in self._detectors.values():
            if detector.enabled:
                detector.publish(self._tell, now)

    def _catch_up(self, now: float) -> None:
        while self._events:
            self._judge(*self._events.popleft(), now)

    def _judge(self, event: Event, before: Any, now: float) -> None:
        seen = look(event, before, self._world.hosts)
        if seen is None:
            return
        for detector in self._detectors.values():
            near = event.region == detector.region or seen.call.service in _GLOBAL
            watching = detector.enabled and detector.account == event.account and event.time >= detector.created
            if near and watching and not self.lists.trusted(detector, seen):
                for made in (*rules.judge(seen), *self.lists.judge(detector, seen)):
                    detector.take(made, now)

    def _tell(self, place: tuple[str, str], finding: Finding) -> None:
        bus.tell(place, "aws.guardduty", "GuardDuty Finding", finding)
        self.pass_on(place, finding)

    def pass_on(self, place: tuple[str, str], finding: Finding) -> None:
        """Tell AWS's other services of a finding, or that it was archived."""
        for listener in self._world.findings:
            listener(place, finding)

    def plant(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Take findings for an account; gives their ids."""
        place = (str(data["account"]), str(data.get("region", REGION)))
        detector = self._detectors.get(place)
        if detector is None or not detector.enabled:
            raise ValueError(f"account {place[0]} has no enabled detector in {place[1]}")
        made = [_planted(each, place) for each in data["findings"]]
        return {"ids": [detector.take(each, clock.now())["id"] for each in made]}

    # --- what callers ask ---

    def of_caller(self, asked: Mapping[str, Any]) -> Detector:
        """The detector that a call names; earlier calls are judged first, by detector and lists as they were."""
        self._catch_up(clock.now())
        found = self._detectors.get((hooks.current_account(), hooks.current_region()))
        if found is None or found.id != asked["DetectorId"]:
            raise _bad("because the input detectorId is not owned by the current account.")
        return found

    def create(self, asked: dict[str, Any]) -> dict[str, Any]:
        """CreateDetector."""
        place = (hooks.current_account(), hooks.current_region())
        if place in self._detectors:
            raise _bad("because a detector already exists for the current account.")
        _refuse_features(asked)
        now = clock.now()
        made = Detector(*place, bool(asked["enable"]), _frequency(asked, "SIX_HOURS"), asked.get("tags", {}), now, now)
        bus.service_role(*place, *_ROLE)
        self._detectors[place] = made
        return {"DetectorId": made.id}

    def ids(self, asked: dict[str, Any]) -> dict[str, Any]:
        """ListDetectors."""
        place = (hooks.current_account(), hooks.current_region())
        return _page("DetectorIds", [self._detectors[place].id] if place in self._detectors else [], asked)

    def update(self, asked: dict[str, Any]) -> None:
        """UpdateDetector."""
        detector = self.of_caller(asked)
        _refuse_features(asked)
        detector.enabled = bool(asked.get("enable", detector.enabled))
        detector.frequency = _frequency(asked, detector.frequency)
        detector.updated = clock.now()

    def delete(self, asked: dict[str, Any]) -> None:
        """DeleteDetector: its findings go with it."""
        del self._detectors[self.of_caller(asked).place]


def install(world: World) -> None:
    """Serve the API, look at what is recorded, and take what the owner plants."""
    guardduty = GuardDuty(world)
    world.recorder.befores.append(guardduty.note_before)
    world.history.subscribe(guardduty.note)
    world.jobs.append(guardduty.work)
    world.control.offer("guardduty", guardduty.plant)

    def on(work: Callable[[Detector, dict[str, Any]], Mapping[str, Any] | None]) -> Operation:
        return lambda asked: work(guardduty.of_caller(asked), asked)

    def archive(detector: Detector, asked: Mapping[str, Any], *, archived: bool) -> None:
        for finding in _named(detector, asked):
            finding["service"]["archived"] = archived
            guardduty.pass_on(detector.place, finding)

    serve("guardduty", {
        "CreateDetector": guardduty.create, "ListDetectors": guardduty.ids, "UpdateDetector": guardduty.update,
        "DeleteDetector": guardduty.delete, "GetDetector": on(_detector), "ListFindings": on(_list),
        **threat_lists.operations(guardduty.lists, guardduty.of_caller), "GetFindings": on(_get), "CreateSampleFindings": on(_samples), "GetFindingsStatistics": on(_statistics),
        "ArchiveFindings": on(lambda detector, asked: archive(detector, asked, archived=True)),
        "UnarchiveFindings": on(lambda detector, asked: archive(detector, asked, archived=False)),
    }, resource=_arn)  # fmt: skip


def _arn(operation: str, asked: dict[str, Any]) -> str:
    del operation
    known = asked.get("DetectorId")
    place = f"arn:aws:guardduty:{hooks.current_region()}:{hooks.current_account()}:detector"
    return f"{place}/{known}" if known else "*"


def _bad(reason: str) -> Refused:
    return Refused("BadRequestException", f"The request is rejected {reason}")


def _frequency(asked: Mapping[str, Any], otherwise: str) -> str:
    found = str(asked.get("findingPublishingFrequency", otherwise))
    if found not in FREQUENCIES:
        raise _bad("because an invalid or out-of-range value is specified as an input parameter.")
    return found


def _refuse_features(asked: Mapping[str, Any]) -> None:
    wanted = [each.get("name") for each in asked.get("features", []) if each.get("status") == "ENABLED"]
    if wanted or "true" in str(asked.get("dataSources", {})).lower():
        raise _bad(f"because a detector of the lab looks at CloudTrail management events alone, not at {wanted}.")


def _detector(detector: Detector, asked: Mapping[str, Any]) -> dict[str, Any]:
    del asked
    on = "ENABLED" if detector.enabled else "DISABLED"
    states = {**dict.fromkeys(_WATCHED, on), **dict.fromkeys((*_UNWATCHED, "S3_DATA_EVENTS"), "DISABLED")}
    sources = {"CloudTrail": "CLOUD_TRAIL", "DNSLogs": "DNS_LOGS", "FlowLogs": "FLOW_LOGS", "S3Logs": "S3_DATA_EVENTS"}
    return {
        "CreatedAt": precise(detector.created), "UpdatedAt": precise(detector.updated), "Status": on,
        "FindingPublishingFrequency": detector.frequency, "Tags": detector.tags,
        "ServiceRole": bus.service_role(*detector.place, *_ROLE),
        "DataSources": {name: {"Status": states[feature]} for name, feature in sources.items()},
        "Features": [{"Name": name, "Status": state, "UpdatedAt": detector.updated} for name, state in states.items()],
    }  # fmt: skip


def _matching(detector: Detector, asked: Mapping[str, Any]) -> list[Finding]:
    wanted = asked.get("findingCriteria", {}).get("criterion", {})
    sort = asked.get("sortCriteria") or {}
    try:
        found = [each for each in detector.findings.values() if criteria.matches(each, wanted)]
        attribute, order = sort.get("attributeName", "updatedAt"), sort.get("orderBy", "DESC")
        return criteria.ordered(found, attribute, descending=order == "DESC")
    except ValueError as error:
        raise _bad(f"because {error}.") from error


def _list(detector: Detector, asked: Mapping[str, Any]) -> dict[str, Any]:
    return _page("FindingIds", [each["id"] for each in _matching(detector, asked)], asked)


def _page(name: str, items: list[Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    size = asked.get("maxResults") or asked.get("MaxResults")
    token = asked.get("nextToken") or asked.get("NextToken")
    page, following = paged(items, token, size, most=_MOST, code="BadRequestException")
    return {name: page, "NextToken": following}


def _get(detector: Detector, asked: Mapping[str, Any]) -> dict[str, Any]:
    finding = hooks.model("guardduty").shape_for("Finding")
    found = _named(detector, asked)
    order = asked.get("sortCriteria") or {}
    if order:
        found = criteria.ordered(found, order["attributeName"], descending=order.get("orderBy", "DESC") == "DESC")
    return {"Findings": [wire.named(each, finding) for each in found]}


def _named(detector: Detector, asked: Mapping[str, Any]) -> list[Finding]:
    ids = asked["findingIds"]
    if len(ids) > _MOST:
        raise _bad(f"because more than {_MOST} finding ids are given.")
    return [detector.findings[each] for each in ids if each in detector.findings]


def _samples(detector: Detector, asked: Mapping[str, Any]) -> None:
    types = asked.get("findingTypes") or list(samples.TYPES)
    if unknown := [each for each in types if each not in samples.TYPES]:
        raise _bad(f"because the lab has no samples of {', '.join(unknown)}.")
    for name in types:
        detector.take(samples.sample(name, clock.now()), clock.now())


def _statistics(detector: Detector, asked: Mapping[str, Any]) -> dict[str, Any]:
    if asked.get("groupBy"):
        raise _bad("because the lab counts findings by severity alone (findingStatisticTypes), not by groupBy.")
    found = [f"{each['severity']:g}" for each in _matching(detector, asked)]
    return {"FindingStatistics": {"CountBySeverity": {each: found.count(each) for each in sorted(set(found))}}}


def _planted(given: Mapping[str, Any], place: tuple[str, str]) -> Made:
    """A finding of the owner, checked against GuardDuty's model."""
    name = str(given["type"])
    if name not in samples.TYPES:
        raise ValueError(f"the lab knows no finding type {name}")
    severity, kind, title = samples.TYPES[name]
    now, resource = clock.now(), {**given["resource"]}
    said = str(given.get("title") or title.format(_whose(resource)))
    made = Made(
        type=name, severity=float(given.get("severity", severity)), when=float(given.get("when", now)), title=said,
        description=str(given.get("description", said)), resource=resource, action={**given["action"]},
        subject=str(given.get("subject", now)), role="ACTOR" if kind in ("network", "dns") else "TARGET",
    )  # fmt: skip
    finding = Detector(*place, enabled=True, frequency="SIX_HOURS", tags={}, created=now, updated=now).take(made, now)
    if odd := wire.strange(finding, hooks.model("guardduty").shape_for("Finding")):
        raise ValueError(f"a finding has no {', '.join(odd)}, or not of that type")
    return made


def _whose(resource: Mapping[str, Any]) -> str:
    instance, key = resource.get("instanceDetails") or {}, resource.get("accessKeyDetails") or {}
    return str(instance.get("instanceId") or key.get("userName") or "unknown")
