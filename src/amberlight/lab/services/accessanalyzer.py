"""IAM Access Analyzer: findings of external access, computed every second from the policies as they are.

Analyzers of type `ACCOUNT`, and in the management account of type `ORGANIZATION`. Unused and internal access, archive rules, previews and
policy checks are refused.

References:
    "IAM Access Analyzer API Reference"; "Monitoring IAM Access Analyzer with Amazon EventBridge", IAM User Guide, 2026-11: a finding
    whose access ends is `RESOLVED`, and becomes `ACTIVE` again when it comes back.
"""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from amberlight.lab import clock, hooks
from amberlight.lab.detection import bus
from amberlight.lab.detection.outside import Access, accesses
from amberlight.lab.own import Refused, paged, serve
from amberlight.lab.world import World

REAL = {
    "accessanalyzer.ListFindings": "computed from the policies as they are",
    "accessanalyzer.ListFindingsV2": "computed from the policies as they are",
}

_EVERY_S, _MOST = 1.0, 100
_ROLE = ("access-analyzer.amazonaws.com", "AWSServiceRoleForAccessAnalyzer")
_FILTERS: Mapping[str, Callable[[set[str], list[str]], bool]] = {
    "eq": lambda have, wanted: bool(have & set(wanted)),
    "neq": lambda have, wanted: not have & set(wanted),
    "contains": lambda have, wanted: any(each in text for text in have for each in wanted),
}


@dataclasses.dataclass
class Finding:
    """An access, and since when."""

    access: Access
    created: float
    updated: float
    analyzed: float
    status: str = "ACTIVE"
    id: str = dataclasses.field(default_factory=lambda: str(uuid.uuid4()))

    def summary(self) -> dict[str, Any]:
        """The members that every form of it has."""
        access = self.access
        return {"id": self.id, "resource": access.resource, "resourceType": access.kind, "status": self.status,
                "resourceOwnerAccount": access.account, "createdAt": self.created, "analyzedAt": self.analyzed,
                "updatedAt": self.updated}  # fmt: skip

    def details(self) -> dict[str, Any]:
        """What is special to external access."""
        access = self.access
        return {"principal": dict([access.principal]), "action": list(access.actions), "condition": {key: values for _, key, values in access.conditions},
                "isPublic": access.public, "sources": [{"type": "POLICY"}]}  # fmt: skip


@dataclasses.dataclass
class Analyzer:
    """An analyzer and its findings."""

    name: str
    kind: str
    account: str
    region: str
    zone: frozenset[str]
    tags: Mapping[str, str]
    created: float
    findings: dict[Access, Finding] = dataclasses.field(default_factory=dict)
    looked: float = 0.0

    @property
    def arn(self) -> str:
        """Its ARN."""
        return f"arn:aws:access-analyzer:{self.region}:{self.account}:analyzer/{self.name}"

    def look(self, now: float) -> list[Finding]:
        """Compute what can be reached now; gives the findings that changed."""
        found, changed = dict.fromkeys(accesses(self.zone, self.region)), []
        self.looked = now
        for access in found:
            known = self.findings.get(access)
            if known is None:
                self.findings[access] = Finding(access, now, now, now)
                changed.append(self.findings[access])
            elif known.status == "RESOLVED":
                changed.append(_set(known, "ACTIVE", now))
        for access, known in self.findings.items():
            known.analyzed = now
            if access not in found and known.status != "RESOLVED":
                changed.append(_set(known, "RESOLVED", now))
        return changed

    def shown(self) -> dict[str, Any]:
        """As the API shows it."""
        last = next(reversed(self.findings), None)
        return {"arn": self.arn, "name": self.name, "type": self.kind, "createdAt": self.created, "status": "ACTIVE",
                "tags": self.tags, "lastResourceAnalyzed": last.resource if last else None,
                "lastResourceAnalyzedAt": self.looked if last else None}  # fmt: skip


class Analyzers:
    """All analyzers."""

    def __init__(self, world: World) -> None:
        self._management = world.accounts["security"].id
        self._members = frozenset(each.id for each in world.accounts.values())
        self._known: dict[str, Analyzer] = {}
        self._next = 0.0

    def work(self) -> None:
        """Look at everything, once a second."""
        now = clock.now()
        if now >= self._next:
            self._next = now + _EVERY_S
            for analyzer in self._known.values():
                _tell(analyzer, analyzer.look(now))

    def create(self, asked: dict[str, Any]) -> dict[str, Any]:
        """CreateAnalyzer."""
        account, region, kind = hooks.current_account(), hooks.current_region(), asked["type"]
        if kind not in ("ACCOUNT", "ORGANIZATION") or asked.get("archiveRules") or asked.get("configuration"):
            raise _invalid("The lab's analyzers look for external access, and have no archive rules.")
        if kind == "ORGANIZATION" and account != self._management:
            raise _invalid("An analyzer of the organization is made by its management account.")
        if any(each.kind == kind for each in self.of_caller()):
            raise Refused("ServiceQuotaExceededException", "There is an analyzer of this type.", 402)
        zone = self._members if kind == "ORGANIZATION" else frozenset({account})
        made = Analyzer(asked["analyzerName"], kind, account, region, zone, asked.get("tags", {}), clock.now())
        if made.arn in self._known:
            raise Refused("ConflictException", "There is an analyzer of this name.", 409)
        bus.service_role(account, region, *_ROLE)
        self._known[made.arn] = made
        _tell(made, made.look(clock.now()))
        return {"arn": made.arn}

    def of_caller(self) -> list[Analyzer]:
        """The analyzers of the caller's account and Region."""
        here = (hooks.current_account(), hooks.current_region())
        return [each for each in self._known.values() if (each.account, each.region) == here]

    def named(self, name: str) -> Analyzer:
        """One of them, by name or ARN."""
        for each in self.of_caller():
            if name in (each.name, each.arn):
                return each
        raise Refused("ResourceNotFoundException", f"There is no analyzer {name}.", 404)

    def delete(self, asked: dict[str, Any]) -> None:
        """DeleteAnalyzer."""
        del self._known[self.named(asked["analyzerName"]).arn]


