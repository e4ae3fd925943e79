"""Operations on rules and their results.

References:
    PutConfigRule, PutEvaluations, StartConfigRulesEvaluation, DescribeComplianceByConfigRule and their kin, AWS Config API
    Reference, 2026-11. Remediation is refused: the lab has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from amberlight.lab import clock, hooks
from amberlight.lab.awsconfig.delivery import Delivery
from amberlight.lab.awsconfig.engine import Engine
from amberlight.lab.awsconfig.recorders import Setting
from amberlight.lab.awsconfig.rules import results, telling
from amberlight.lab.awsconfig.rules.evaluator import Evaluator
from amberlight.lab.awsconfig.rules.rule import Rule, make
from amberlight.lab.awsconfig.rules.verdict import COMPLIANT, INSUFFICIENT, NON_COMPLIANT, NOT_APPLICABLE, Verdict
from amberlight.lab.awsconfig.serving import Operation, page
from amberlight.lab.awsconfig.tags import Tags
from amberlight.lab.own import Refused

_MOST, _RULES_PAGE = 100, 25


def operations(engine: Engine, evaluator: Evaluator, delivery: Delivery, tags: Tags) -> Mapping[str, Operation]:
    """The operations of this file."""
    here: Callable[[], Setting] = lambda: engine.settings.of(hooks.current_account(), hooks.current_region())  # noqa: E731

    def rules(asked: Mapping[str, Any]) -> list[Rule]:
        return _rules(evaluator, here(), asked.get("ConfigRuleNames"))

    def start(asked: dict[str, Any]) -> None:
        _running(here())
        chosen = rules(asked)
        telling.started(delivery, here(), [rule.name for rule in chosen])
        for rule in chosen:
            evaluator.start(here(), rule)

    def delete(asked: dict[str, Any]) -> None:
        (rule,) = _rules(evaluator, here(), [asked["ConfigRuleName"]])
        del evaluator.rules(here())[rule.name]
        tags.end(rule.arn)
        evaluator.results(here()).forget(rule=rule.name)

    def forget(asked: dict[str, Any]) -> None:
        (rule,) = _rules(evaluator, here(), [asked["ConfigRuleName"]])
        evaluator.results(here()).forget(rule=rule.name)

    return {
        "PutConfigRule": lambda asked: tags.begin(_put(evaluator, here(), asked["ConfigRule"]).arn, asked.get("Tags")),
        "DescribeConfigRules": lambda asked: page(
            "ConfigRules", [rule.form() for rule in rules(asked) if _detects(asked)], {**asked, "Limit": None}, _RULES_PAGE),
        "DeleteConfigRule": delete,
        "DescribeConfigRuleEvaluationStatus": lambda asked: page(
            "ConfigRulesEvaluationStatus", [_status(rule) for rule in rules(asked)], asked, _MOST),
        "StartConfigRulesEvaluation": start,
        "DeleteEvaluationResults": forget,
        "PutEvaluations": lambda asked: _evaluations(evaluator, asked),
        "DescribeComplianceByConfigRule": lambda asked: _by_rule(evaluator, here(), rules(asked), asked),
        "DescribeComplianceByResource": lambda asked: _by_resource(evaluator.results(here()), asked),
        "GetComplianceDetailsByConfigRule": lambda asked: _of_rule(evaluator, here(), asked),
        "GetComplianceDetailsByResource": lambda asked: _of_resource(evaluator.results(here()), asked),
        "GetComplianceSummaryByConfigRule": lambda _: {"ComplianceSummary": results.summary(
            (_compliance(evaluator, here(), rule) for rule in rules({})), _RULES_PAGE, clock.now())},
        "GetComplianceSummaryByResourceType": lambda asked: _by_type(evaluator.results(here()), asked),
    }  # fmt: skip


def _detects(asked: Mapping[str, Any]) -> bool:
    return bool((asked.get("Filters") or {}).get("EvaluationMode", "DETECTIVE") == "DETECTIVE")


def _running(setting: Setting) -> None:
    if setting.recorder is None:
        raise Refused("NoAvailableConfigurationRecorderException", "NoAvailableConfigurationRecorder")


def _rules(evaluator: Evaluator, setting: Setting, names: Iterable[str] | None) -> list[Rule]:
    known = evaluator.rules(setting)
    if not names:
        return list(known.values())
    for name in names:
        if name not in known:
            raise Refused(
                "NoSuchConfigRuleException",
                f"The ConfigRule '{name}' provided in the request is invalid. Please check the configRule name.",
            )
    return [known[name] for name in names]


def _put(evaluator: Evaluator, setting: Setting, given: Mapping[str, Any]) -> Rule:
    _running(setting)
    known = evaluator.rules(setting)
    same = [
        rule
        for rule in known.values()
        if given.get("ConfigRuleArn") == rule.arn or given.get("ConfigRuleId") == rule.ident
    ]
    name = given.get("ConfigRuleName") or (same[0].name if same else None)
    rule = make(setting, {**given, "ConfigRuleName": name}, known.get(str(name)))
    known[rule.name] = rule
    evaluator.results(setting).forget(rule=rule.name)
    evaluator.start(setting, rule)
    return rule


def _status(rule: Rule) -> dict[str, Any]:
    head = {"ConfigRuleName": rule.name, "ConfigRuleArn": rule.arn, "ConfigRuleId": rule.ident}
    return {**head, "FirstEvaluationStarted": False, **rule.status}


def _evaluations(evaluator: Evaluator, asked: Mapping[str, Any]) -> dict[str, Any]:
    said = [_verdict(each) for each in asked.get("Evaluations") or []]
    if asked.get("TestMode"):
        return {"FailedEvaluations": []}
    setting, rule, invoked = evaluator.by_token(asked["ResultToken"])
    evaluator.take(setting, rule, said, invoked)
    return {"FailedEvaluations": []}


def _verdict(given: Mapping[str, Any]) -> Verdict:
    if given["ComplianceType"] not in (COMPLIANT, NON_COMPLIANT, NOT_APPLICABLE):
        raise Refused("InvalidParameterValueException", f"A rule cannot say {given['ComplianceType']}.")
    note = given.get("Annotation")
    if note is not None and len(note) > 256:  # noqa: PLR2004
        raise Refused("ValidationException", "An annotation has at most 256 characters.")
    return Verdict(
        given["ComplianceResourceType"], given["ComplianceResourceId"], given["ComplianceType"],
        float(given["OrderingTimestamp"]), note,
    )  # fmt: skip


def _compliance(evaluator: Evaluator, setting: Setting, rule: Rule) -> dict[str, Any]:
    return results.compliance(evaluator.results(setting).of(rule=rule.name))


def _wanted(compliance: str, asked: Mapping[str, Any]) -> bool:
    return not asked.get("ComplianceTypes") or compliance in asked["ComplianceTypes"]


def _by_rule(evaluator: Evaluator, setting: Setting, rules: list[Rule], asked: Mapping[str, Any]) -> dict[str, Any]:
    found: list[dict[str, Any]] = [
        {"ConfigRuleName": rule.name, "Compliance": _compliance(evaluator, setting, rule)} for rule in rules
    ]
    kept = [each for each in found if _wanted(each["Compliance"]["ComplianceType"], asked)]
    return page("ComplianceByConfigRules", kept, {**asked, "Limit": None}, _RULES_PAGE)


def _resources(kept: results.Results, kind: str | None = None, ident: str | None = None) -> list[tuple[str, str]]:
    return list(dict.fromkeys((each.verdict.type, each.verdict.id) for each in kept.of(kind=kind, ident=ident)))


def _by_resource(kept: results.Results, asked: Mapping[str, Any]) -> dict[str, Any]:
    if asked.get("ResourceId") and not asked.get("ResourceType"):
        raise Refused("InvalidParameterValueException", "ResourceId goes with ResourceType.")
    found: list[dict[str, Any]] = [
        {"ResourceType": kind, "ResourceId": ident, "Compliance": results.compliance(kept.of(kind=kind, ident=ident))}
        for kind, ident in _resources(kept, asked.get("ResourceType"), asked.get("ResourceId"))
    ]
    chosen = [each for each in found if _wanted(each["Compliance"]["ComplianceType"], asked)]
    return page("ComplianceByResources", chosen, asked, _MOST)


def _of_rule(evaluator: Evaluator, setting: Setting, asked: Mapping[str, Any]) -> dict[str, Any]:
    (rule,) = _rules(evaluator, setting, [asked["ConfigRuleName"]])
    if INSUFFICIENT in (asked.get("ComplianceTypes") or ()):
        raise Refused("InvalidParameterValueException", f"{INSUFFICIENT} is not a compliance type of this operation.")
    found = [each for each in evaluator.results(setting).of(rule=rule.name) if _wanted(each.verdict.compliance, asked)]
    return page("EvaluationResults", [each.form() for each in found], asked, _MOST)


def _of_resource(kept: results.Results, asked: Mapping[str, Any]) -> dict[str, Any]:
    if not asked.get("ResourceId") or not asked.get("ResourceType"):
        raise Refused("InvalidParameterValueException", "Name a resource by ResourceType and ResourceId.")
    found = [
        each.form() for each in kept.of(kind=asked["ResourceType"], ident=asked["ResourceId"])
        if _wanted(each.verdict.compliance, asked)
    ]  # fmt: skip
    return page("EvaluationResults", found, {**asked, "Limit": None}, _MOST)


def _by_type(kept: results.Results, asked: Mapping[str, Any]) -> dict[str, Any]:
    now, types = clock.now(), asked.get("ResourceTypes")

    def counted(kind: str | None) -> dict[str, Any]:
        each = (results.compliance(kept.of(kind=k, ident=i)) for k, i in _resources(kept, kind))
        return results.summary(each, _MOST, now)

    found = [{"ResourceType": kind, "ComplianceSummary": counted(kind)} for kind in types or ()]
    return {"ComplianceSummariesByResourceType": found or [{"ComplianceSummary": counted(None)}]}
