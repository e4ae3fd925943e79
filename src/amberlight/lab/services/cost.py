"""Cost Explorer, cost anomalies and budgets, from what really ran in the lab.

The owner moves the cost clock, and makes figures of days before the lab:
`RunningLab.control("cost", advance_hours=24)`; `RunningLab.control("cost", account=ID, days=30, usd_a_day={SERVICE: 12.5})`, with `region`
if wanted. The answer is the cost clock's time. A bill has the members of an organization for its management account, and for every
other account its own.

References:
    "AWS Cost Explorer Service" and "AWS Budgets", AWS Cost Management API Reference, 2026-11.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from amberlight.lab import clock, hooks
from amberlight.lab.cost import budgets, meter, query
from amberlight.lab.cost.ledger import Ledger
from amberlight.lab.cost.subscriptions import Watch
from amberlight.lab.options import REGION
from amberlight.lab.own import Refused, paged, serve
from amberlight.lab.world import World

REAL = {
    "ce.GetCostAndUsage": "hours, sizes and requests that really were, times a price table",
    "ce.GetAnomalies": "computed from that bill",
    "budgets.CreateBudget": "what was spent is computed, and a threshold that is crossed told to its topic",
}

_EVERY_S, _MOST, _MOST_DAYS = 1.0, 100, 400
_MOST_HOURS = 24 * 366
_COMPARES: Mapping[str, Callable[[float, float, float], bool]] = {
    "EQUAL": lambda have, low, _: have == low, "GREATER_THAN_OR_EQUAL": lambda have, low, _: have >= low,
    "LESS_THAN_OR_EQUAL": lambda have, low, _: have <= low, "GREATER_THAN": lambda have, low, _: have > low,
    "LESS_THAN": lambda have, low, _: have < low, "BETWEEN": lambda have, low, high: low <= have <= high,
}  # fmt: skip


class Costs:
    """The bill, and who looks at it."""

    def __init__(self, world: World) -> None:
        self._payer = world.accounts["security"].id
        self._members = frozenset(each.id for each in world.accounts.values())
        self._seed = world.options.seed
        self.ledger = Ledger(meter.running, world.on_limit)
        self.watch = Watch(self.ledger, self.seen_by)
        self._budgets = budgets.Budgets(self.ledger, self.seen_by)
        self._next = 0.0

    def seen_by(self, account: str) -> frozenset[str]:
        """The accounts whose bill an account sees."""
        return self._members if account == self._payer else frozenset({account})

    def mine(self) -> frozenset[str]:
        """The accounts whose bill the caller sees."""
        return self.seen_by(hooks.current_account())

    def work(self) -> None:
        """Bill, and look at the bill, once a second."""
        if clock.now() >= self._next:
            self._next = clock.now() + _EVERY_S
            self.ledger.meter()
            self._look()

    def _look(self) -> None:
        self.watch.work()
        self._budgets.work()

    def control(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """What the owner wants of the bill."""
        hours, days = float(data.get("advance_hours", 0)), int(data.get("days", 0))
        if not 0 <= hours <= _MOST_HOURS or not 0 <= days <= _MOST_DAYS:
            raise ValueError("the cost clock moves forward by up to a year, figures reach back by up to 400 days")
        if days:
            usd = {str(name): float(each) for name, each in data["usd_a_day"].items()}
            self.ledger.remember(str(data["account"]), str(data.get("region", REGION)), days, usd, self._seed)
        self.ledger.advance(hours)
        self._look()
        return {"now": clock.iso(self.ledger.now())}


def install(world: World) -> None:
    """Meter, serve Cost Explorer, and give the emulator's budgets their figures."""
    costs = Costs(world)
    world.jobs.append(costs.work)
    world.control.offer("cost", costs.control)
    world.recorder.counters.append(lambda caller, region, call: meter.count(costs.ledger, caller, region, call))
    _install_budgets()
    serve("ce", {
        "GetCostAndUsage": lambda asked: _cost_and_usage(costs, asked),
        "GetDimensionValues": lambda asked: _dimension_values(costs, asked),
        "GetAnomalies": lambda asked: _anomalies(costs, asked),
        **_monitors(costs.watch), **_subscriptions(costs.watch),
    })  # fmt: skip


def _install_budgets() -> None:
    emulated = hooks.service("budgets")

    def validate(budget: dict[str, Any]) -> Any:
        reason = budgets.unable(budget) if isinstance(budget, dict) else ""
        return old(budget) or (emulated._err_invalid(reason) if reason else None)

    def subscribers(given: Any, **more: Any) -> Any:
        mails = isinstance(given, list) and any(
            isinstance(x, dict) and x.get("SubscriptionType") == "EMAIL" for x in given
        )
        wrong = old_subscribers(given, **more)
        return wrong or (emulated._err_invalid("The lab sends no mail: subscribe an SNS topic.") if mails else None)

    old = hooks.replace("services.budgets", "_validate_budget_shape", validate)
    old_subscribers = hooks.replace("services.budgets", "_validate_subscribers", subscribers)


