"""Security Hub: findings of GuardDuty, of providers and of the owner, in one format.

While the hub of an account and Region is enabled it takes each finding that GuardDuty tells there. The owner plants findings of any
product (Inspector, Macie, Config, a partner): `RunningLab.control("securityhub", account=ID, findings=[ASFF, ...])`, with `region` if
wanted. There are no standards and no controls: nothing is checked, and calls about them are refused.

References:
    "AWS Security Hub API Reference", 2026-11; "EventBridge event formats for Security Hub", User Guide: every import and every update of
    a finding is an event with that finding, `Security Hub Findings - Imported`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from amberlight.lab import clock, hooks
from amberlight.lab.detection import asff, bus, hub_filters
from amberlight.lab.detection.asff_guardduty import converted
from amberlight.lab.options import REGION
from amberlight.lab.own import Refused, paged, serve
from amberlight.lab.world import World

AFTER = ("guardduty",)
REAL = {
    "securityhub.BatchImportFindings": "checked against the finding format, kept, and told on the bus",
    "securityhub.GetFindings": "GuardDuty's findings of calls that were really made, and imports",
}

_MOST, _MOST_BATCH_BYTES = 100, 6_000_000
_ROLE = ("securityhub.amazonaws.com", "AWSServiceRoleForSecurityHub")
_UPDATABLE = ("Confidence", "Criticality", "RelatedFindings", "Severity", "Types", "UserDefinedFields",
              "VerificationState", "Workflow")  # fmt: skip
_PRODUCTS = {"guardduty": "GuardDuty", "securityhub": "Security Hub", "inspector": "Inspector", "macie": "Macie",
             "access-analyzer": "IAM Access Analyzer", "config": "Config", "default": "Default"}  # fmt: skip
_STATES = ("UNKNOWN", "TRUE_POSITIVE", "FALSE_POSITIVE", "BENIGN_POSITIVE")
_WORKFLOW = ("NEW", "NOTIFIED", "RESOLVED", "SUPPRESSED")
Place = tuple[str, str]
Key = tuple[str, str]


class Hubs:
    """The enabled hubs, with their findings by product and id."""

    def __init__(self) -> None:
        self._since: dict[Place, float] = {}
        self._findings: dict[Place, dict[Key, asff.Finding]] = {}

    # --- where findings come from ---

    def take(self, place: Place, finding: Mapping[str, Any]) -> None:
        """Enter a finding, and tell of it; an older state of one that is there changes nothing."""
        key = (str(finding["ProductArn"]), str(finding["Id"]))
        old = self._findings[place].get(key)
        self._findings[place][key] = asff.entered(finding, old, _names(finding), clock.now())
        self._tell(place, self._findings[place][key])

    def from_guardduty(self, place: Place, finding: Mapping[str, Any]) -> None:
        """Take a finding of GuardDuty if the hub there is enabled."""
        if place in self._since:
            self.take(place, converted(finding))

    def plant(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Take findings of any product from the lab's owner; gives their ids."""
        place = (str(data["account"]), str(data.get("region", REGION)))
        if place not in self._since:
            raise ValueError(f"Security Hub is not enabled in account {place[0]} in {place[1]}")
        for finding in data["findings"]:
            if wrong := asff.problem(finding):
                raise ValueError(f"the finding is not in the AWS Security Finding Format: {wrong}")
        for finding in data["findings"]:
            self.take(place, finding)
        return {"ids": [each["Id"] for each in data["findings"]]}

    def _tell(self, place: Place, finding: asff.Finding) -> None:
        arn = f"{finding['ProductArn']}/{finding['Id']}"
        bus.tell(place, "aws.securityhub", "Security Hub Findings - Imported", {"findings": [_shown(finding)]}, [arn])

    # --- what callers ask ---

    def of_caller(self) -> Place:
        """The caller's hub, which has to be enabled."""
        place = _here()
        if place not in self._since:
            raise Refused("InvalidAccessException", f"Account {place[0]} is not subscribed to AWS Security Hub", 401)
        return place

    def enable(self, asked: dict[str, Any]) -> None:
        """EnableSecurityHub."""
        place = _here()
        if place in self._since:
            raise Refused("ResourceConflictException", "Account is already subscribed to Security Hub", 409)
        if asked.get("EnableDefaultStandards"):
            raise Refused("InvalidInputException", "The lab has no standards to enable; it takes findings alone.")
        bus.service_role(*place, *_ROLE)
        self._since[place] = clock.now()
        self._findings[place] = {}

    def disable(self, asked: dict[str, Any]) -> None:
        """DisableSecurityHub: the findings go with it."""
        del asked
        place = self.of_caller()
        del self._since[place], self._findings[place]

    def describe(self, asked: dict[str, Any]) -> dict[str, Any]:
        """DescribeHub."""
        place = self.of_caller()
        if asked.get("HubArn") not in (None, _hub(place)):
            raise Refused("ResourceNotFoundException", "The hub is not found.", 404)
        since = asff.stamp(self._since[place])
        return {"HubArn": _hub(place), "SubscribedAt": since, "AutoEnableControls": False,
                "ControlFindingGenerator": "SECURITY_CONTROL"}  # fmt: skip

    def bring(self, asked: dict[str, Any]) -> dict[str, Any]:
        """BatchImportFindings."""
        place, findings = self.of_caller(), asked["Findings"]
        if not 1 <= len(findings) <= _MOST or len(json.dumps(findings)) > _MOST_BATCH_BYTES:
            raise Refused("LimitExceededException", "A batch has 1 to 100 findings and at most 6 MB.", 429)
        failed = []
        for finding in findings:
            code, wrong = _refusal(place, finding)
            if wrong:
                failed.append({"Id": str(finding.get("Id", "")), "ErrorCode": code, "ErrorMessage": wrong})
            elif self._newer(place, finding):
                self.take(place, finding)
        return {"FailedCount": len(failed), "SuccessCount": len(findings) - len(failed), "FailedFindings": failed}

    def _newer(self, place: Place, finding: Mapping[str, Any]) -> bool:
        old = self._findings[place].get((finding["ProductArn"], finding["Id"]))
        return old is None or finding["UpdatedAt"] > old["UpdatedAt"]

    def find(self, asked: dict[str, Any]) -> dict[str, Any]:
        """GetFindings."""
        place, now = self.of_caller(), clock.now()
        try:
            wanted = {name: each for name, each in (asked.get("Filters") or {}).items() if hub_filters.path_of(name)}
            found = [each for each in self._findings[place].values() if hub_filters.matches(each, wanted, now)]
            found = hub_filters.ordered(found, asked.get("SortCriteria") or [])
        except (ValueError, TypeError) as error:
            raise Refused("InvalidInputException", f"Invalid filter: {error}.") from error
        token, size = asked.get("NextToken"), asked.get("MaxResults")
        page, following = paged(found, token, size, most=_MOST, code="InvalidInputException")
        return {"Findings": [_shown(each) for each in page], "NextToken": following}

    def update(self, asked: dict[str, Any]) -> dict[str, Any]:
        """BatchUpdateFindings."""
        place = self.of_caller()
        if len(asked["FindingIdentifiers"]) > _MOST:
            raise Refused("LimitExceededException", "At most 100 findings are updated at once.", 429)
        changes = _changes(asked)
        done, failed = [], []
        for named in asked["FindingIdentifiers"]:
            finding = self._findings[place].get((named["ProductArn"], named["Id"]))
            if finding is None:
                failed.append({"FindingIdentifier": named, "ErrorCode": "FindingNotFound",
                               "ErrorMessage": "Finding Not Found"})  # fmt: skip
                continue
            finding.update({**changes, "_set": tuple({*finding["_set"], *changes})})
            self._tell(place, finding)
            done.append(named)
        return {"ProcessedFindings": done, "UnprocessedFindings": failed}


