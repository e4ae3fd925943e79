"""Asks rules about resources: when one changes, from time to time, and when somebody starts it.

A custom rule's function really runs, in the emulator's Lambda and under its own role, and gives its word by PutEvaluations with the
token that it got. An hour of AWS is `digest_interval_s` of the lab.

References:
    "Example Events for AWS Config Rules", AWS Config Developer Guide, 2026-11, and real events of 2016 and 2017.
"""

from __future__ import annotations

import asyncio
import secrets
import uuid
from collections.abc import Iterable
from functools import partial
from typing import Any

from amberlight.lab import clock, hooks
from amberlight.lab.awsconfig import messages
from amberlight.lab.awsconfig.engine import Engine
from amberlight.lab.awsconfig.item import Item, dump, iso
from amberlight.lab.awsconfig.kind import Place
from amberlight.lab.awsconfig.line import Line
from amberlight.lab.awsconfig.recorders import Setting
from amberlight.lab.awsconfig.rules import telling, verdict
from amberlight.lab.awsconfig.rules.results import Result, Results
from amberlight.lab.awsconfig.rules.rule import CHANGED, OVERSIZED, SCHEDULED, Rule, function_of
from amberlight.lab.awsconfig.rules.verdict import Verdict
from amberlight.lab.own import Refused

_HOURS = {"One_Hour": 1, "Three_Hours": 3, "Six_Hours": 6, "Twelve_Hours": 12, "TwentyFour_Hours": 24}
_MOST_TOKENS = 10_000
Key = tuple[str, str]