def _cost_and_usage(costs: Costs, asked: dict[str, Any]) -> dict[str, Any]:
    costs.ledger.meter()
    results = query.cost_and_usage(costs.ledger, costs.mine(), asked)
    page, following = paged(
        results, asked.get("NextPageToken"), None, most=_MOST_DAYS, code="InvalidNextTokenException"
    )
    return {"ResultsByTime": page, "GroupDefinitions": asked.get("GroupBy"), "DimensionValueAttributes": [],
            "NextPageToken": following}  # fmt: skip


def _dimension_values(costs: Costs, asked: dict[str, Any]) -> dict[str, Any]:
    value = query.dimension(asked["Dimension"])
    lines, _, _ = query.asked_for(costs.ledger, costs.mine(), asked)
    words = asked.get("SearchString", "")
    found = sorted({value(line) for line in lines if words in value(line)})
    size, token = asked.get("MaxResults"), asked.get("NextPageToken")
    page, following = paged(found, token, size, most=1000, code="InvalidNextTokenException")
    return {"DimensionValues": [{"Value": each, "Attributes": {}} for each in page], "ReturnSize": len(page),
            "TotalSize": len(found), "NextPageToken": following}  # fmt: skip


def _anomalies(costs: Costs, asked: dict[str, Any]) -> dict[str, Any]:
    account, within = hooks.current_account(), asked["DateInterval"]
    arn = asked.get("MonitorArn")
    monitors = [costs.watch.monitor(account, arn)] if arn else costs.watch.monitors(account)
    start, end = within["StartDate"][:10], within.get("EndDate", "9999-12-31")[:10]
    found = [
        {name: value for name, value in each.items() if name != "_days"}
        for monitor in monitors for each in monitor.anomalies.values()
        if each["AnomalyStartDate"][:10] <= end and each["AnomalyEndDate"][:10] >= start
        and _large(each, asked.get("TotalImpact")) and asked.get("Feedback") in (None, each.get("Feedback"))
    ]  # fmt: skip
    return _page("Anomalies", found, asked)


def _large(anomaly: Mapping[str, Any], wanted: Mapping[str, Any] | None) -> bool:
    if not wanted:
        return True
    compare = _COMPARES[wanted["NumericOperator"]]
    return bool(compare(anomaly["Impact"]["TotalImpact"], wanted["StartValue"], wanted.get("EndValue", 0.0)))


def _page(name: str, items: list[Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    token, size = asked.get("NextPageToken"), asked.get("MaxResults")
    page, following = paged(items, token, size, most=_MOST, code="InvalidNextTokenException")
    return {name: page, "NextPageToken": following}


def _monitors(watch: Watch) -> dict[str, Any]:
    def get(asked: dict[str, Any]) -> dict[str, Any]:
        account = hooks.current_account()
        arns = asked.get("MonitorArnList")
        found = [watch.monitor(account, arn) for arn in arns] if arns else watch.monitors(account)
        return _page("AnomalyMonitors", [each.shown() for each in found], asked)

    return {
        "CreateAnomalyMonitor": lambda asked: {
            "MonitorArn": watch.create_monitor(hooks.current_account(), asked["AnomalyMonitor"])
        },
        "GetAnomalyMonitors": get,
        "DeleteAnomalyMonitor": lambda asked: watch.delete_monitor(hooks.current_account(), asked["MonitorArn"]),
        "ProvideAnomalyFeedback": lambda asked: _feedback(watch, asked),
    }


def _feedback(watch: Watch, asked: Mapping[str, Any]) -> dict[str, Any]:
    for monitor in watch.monitors(hooks.current_account()):
        if asked["AnomalyId"] in monitor.anomalies:
            monitor.anomalies[asked["AnomalyId"]]["Feedback"] = asked["Feedback"]
            return {"AnomalyId": asked["AnomalyId"]}
    raise Refused("ValidationException", "There is no such anomaly.")


def _subscriptions(watch: Watch) -> dict[str, Any]:
    def get(asked: dict[str, Any]) -> dict[str, Any]:
        arns, monitor = asked.get("SubscriptionArnList"), asked.get("MonitorArn")
        found = [
            each for each in watch.subscriptions(hooks.current_account())
            if (not arns or each["SubscriptionArn"] in arns) and (not monitor or monitor in each["MonitorArnList"])
        ]  # fmt: skip
        return _page("AnomalySubscriptions", found, asked)

    return {
        "CreateAnomalySubscription": lambda asked: {
            "SubscriptionArn": watch.create_subscription(hooks.current_account(), asked["AnomalySubscription"])
        },
        "GetAnomalySubscriptions": get,
        "DeleteAnomalySubscription": lambda asked: watch.delete_subscription(
            hooks.current_account(), asked["SubscriptionArn"]
        ),
    }