def install(world: World) -> None:
    """Serve the API and look."""
    analyzers = Analyzers(world)
    world.jobs.append(analyzers.work)
    serve("accessanalyzer", {
        "CreateAnalyzer": analyzers.create, "DeleteAnalyzer": analyzers.delete,
        "GetAnalyzer": lambda asked: {"analyzer": analyzers.named(asked["analyzerName"]).shown()},
        "ListAnalyzers": lambda asked: _page("analyzers", [
            each.shown() for each in analyzers.of_caller() if asked.get("type") in (None, each.kind)
        ], asked),
        "ListFindings": lambda asked: _page("findings", [
            {**each.summary(), **each.details()} for each in _matching(analyzers, asked)
        ], asked),
        "ListFindingsV2": lambda asked: _page("findings", [
            {**each.summary(), "findingType": "ExternalAccess"} for each in _matching(analyzers, asked)
        ], asked),
        "GetFinding": lambda asked: {"finding": {**(one := _one(analyzers, asked)).summary(), **one.details()}},
        "GetFindingV2": lambda asked: {
            **(one := _one(analyzers, asked)).summary(), "findingType": "ExternalAccess",
            "findingDetails": [{"externalAccessDetails": one.details()}],
        },
        "UpdateFindings": lambda asked: _update(analyzers, asked),
    }, resource=_arn)  # fmt: skip


def _arn(operation: str, asked: dict[str, Any]) -> str:
    del operation
    name = asked.get("analyzerName")
    here = f"arn:aws:access-analyzer:{hooks.current_region()}:{hooks.current_account()}:analyzer/"
    return str(asked.get("analyzerArn") or (here + name if name else "*"))


def _invalid(message: str) -> Refused:
    return Refused("ValidationException", message, reason="other")


def _set(finding: Finding, status: str, now: float) -> Finding:
    finding.status, finding.updated = status, now
    return finding


def _tell(analyzer: Analyzer, findings: Iterable[Finding]) -> None:
    for each in findings:
        times = {name: clock.iso(moment) for name, moment in each.summary().items() if name.endswith("At")}
        detail = {**each.summary(), **each.details(), **times, "accountId": each.access.account, "region": analyzer.region,
                  "version": "1.0", "isDeleted": False}  # fmt: skip
        place = (analyzer.account, analyzer.region)
        hidden = ("resourceOwnerAccount", "sources")
        shown = {name: value for name, value in detail.items() if name not in hidden}
        bus.tell(place, "aws.access-analyzer", "Access Analyzer Finding", shown, [analyzer.arn])


def _matching(analyzers: Analyzers, asked: Mapping[str, Any]) -> list[Finding]:
    findings = list(analyzers.named(asked["analyzerArn"]).findings.values())
    for attribute, wanted in (asked.get("filter") or {}).items():
        for name, values in wanted.items():
            findings = [each for each in findings if _passes(each, attribute, name, values)]
    attribute, order = (
        (asked.get("sort") or {}).get("attributeName", "updatedAt"),
        (asked.get("sort") or {}).get("orderBy"),
    )
    return sorted(
        findings, key=lambda each: _texts(each, attribute) and min(_texts(each, attribute)), reverse=order != "ASC"
    )


def _passes(finding: Finding, attribute: str, name: str, values: Any) -> bool:
    have = _texts(finding, attribute)
    if name == "exists":
        return bool(bool(have) == values)
    if name not in _FILTERS:
        raise _invalid(f"The lab does not filter by {name}.")
    return _FILTERS[name](have, [str(each) for each in values])


def _texts(finding: Finding, attribute: str) -> Any:
    all_of = {**finding.summary(), **finding.details(), "findingType": "ExternalAccess"}
    name, _, inner = attribute.partition(".")
    if name not in all_of:
        raise _invalid(f"The lab does not know the attribute {attribute}.")
    value = all_of[name].get(inner) if inner else all_of[name]
    values = value if isinstance(value, list) else [] if value is None else [value]
    return {str(each).lower() if isinstance(each, bool) else str(each) for each in values}


def _page(name: str, items: list[Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    page, following = paged(
        items, asked.get("nextToken"), asked.get("maxResults"), most=_MOST, code="ValidationException"
    )
    return {name: page, "nextToken": following}


def _one(analyzers: Analyzers, asked: Mapping[str, Any]) -> Finding:
    for each in analyzers.named(asked["analyzerArn"]).findings.values():
        if each.id == asked["id"]:
            return each
    raise Refused("ResourceNotFoundException", "There is no such finding.", 404)


def _update(analyzers: Analyzers, asked: Mapping[str, Any]) -> None:
    analyzer, ids = analyzers.named(asked["analyzerArn"]), asked.get("ids") or []
    chosen = [
        each for each in analyzer.findings.values()
        if (each.id in ids or each.access.resource == asked.get("resourceArn")) and each.status != "RESOLVED"
    ]  # fmt: skip
    _tell(analyzer, [_set(each, asked["status"], clock.now()) for each in chosen])