class Evaluator:
    """All rules of all accounts, with their results."""

    def __init__(self, engine: Engine, hour_s: float, tell: telling.Tell) -> None:
        self._engine = engine
        self._hour = hour_s
        self._tell = tell
        self._line = Line("evaluate")
        self._rules: dict[Key, dict[str, Rule]] = {}
        self._results: dict[Key, Results] = {}
        self._tokens: dict[str, tuple[Key, str, float]] = {}
        engine.told.append(self._changed)

    def rules(self, setting: Setting) -> dict[str, Rule]:
        """The rules of an account and Region, by name."""
        return self._rules.setdefault((setting.account, setting.region), {})

    def results(self, setting: Setting) -> Results:
        """Their results."""
        return self._results.setdefault((setting.account, setting.region), Results())

    def start(self, setting: Setting, rule: Rule) -> None:
        """Ask a rule about everything in its scope."""
        rule.due = clock.now() + _HOURS[rule.frequency] * self._hour
        if SCHEDULED in rule.messages:
            self._line.add(uuid.uuid4(), partial(self._scheduled, setting, rule.name))
        if CHANGED in rule.messages:
            for item in self._engine.book(setting.account, setting.region).latest():
                if not item.deleted and rule.covers(item):
                    self._line.add(uuid.uuid4(), partial(self._judge, setting, rule.name, item, None, left=None))

    def tick(self) -> None:
        """Ask the rules that are due."""
        now = clock.now()
        for setting in self._engine.settings.every():
            for rule in self.rules(setting).values() if setting.running else ():
                if SCHEDULED in rule.messages and now >= rule.due:
                    rule.due = now + _HOURS[rule.frequency] * self._hour
                    self._line.add(uuid.uuid4(), partial(self._scheduled, setting, rule.name))
        self._line.wake()

    def _changed(self, setting: Setting, item: Item, last: Item | None) -> None:
        if item.deleted:
            self.results(setting).forget(kind=item.type, ident=item.reading.id)
        for rule in self.rules(setting).values():
            inside, was = rule.covers(item), last is not None and rule.covers(last)
            if CHANGED in rule.messages and (inside or was):
                left = was and not inside
                self._line.add(uuid.uuid4(), partial(self._judge, setting, rule.name, item, last, left=left))

    async def _judge(self, setting: Setting, name: str, item: Item, last: Item | None, *, left: bool | None) -> None:
        """Ask about an item; *left* says whether the resource left the rule's scope, None that nothing changed."""
        rule = self.rules(setting).get(name)
        if rule is None:
            return
        if rule.managed is not None and rule.managed.judge is not None:
            began = self._begin(rule)
            judged, why = (None, None) if item.deleted or left else rule.managed.judge(item, rule.parameters)
            said = Verdict(item.type, item.reading.id, verdict.of(judged), item.captured, None if judged else why)
            self.take(setting, rule, [said], began)
            return
        message = messages.changed(item, last, clock.now())
        if left is None:
            message["configurationItemDiff"] = None
        if len(dump(message).encode()) > messages.MOST_BYTES:
            if OVERSIZED not in rule.messages:
                return
            message = messages.oversized(item, last, clock.now(), {})
        await self._call(setting, rule, message, left=bool(left))

    async def _scheduled(self, setting: Setting, name: str) -> None:
        rule = self.rules(setting).get(name)
        if rule is None:
            return
        if rule.managed is not None and rule.managed.look is not None:
            began = self._begin(rule)
            complies, why = await rule.managed.look(Place(setting.account, setting.region), rule.parameters)
            self.take(
                setting, rule, [Verdict(verdict.ACCOUNT, setting.account, verdict.of(complies), began, why)], began
            )
            return
        message = {"awsAccountId": setting.account, "notificationCreationTime": iso(clock.now()),
                   "messageType": SCHEDULED, "recordVersion": "1.0"}  # fmt: skip
        await self._call(setting, rule, message, left=False)

    async def _call(self, setting: Setting, rule: Rule, message: dict[str, Any], *, left: bool) -> None:
        began, token = self._begin(rule), secrets.token_urlsafe(96)
        self._tokens[token] = ((setting.account, setting.region), rule.name, began)
        if len(self._tokens) > _MOST_TOKENS:
            del self._tokens[next(iter(self._tokens))]
        event = {
            "version": "1.0", "invokingEvent": dump(message), "ruleParameters": dump(rule.parameters),
            "resultToken": token, "eventLeftScope": left, "configRuleArn": rule.arn, "configRuleName": rule.name,
            "configRuleId": rule.ident, "accountId": setting.account,
            "executionRoleArn": setting.recorder.role if setting.recorder else "",
        }  # fmt: skip
        problem = await _invoke(rule.given["Source"]["SourceIdentifier"], event)
        now = clock.now()
        if problem is None:
            rule.status["LastSuccessfulInvocationTime"] = now
            return
        rule.status.update(LastFailedInvocationTime=now, LastErrorCode=problem[0], LastErrorMessage=problem[1])

    def _begin(self, rule: Rule) -> float:
        now = clock.now()
        rule.status.update(FirstEvaluationStarted=True)
        rule.status.setdefault("FirstActivatedTime", now)
        return now

    def by_token(self, token: str) -> tuple[Setting, Rule, float]:
        """Which rule a token was given to, and when.

        Raises:
            Refused: It was given to none.
        """
        known = self._tokens.get(token)
        rule = self._rules.get(known[0], {}).get(known[1]) if known else None
        if known is None or rule is None:
            raise Refused("InvalidResultTokenException", "The resultToken provided is invalid.")
        return self._engine.settings.of(*known[0]), rule, known[2]

    def take(self, setting: Setting, rule: Rule, said: Iterable[Verdict], invoked: float) -> None:
        """Keep verdicts, and tell of those that are other than before."""
        now = clock.now()
        for each in said:
            result = Result(rule.name, each, invoked, now)
            before, counts = self.results(setting).put(result)
            was = before.verdict.compliance if before else verdict.NOT_APPLICABLE
            if counts and was != each.compliance:
                self._tell(setting, rule, result, before)
        rule.status["LastSuccessfulEvaluationTime"] = now
        rule.status.setdefault("LastSuccessfulInvocationTime", now)
        for name in ("LastErrorCode", "LastErrorMessage"):
            rule.status.pop(name, None)


async def _invoke(arn: str, event: dict[str, Any]) -> tuple[str, str] | None:
    """Run a function; gives code and message when it could not, or failed."""
    function = function_of(arn)
    if function is None:
        return "Access Denied", f"The function {arn} is not there."
    run = hooks.service("lambda_svc")._execute_function_with_config_scope
    answer = await asyncio.to_thread(run, function, event)
    if answer.get("error") or answer.get("function_error"):
        return "Internal Failure", f"The function failed: {dump(answer.get('body'))[:300]}"
    return None
