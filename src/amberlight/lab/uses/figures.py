"""Last uses by principal, action, key and role.

Every attempt counts, denied ones too. Access Advisor sees them late: on AWS usually within four hours.

References:
    "Refine permissions in AWS using last accessed information", IAM User Guide, 2026-11 ("Things to know": reporting interval,
    authenticated entities, attempts); data events are no part of it.
"""

from __future__ import annotations

import dataclasses
import uuid
from collections import deque
from collections.abc import Mapping, Sequence

from amberlight.lab import clock
from amberlight.lab.recorder import shape
from amberlight.lab.recorder.identity import Caller
from amberlight.lab.recorder.requests import Call
from amberlight.lab.services.auth import role_of


@dataclasses.dataclass(frozen=True)
class Use:
    """The last use of something."""

    time: float
    service: str
    """The prefix of its actions, for example `s3`."""
    region: str
    entity: str
    action: str
    tracked: bool
    """Whether Access Advisor knows the action; of data events it knows the service only."""


@dataclasses.dataclass(frozen=True)
class Job:
    """Figures as they stood when somebody asked for them."""

    at: float
    actions: bool
    """Whether they were asked for by action."""
    uses: Mapping[str, Sequence[Use]]
    """By entity: the last use of every action."""
    allowed: frozenset[str]
    """Services and actions that the entities' policies name."""


class Figures:
    """All last uses."""

    def __init__(self, delay_s: float) -> None:
        self._delay = delay_s
        self._coming: deque[Use] = deque()
        self._told: dict[str, dict[tuple[str, str], Use]] = {}
        self._last: dict[str, Use] = {}
        self._by_key: dict[str, Use] = {}
        self._jobs: dict[str, Job] = {}

    def count(self, caller: Caller, region: str, call: Call, action: str) -> None:
        """Note one call, denied or not, and the action that policies were asked about."""
        entity = role_of(caller.arn, caller.account)
        service, _, name = action.partition(":")
        use = Use(clock.now(), service, region, entity, name, tracked=not shape.is_data(call))
        self._coming.append(use)
        # With every call, and not only when somebody asks: nobody may for days.
        self._settle(use.time)
        self._last[entity] = self._by_key[caller.access_key_id] = use

    def _settle(self, now: float) -> None:
        """Let Access Advisor know what is old enough."""
        while self._coming and self._coming[0].time <= now - self._delay:
            use = self._coming.popleft()
            self._told.setdefault(use.entity, {})[use.service, use.action] = use

    def key(self, access_key_id: str) -> Use | None:
        """The last use of an access key."""
        return self._by_key.get(access_key_id)

    def principal(self, arn: str) -> Use | None:
        """The last use of a user or role."""
        return self._last.get(arn)

    def freeze(self, entities: Sequence[str], allowed: frozenset[str], *, actions: bool) -> str:
        """Keep what Access Advisor knows of these users and roles now; gives the job's id."""
        now = clock.now()
        self._settle(now)
        number = str(uuid.uuid4())
        uses = {entity: list(self._told.get(entity, {}).values()) for entity in entities}
        self._jobs[number] = Job(now, actions, uses, allowed)
        return number

    def job(self, number: str) -> Job | None:
        """What was kept under an id."""
        return self._jobs.get(number)