def install(world: World) -> None:
    """Serve the API, and take what GuardDuty and the owner have."""
    hubs = Hubs()
    world.findings.append(hubs.from_guardduty)
    world.control.offer("securityhub", hubs.plant)
    serve("securityhub", {
        "EnableSecurityHub": hubs.enable, "DisableSecurityHub": hubs.disable, "DescribeHub": hubs.describe,
        "BatchImportFindings": hubs.bring, "GetFindings": hubs.find, "BatchUpdateFindings": hubs.update,
    }, resource=lambda *_: _hub(_here()))  # fmt: skip


def _here() -> Place:
    return hooks.current_account(), hooks.current_region()


def _hub(place: Place) -> str:
    return f"arn:aws:securityhub:{place[1]}:{place[0]}:hub/default"


def _shown(finding: asff.Finding) -> dict[str, Any]:
    return {name: value for name, value in finding.items() if name != "_set"}


def _names(finding: Mapping[str, Any]) -> tuple[str, str]:
    """Product and company: AWS's own by their names, a customer's default product, else as the provider says."""
    _, company, product = str(finding["ProductArn"]).rsplit("/", 2)
    if company == "aws":
        return _PRODUCTS.get(product, product), "AWS"
    if product == "default":
        return finding.get("ProductName", "Default"), finding.get("CompanyName", "Personal")
    return finding.get("ProductName", product), finding.get("CompanyName", company)


def _refusal(place: Place, finding: Mapping[str, Any]) -> tuple[str, str]:
    """Error code and message for a finding that a caller may not import."""
    if wrong := asff.problem(finding):
        return "InvalidInput", f"Finding does not adhere to Amazon Finding Format. {wrong}."
    account, region = place
    if finding["AwsAccountId"] != account:
        return "InvalidAccess", "The finding's AwsAccountId is not the account of the caller."
    if finding["ProductArn"] != f"arn:aws:securityhub:{region}:{account}:product/{account}/default":
        return "InvalidAccess", "The caller may import findings of its account's default product only."
    return "", ""


def _changes(asked: Mapping[str, Any]) -> dict[str, Any]:
    changes = {name: asked[name] for name in _UPDATABLE if name in asked}
    if "Severity" in changes:
        changes["Severity"] = asff.graded(changes["Severity"])
    if asked.get("Note"):
        changes["Note"] = {**asked["Note"], "UpdatedAt": asff.stamp(clock.now())}
    state, workflow = changes.get("VerificationState", _STATES[0]), changes.get("Workflow", {}).get("Status", "NEW")
    if state not in _STATES or workflow not in _WORKFLOW or len(asked.get("Note", {}).get("Text", "")) > 512:  # noqa: PLR2004
        raise Refused("InvalidInputException", "Invalid parameter: VerificationState, Workflow or Note.")
    return changes
