"""What watches: logs of each account, and thresholds that can ring."""

from __future__ import annotations

from collections.abc import Iterator

from amberlight.model.response_plan import ResponsePlan
from amberlight.plan.check import Check, Facts, Lack

MOST_SCORE = 100
KEPT_DAYS = 90
"""What CloudTrail's own event history keeps; a store that keeps less adds nothing to it."""


def logs(plan: ResponsePlan, _facts: Facts) -> Iterator[Lack]:
    """Accounts whose API calls nobody keeps, and stores that say too little or keep too little."""
    for account in plan.accounts:
        if not any(log.account == account.id and log.kind == "api-calls" for log in plan.logs):
            yield Lack(
                where="logs",
                what=f"Where the API calls of {account.name!r} are kept is not written down.",
                risk="Event history shows 90 days of management events of one Region at a time, and no data events.",
                todo=f"Add {{kind: api-calls, account: '{account.id}'}} to `logs`, with its `place`.",
            )
    known = {account.id for account in plan.accounts}
    for number, log in enumerate(plan.logs):
        for key, what in (
            ("account", f"are of {log.account}, which the plan does not list" if log.account not in known else ""),
            ("place", "" if log.place.strip() else "do not say where they lie"),
            ("kept_days", "do not say how long they are kept" if log.kept_days is None else short(log.kept_days)),
        ):
            if what:
                yield Lack(
                    where=f"logs[{number}].{key}",
                    what=f"The logs {log.kind!r} of {log.account} {what}.",
                    risk="The first hours go into looking for them, or they are gone.",
                    todo=f"Set `{key}`.",
                )


def short(days: int) -> str:
    """What is wrong with that many days."""
    return f"are kept for {days} days; intruders stay longer than {KEPT_DAYS}" if days < KEPT_DAYS else ""


def rings(plan: ResponsePlan, _facts: Facts) -> Iterator[Lack]:
    """Thresholds that nothing or everything reaches, and alarms that go nowhere."""
    page_at = plan.aware.page_at
    if not 0 < page_at <= MOST_SCORE:
        yield Lack(
            where="aware.page_at",
            what=f"`aware.page_at` is {page_at:g}: scores are 0 to {MOST_SCORE}.",
            risk="Nobody is woken, or everybody always.",
            todo="Set it to what `amberlight scan` of your own history shows to be rare.",
        )
    if not plan.aware.alarm_queue.strip():
        yield Lack(
            where="aware.alarm_queue",
            what="No alarm queue.",
            risk="Alarms ring in an account that the intruder may hold.",
            todo="Send alarms to a queue in the security account, and set `aware.alarm_queue` to its URL.",
        )


def suppressed(plan: ResponsePlan, facts: Facts) -> Iterator[Lack]:
    """Suppressions that have run out: what they hid is shown again, and nobody looked at whether it should be."""
    for number, one in enumerate(plan.aware.suppressions):
        if one.until < facts.today:
            yield Lack(
                where=f"aware.suppressions[{number}]",
                what=f"The suppression of {one.what!r} for {one.who!r} ended on {one.until}.",
                risk="A list that nobody tidies hides what it should not.",
                todo=f"Remove it, or let {one.owner!r} give a reason for a new day.",
            )


CHECKS = (
    Check(
        id="watching.logs",
        asks="Is it written where each account's API calls are kept, and for how long?",
        answers=("SEC10-BP06", "PR.PS-04", "IRG-13"),
        find=logs,
    ),
    Check(
        id="watching.rings",
        asks="Can the thresholds ring, and where?",
        answers=("SEC10-BP06", "DE.AE-06", "IRG-15"),
        find=rings,
    ),
    Check(
        id="watching.suppressed",
        asks="Are all suppressions in date?",
        answers=("SEC10-BP08", "ID.IM-04", "IRG-15"),
        find=suppressed,
    ),
)
