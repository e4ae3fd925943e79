"""AWS Budgets says that spend passed, or will pass, a threshold.

It comes as a text for people, by SNS. Billing data is up to a day old, and a budget's threshold is reached late in the month
by honest use: it supports, and never pages alone. The lines of the text that matter are read by their names.
"""

from __future__ import annotations

import re

from amberlight.aware.envelope import FIX, Message
from amberlight.aware.intake import Intake
from amberlight.aware.intake._fields import made, moment
from amberlight.model.errors import ConfigError
from amberlight.model.signals import Signal

POINTS = 15.0
START = "AWS Budget Notification"
DATE = re.compile(r"AWS Budget Notification\s+(\w+ \d{1,2}, \d{4})")
ACCOUNT = re.compile(r"AWS Account\s*:?\s*(\d{12}|\d{4}-\d{4}-\d{4})")
FIELD = re.compile(
    r"^\s*(Budget Name|Budget Type|Budgeted Amount|Alert Type|Alert Threshold|(?:ACTUAL|FORECASTED) Amount):[ \t]*(.{1,200}?)\s*$",
    re.MULTILINE,
)
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def knows(message: Message) -> bool:
    """A text that begins as Budgets' does."""
    text = message.body.get("text")
    return isinstance(text, str) and text.lstrip().startswith(START)


def read(message: Message) -> tuple[Signal, ...]:
    """The notification, at its day."""
    text = str(message.body["text"])
    fields = dict(FIELD.findall(text))
    date, account = DATE.search(text), ACCOUNT.search(text)
    if "Budget Name" not in fields or date is None:
        raise ConfigError("This notification of Budgets has no budget's name or no date.", FIX)
    name, kind = fields["Budget Name"], fields.get("Alert Type", "")
    amount = next((content for field, content in fields.items() if field.startswith(("ACTUAL", "FORECASTED"))), "")
    signal = made(
        message,
        "budget",
        (name, date[1], kind, fields.get("Alert Threshold", "")),
        title=f"Budget {name}",
        when=moment(day(date[1]), "notification"),
        account=account[1].replace("-", "") if account else "",
        points=POINTS,
        reason=f"AWS Budgets: {name}: {kind} {amount} passed {fields.get('Alert Threshold', 'the threshold')}",
    )
    return (signal,)


def day(text: str) -> str:
    """`November 24, 2026` as `2026-11-24`; anything else as it is."""
    month, number, year = text.replace(",", "").split()
    return f"{year}-{MONTHS.index(month) + 1:02}-{int(number):02}" if month in MONTHS else text


INTAKE = Intake(
    id="budget",
    title="A budget's notification",
    knows=knows,
    signals=read,
    how="a budget's alert to an SNS topic that the queue subscribes to",
    references=("https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-sns-policy.html",),
)
