"""Commands of Systems Manager never reach their instance: `Pending`, then `TimedOut` with `DeliveryTimedOut`.

AWS gives up after the command's `TimeoutSeconds` (the lab: scaled by `ssm_time_scale`); `seconds` says when instead. The instance
stays listed as online, as it does for some minutes on AWS. A command that is cancelled meanwhile is `Cancelled`.

References:
    "Understanding command statuses" (Delivery Timed Out), AWS Systems Manager User Guide, 2026-11.
"""

from __future__ import annotations

from amberlight.lab import hooks
from amberlight.lab.faults.fault import Facts, Fault, Patterns, Seconds, matches
from amberlight.lab.faults.points import Points


class SsmUndeliverable(Fault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For which `instance`, and when it is given up."""

    instance: Patterns = "*"
    seconds: Seconds | None = None

    def fits(self, facts: Facts) -> bool:
        """Whether it applies there; the resource is the instance."""
        return matches(self.instance, facts.resource) and super().fits(facts)


FAULT = SsmUndeliverable
EXAMPLE = """
- fault: ssm-undeliverable
  instance: i-*
  seconds: 3
  count: 2
"""


def install(points: Points) -> None:
    """Stand between a command and its instance."""

    def obstacle(instance: str, usual: float) -> float | None:
        facts = Facts(hooks.current_account(), hooks.current_region(), "ssm", "SendCommand", instance)
        struck = points.board.strike("ssm-undeliverable", facts)
        if struck is None or not isinstance(struck.fault, SsmUndeliverable):
            return None
        return usual if struck.fault.seconds is None else struck.fault.seconds

    points.world.obstacles.append(obstacle)
