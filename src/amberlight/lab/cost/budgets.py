"""Budgets with what was really spent, and their alerts.

References:
    "Managing your costs with AWS Budgets", AWS Cost Management User Guide, 2026-11: an alert once a threshold is crossed, a forecast
    after about five weeks of figures; the text of a notification.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from amberlight.lab import hooks
from amberlight.lab.cost.ledger import DAY_S, Ledger, Line, Use
from amberlight.lab.cost.query import passes
from amberlight.lab.detection import bus
from amberlight.lab.own import Refused

_FILTERS = {"Service": "SERVICE", "Region": "REGION", "LinkedAccount": "LINKED_ACCOUNT", "UsageType": "USAGE_TYPE",
            "Operation": "OPERATION"}  # fmt: skip
_MONTHS = {"MONTHLY": 1, "QUARTERLY": 3, "ANNUALLY": 12}
_WEEKS_5, _BASE_DAYS = 35 * DAY_S, 30
_SIGNS = {"GREATER_THAN": ">", "LESS_THAN": "<", "EQUAL_TO": "="}
_NOUNS = {"DAILY": ("day", "daily"), "MONTHLY": ("month", "month-to-date"), "QUARTERLY": ("quarter", "quarter-to-date"),
          "ANNUALLY": ("year", "year-to-date")}  # fmt: skip


def unable(budget: Mapping[str, Any]) -> str:
    """Why the lab cannot compute a budget, or nothing."""
    if (
        budget.get("BudgetType") != "COST"
        or "BudgetLimit" not in budget
        or budget.get("TimeUnit") not in (*_MONTHS, "DAILY")
    ):
        return "The lab computes budgets of cost alone, with one BudgetLimit, by day, month, quarter or year."
    if strange := set(budget.get("CostFilters") or {}) - set(_FILTERS):
        return f"The lab's bill cannot be filtered by {', '.join(sorted(strange))}."
    try:
        _within(Line(Use("", "", "", "", ""), 0), budget)
    except Refused as refused:
        return refused.message
    return ""


class Budgets:
    """Looks at the budgets of all accounts."""

    def __init__(self, ledger: Ledger, accounts: Callable[[str], frozenset[str]]) -> None:
        self._ledger = ledger
        self._accounts = accounts

    def work(self) -> None:
        """Bring every budget up to date, and send what is due."""
        emulated = hooks.service("budgets")
        for (account, name), budget in list(emulated._budgets.to_dict().items()):
            actual, forecast = self._spent(account, budget)
            unit = budget["BudgetLimit"].get("Unit", "USD")
            budget["CalculatedSpend"] = {"ActualSpend": {"Amount": f"{actual:.3f}", "Unit": unit}}
            if forecast is not None:
                budget["CalculatedSpend"]["ForecastedSpend"] = {"Amount": f"{forecast:.3f}", "Unit": unit}
            for entry in emulated._notification_store.get_scoped(account, None, name) or []:
                self._notify(account, budget, entry, actual, forecast)

    def _spent(self, account: str, budget: Mapping[str, Any]) -> tuple[float, float | None]:
        now = self._ledger.now()
        start, end = period(now, budget["TimeUnit"])
        lines = [
            line for line in self._ledger.lines()
            if line.use.account in self._accounts(account) and _within(line, budget)
        ]  # fmt: skip
        actual = sum(line.usd for line in lines if start <= line.hour < end)
        first = min((line.hour for line in lines), default=now)
        if now - first < _WEEKS_5:
            return actual, None
        a_day = sum(line.usd for line in lines if now - _BASE_DAYS * DAY_S <= line.hour < now) / _BASE_DAYS
        return actual, actual + a_day * (end - now) / DAY_S

    def _notify(
        self, account: str, budget: Mapping[str, Any], entry: dict[str, Any], actual: float, forecast: float | None
    ) -> None:
        notification, limit = entry["notification"], float(budget["BudgetLimit"]["Amount"])
        amount = actual if notification["NotificationType"] == "ACTUAL" else forecast
        threshold = float(notification["Threshold"])
        if notification["ThresholdType"] == "PERCENTAGE":
            threshold *= limit / 100
        crossed = amount is not None and _crosses(notification["ComparisonOperator"], amount, threshold)
        if crossed and notification["NotificationState"] != "ALARM" and amount is not None:
            text = _text(account, budget, notification, (threshold, amount), self._ledger.now())
            for subscriber in entry["subscribers"]:
                title = f"AWS Budgets: {budget['BudgetName'][:60]} has exceeded your alert threshold"
                bus.publish(subscriber["Address"], text, title, "budgets.amazonaws.com")
        notification["NotificationState"] = "ALARM" if crossed else "OK"


def _within(line: Line, budget: Mapping[str, Any]) -> bool:
    filters = budget.get("CostFilters") or {}
    return passes(line, budget.get("FilterExpression")) and all(
        passes(line, {"Dimensions": {"Key": _FILTERS[name], "Values": values}}) for name, values in filters.items()
    )


def period(now: float, unit: str) -> tuple[float, float]:
    """Begin and end of a budget's period."""
    day = dt.datetime.fromtimestamp(now, dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if unit == "DAILY":
        return day.timestamp(), day.timestamp() + DAY_S
    months = _MONTHS[unit]
    start = day.replace(month=(day.month - 1) // months * months + 1, day=1)
    after = start.month - 1 + months
    end = start.replace(year=start.year + after // 12, month=after % 12 + 1)
    return start.timestamp(), end.timestamp()


def _crosses(operator: str, amount: float, threshold: float) -> bool:
    return {"GREATER_THAN": amount > threshold, "LESS_THAN": amount < threshold, "EQUAL_TO": amount == threshold}[
        operator
    ]


def _text(
    account: str, budget: Mapping[str, Any], notification: Mapping[str, Any], numbers: tuple[float, float], now: float
) -> str:
    kind, sign = notification["NotificationType"], _SIGNS[notification["ComparisonOperator"]]
    noun, adjective = _NOUNS[budget["TimeUnit"]]
    threshold, amount = numbers
    words = notification["ComparisonOperator"].lower().replace("_", " ")
    date = dt.datetime.fromtimestamp(now, dt.UTC).strftime("%B %d, %Y")
    return (
        f"AWS Budget Notification {date}\nAWS Account {account}\n\nDear AWS Customer,\n\n"
        f"You requested that we alert you when the {kind} Cost associated with your {budget['BudgetName']} budget is {words} "
        f"${threshold:,.2f} for the current {noun}. The {adjective} {kind} Cost associated with this budget is ${amount:,.2f}. "
        "You can find additional details below and by accessing the AWS Budgets dashboard [1].\n\n"
        f"Budget Name: {budget['BudgetName']}\nBudget Type: Cost\n"
        f"Budgeted Amount: ${float(budget['BudgetLimit']['Amount']):,.2f}\nAlert Type: {kind}\n"
        f"Alert Threshold: {sign} ${threshold:,.2f}\n{kind} Amount: ${amount:,.2f}\n\n"
        "[1] https://console.aws.amazon.com/billing/home#/budgets\n"
    )
