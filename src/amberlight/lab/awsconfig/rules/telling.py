"""Messages about compliance: to the channel's topic and to the event bus.

References:
    "Example Compliance Change Notification", AWS Config Developer Guide, 2026-11.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from amberlight.lab import clock
from amberlight.lab.awsconfig.delivery import Delivery
from amberlight.lab.awsconfig.item import iso
from amberlight.lab.awsconfig.recorders import Setting
from amberlight.lab.awsconfig.rules.results import Result
from amberlight.lab.awsconfig.rules.rule import Rule
from amberlight.lab.detection import bus

Tell = Callable[[Setting, Rule, Result, Result | None], None]


def by(delivery: Delivery) -> Tell:
    """What tells of a result that is other than before."""

    def tell(setting: Setting, rule: Rule, result: Result, before: Result | None) -> None:
        said = result.verdict
        message: dict[str, Any] = {
            "awsAccountId": setting.account, "configRuleName": rule.name, "configRuleARN": rule.arn,
            "resourceType": said.type, "resourceId": said.id, "awsRegion": setting.region,
            "newEvaluationResult": result.message(), "oldEvaluationResult": before.message() if before else None,
            "notificationCreationTime": iso(clock.now()), "messageType": "ComplianceChangeNotification",
            "recordVersion": "1.0",
        }  # fmt: skip
        place = (setting.account, setting.region)
        bus.tell(place, "aws.config", "Config Rules Compliance Change", message)
        about = f"[AWS Config:{setting.region}] {said.type} {said.id} is {said.compliance} with {rule.name} in Account "
        delivery.tell(setting, about + setting.account, message)

    return tell


def started(delivery: Delivery, setting: Setting, names: list[str]) -> None:
    """Tell that an evaluation was started."""
    message = {
        "awsAccountId": setting.account, "awsRegion": setting.region, "configRuleNames": names,
        "notificationCreationTime": iso(clock.now()), "messageType": "ConfigRulesEvaluationStarted",
        "recordVersion": "1.0",
    }  # fmt: skip
    delivery.tell(setting, f"[AWS Config:{setting.region}] Config Rules Evaluation Started", message)
