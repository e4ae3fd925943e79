"""Sessions end before their time: the temporary credentials of a call are worthless from this call on, for good.

The service refuses it with its own code (`ExpiredToken`, `ExpiredTokenException`, `RequestExpired`); as AWS cannot attribute it
then, no trail has it. The caller has to get itself a new session; an instance gets one from its metadata.
"""

from __future__ import annotations

from typing import Any

from amberlight.lab import clock, hooks
from amberlight.lab.faults.fault import CallFault, Patterns, Seconds, matches
from amberlight.lab.faults.points import Points, facts_of
from amberlight.lab.recorder.middleware import Passing


class ExpiredToken(CallFault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of which `role` (its name), and how old the session must be."""

    role: Patterns = "*"
    older_than_s: Seconds = 0.0


FAULT = ExpiredToken
EXAMPLE = """
- fault: expired-token
  role: capture-*
  older_than_s: 5
  count: 1
"""


def install(points: Points) -> None:
    """Let the session of a call run out just before the service looks at it."""

    async def gate(passing: Passing, go: Any) -> None:
        session = hooks.service("sts")._sessions.get(passing.signature.access_key_id)
        if session is not None and not _over(session):
            role = (passing.caller.role if passing.caller else None) or ""
            age = clock.now() - float(session.get("IssuedAt", 0))

            def wanted(placed: Any) -> bool:
                return matches(placed.fault.role, role) and age >= placed.fault.older_than_s

            if points.board.strike("expired-token", facts_of(passing), wanted) is not None:
                session["Expiration"] = clock.now() - 1
        await go(passing)

    points.gate("refuse", gate)


def _over(session: dict[str, Any]) -> bool:
    ends = session.get("Expiration")
    return isinstance(ends, (int, float)) and ends < clock.now()
