"""A rule as it was put: whom it asks, about what, and when.

References:
    PutConfigRule, ConfigRule, Source, Scope, AWS Config API Reference, 2026-11: without a frequency a rule that runs from time to
    time runs every 24 hours; a custom rule needs a function that AWS Config may call.
"""

from __future__ import annotations

import dataclasses
import json
import secrets
import string
from collections.abc import Mapping
from typing import Any

from amberlight.lab import hooks
from amberlight.lab.awsconfig.item import Item
from amberlight.lab.awsconfig.permitted import SERVICE
from amberlight.lab.awsconfig.recorders import Setting
from amberlight.lab.awsconfig.rules import verdict
from amberlight.lab.own import Refused

CHANGED, OVERSIZED = "ConfigurationItemChangeNotification", "OversizedConfigurationItemChangeNotification"
SCHEDULED = "ScheduledNotification"
_KNOWN_SCOPE = {"ComplianceResourceTypes", "ComplianceResourceId", "TagKey", "TagValue"}


@dataclasses.dataclass
class Rule:
    """A rule of an account and Region."""

    given: dict[str, Any]
    arn: str
    ident: str
    status: dict[str, Any] = dataclasses.field(default_factory=dict)
    """Of DescribeConfigRuleEvaluationStatus."""
    due: float = 0.0

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.given["ConfigRuleName"])

    @property
    def managed(self) -> verdict.Managed | None:
        """AWS's rule behind it, or None of a custom one."""
        source = self.given["Source"]
        return verdict.catalogue()[source["SourceIdentifier"]] if source["Owner"] == "AWS" else None

    @property
    def messages(self) -> frozenset[str]:
        """What it is told of."""
        if self.managed is not None:
            return frozenset({SCHEDULED} if self.managed.look else {CHANGED})
        return frozenset(each["MessageType"] for each in self.given["Source"].get("SourceDetails", []))

    @property
    def frequency(self) -> str:
        """How often it looks at the whole."""
        details = self.given["Source"].get("SourceDetails", [])
        asked = [each["MaximumExecutionFrequency"] for each in details if each.get("MaximumExecutionFrequency")]
        return str(self.given.get("MaximumExecutionFrequency") or (asked[0] if asked else "TwentyFour_Hours"))

    @property
    def parameters(self) -> dict[str, str]:
        """Its parameters."""
        return dict(json.loads(self.given.get("InputParameters") or "{}"))

    def covers(self, item: Item) -> bool:
        """Whether a resource is in its scope."""
        scope = self.given.get("Scope") or {}
        types = scope.get("ComplianceResourceTypes") or (self.managed.types if self.managed else ())
        if types and item.type not in types:
            return False
        if scope.get("ComplianceResourceId") and item.reading.id != scope["ComplianceResourceId"]:
            return False
        key, value = scope.get("TagKey"), scope.get("TagValue")
        return not key or (key in item.reading.tags and (not value or item.reading.tags[key] == value))

    def form(self) -> dict[str, Any]:
        """As DescribeConfigRules tells it."""
        return {
            "ConfigRuleState": "ACTIVE", "EvaluationModes": [{"Mode": "DETECTIVE"}], **self.given,
            "ConfigRuleArn": self.arn, "ConfigRuleId": self.ident,
        }  # fmt: skip


def make(setting: Setting, given: Mapping[str, Any], known: Rule | None) -> Rule:
    """A rule out of what PutConfigRule was given; *known* is the one of that name.

    Raises:
        Refused: The rule is not one that the lab can evaluate.
    """
    kept = {name: value for name, value in given.items() if name not in ("ConfigRuleArn", "ConfigRuleId")}
    if not kept.get("ConfigRuleName"):
        raise _wrong("ConfigRuleName is required.")
    if any(mode.get("Mode") != "DETECTIVE" for mode in kept.get("EvaluationModes") or []):
        raise _wrong("The lab evaluates after changes (DETECTIVE), not before.")
    if set(kept.get("Scope") or {}) - _KNOWN_SCOPE:
        raise _wrong("The lab does not know a member of Scope.")
    _check_parameters(kept)
    owner = kept["Source"]["Owner"]
    if owner == "AWS":
        _check_managed(kept)
    elif owner == "CUSTOM_LAMBDA":
        _check_custom(setting, kept)
    else:
        raise _wrong(f"The lab has no rules of the owner {owner}.")
    if known is not None:
        return Rule(kept, known.arn, known.ident, known.status)
    ident = "config-rule-" + "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(6))
    return Rule(kept, f"arn:aws:config:{setting.region}:{setting.account}:config-rule/{ident}", ident)


def _wrong(message: str) -> Refused:
    return Refused("InvalidParameterValueException", message)


def _check_parameters(given: Mapping[str, Any]) -> None:
    try:
        found = json.loads(given.get("InputParameters") or "{}")
    except ValueError as error:
        raise _wrong("Invalid json provided in the InputParameters.") from error
    if not isinstance(found, dict):
        raise _wrong("InputParameters is no JSON object.")


def _check_managed(given: Mapping[str, Any]) -> None:
    identifier = str(given["Source"].get("SourceIdentifier"))
    rule = verdict.catalogue().get(identifier)
    if rule is None:
        raise _wrong(
            f"The lab does not evaluate the managed rule {identifier}; it has {', '.join(sorted(verdict.catalogue()))}."
        )
    if strange := set(json.loads(given.get("InputParameters") or "{}")) - set(rule.parameters):
        raise _wrong(f"Unknown parameters provided in the inputParameters: {', '.join(sorted(strange))}.")


def _check_custom(setting: Setting, given: Mapping[str, Any]) -> None:
    messages = {each.get("MessageType") for each in given["Source"].get("SourceDetails") or []}
    if not messages or messages - {CHANGED, OVERSIZED, SCHEDULED}:
        raise _wrong(f"SourceDetails needs a MessageType out of {CHANGED}, {OVERSIZED} and {SCHEDULED}.")
    arn = str(given["Source"].get("SourceIdentifier"))
    if not _may_call(setting, arn):
        raise Refused(
            "InsufficientPermissionsException",
            f"The AWS Lambda function {arn} cannot be invoked. Check the specified function ARN, and check the function's "
            "permissions.",
        )


def function_of(arn: str) -> dict[str, Any] | None:
    """The function behind an ARN."""
    parts = arn.split(":")
    if len(parts) < 7 or parts[2] != "lambda":  # noqa: PLR2004
        return None
    found: dict[str, Any] | None = hooks.service("lambda_svc")._functions.get_scoped(parts[4], parts[3], parts[6])
    return found


def _may_call(setting: Setting, arn: str) -> bool:
    function = function_of(arn)
    evaluator = hooks.emulator("core.iam_evaluator")
    context = evaluator.EvalContext(
        principal_arn=SERVICE, principal_type="Service", principal_account="", action="lambda:InvokeFunction",
        resource_arn=arn, region=setting.region, service_context={"aws:SourceAccount": setting.account},
    )  # fmt: skip
    policy = (function or {}).get("policy") or {}
    return bool(evaluator.evaluate_resource_policy(policy, context, service=SERVICE).decision == "Allow")
