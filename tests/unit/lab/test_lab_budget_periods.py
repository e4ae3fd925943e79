"""Periods of budgets, forecasts, and the bill's own arithmetic."""

import datetime as dt

import pytest

from amberlight.lab.cost import budgets, ledger, prices


def moment(text):
    return dt.datetime.fromisoformat(f"{text}T12:00:00+00:00").timestamp()


def days(bounds):
    return tuple(ledger.day_of(each) for each in bounds)


@pytest.mark.parametrize(
    "unit,expected",
    [
        ("DAILY", ("2026-11-24", "2026-11-25")),
        ("MONTHLY", ("2026-11-01", "2026-12-01")),
        ("QUARTERLY", ("2026-10-01", "2027-01-01")),
        ("ANNUALLY", ("2026-01-01", "2027-01-01")),
    ],
)
def test_a_period_holds_its_moment(unit, expected):
    assert days(budgets.period(moment("2026-11-24"), unit)) == expected


def test_the_last_month_ends_with_the_year():
    assert days(budgets.period(moment("2026-12-31"), "MONTHLY")) == ("2026-12-01", "2027-01-01")


@pytest.fixture
def bill():
    """A bill without anything that runs, and what it could not price."""
    unpriced = []
    made = ledger.Ledger(dict, unpriced.append)
    made.unpriced = unpriced
    return made


BUDGET = {"TimeUnit": "ANNUALLY", "BudgetLimit": {"Amount": "1", "Unit": "USD"}}


def test_a_forecast_needs_five_weeks(bill):
    found = budgets.Budgets(bill, lambda account: frozenset({account}))
    bill.remember("1", "us-east-1", 30, {"S": 10.0}, 7)
    assert found._spent("1", BUDGET)[1] is None
    bill.remember("2", "us-east-1", 40, {"S": 10.0}, 7)
    actual, forecast = found._spent("2", BUDGET)
    left = (budgets.period(bill.now(), "ANNUALLY")[1] - bill.now()) / ledger.DAY_S
    assert forecast == pytest.approx(actual + 10 * left, rel=0.05)
    assert found._spent("3", BUDGET) == (0, None)


def test_a_seed_makes_the_same_history(bill):
    for account in ("1", "2"):
        bill.remember(account, "us-east-1", 3, {"S": 10.0}, 7)
    other = ledger.Ledger(dict, print)
    other.remember("1", "us-east-1", 3, {"S": 10.0}, 7)
    first = [line.usd for line in bill.lines() if line.use.account == "1"]
    assert first == [line.usd for line in other.lines()]
    assert first != [line.usd for line in bill.lines() if line.use.account == "2"]
    assert len(first) == 72


def test_what_has_no_price_is_named_and_billed_with_nothing(bill):
    bill.add(ledger.Use("1", "us-east-1", prices.COMPUTE, "BoxUsage:z9.huge", "RunInstances"), 5.0)
    (line,) = bill.lines()
    assert (line.quantity, line.usd) == (5.0, 0.0)
    assert "BoxUsage:z9.huge" in bill.unpriced[0]


@pytest.mark.parametrize(
    "budget",
    [
        {"BudgetType": "USAGE", "BudgetLimit": {}, "TimeUnit": "DAILY"},
        {"BudgetType": "COST", "TimeUnit": "DAILY"},
        {"BudgetType": "COST", "BudgetLimit": {}, "TimeUnit": "CUSTOM"},
        {"BudgetType": "COST", "BudgetLimit": {}, "TimeUnit": "DAILY", "CostFilters": {"AZ": ["a"]}},
    ],
)
def test_budgets_that_cannot_be_computed_are_named(budget):
    assert budgets.unable(budget)


def test_a_plain_budget_can_be_computed():
    assert (
        budgets.unable({"BudgetType": "COST", "BudgetLimit": {}, "TimeUnit": "DAILY", "CostFilters": {"Region": ["x"]}})
        == ""
    )
