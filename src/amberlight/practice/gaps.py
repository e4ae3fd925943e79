"""What a rehearsal showed to be missing, as work: with an owner, a due date, and the test that closes it.

References:
    AWS Well-Architected, SEC10-BP07 (run simulations) and SEC10-BP08 (learn): lessons become owned work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from amberlight.model.custody import Attempt
from amberlight.model.rehearsal import GapItem, TriageScore
from amberlight.model.response_plan import ResponsePlan
from amberlight.practice.score import Check

DUE_AFTER = timedelta(days=30)
OWNERS = {"aware": "detection", "capture": "forensics", "vault": "custodian"}
"""Which role of the response plan owns a gap of which step."""


class Register:
    """Collects gap items and numbers them."""

    def __init__(self, plan: ResponsePlan, today: date, retest: str) -> None:
        self._plan = plan
        self._due = (today + DUE_AFTER).isoformat()
        self._retest = retest
        self._items: list[GapItem] = []

    def add(self, step: str, what: str, risk: str) -> None:
        """One gap of a step."""
        self._items.append(
            GapItem(
                id=f"G-{len(self._items) + 1}",
                what=what,
                risk=risk,
                owner=self.owner(step),
                due=self._due,
                retest=self._retest,
            )
        )

    def owner(self, step: str) -> str:
        """A person of the plan; the first contact where nobody has the role."""
        role = OWNERS.get(step, "")
        fitting = [contact for contact in self._plan.contacts if contact.role == role]
        found = [*fitting, *self._plan.contacts]
        return found[0].name if found else "nobody: the plan names no contact"

    def items(self) -> tuple[GapItem, ...]:
        """All of them."""
        return tuple(self._items)


def gap_items(
    register: Register,
    *,
    checks: Sequence[Check],
    triage: TriageScore,
    attempts: Sequence[Attempt],
    unseen: Mapping[str, int],
) -> tuple[GapItem, ...]:
    """Everything that has to become better."""
    for check in checks:
        if check.reason:
            register.add("capture", f"{check.expectation.source}: {check.reason}", check.expectation.why)
    judged(register, triage)
    held(register, attempts)
    for what, count in unseen.items():
        if count:
            register.add(
                "aware",
                f"{count} {what} left no record anywhere.",
                "What was stolen after that cannot be told: keep data events in a trail that this account cannot stop.",
            )
    return register.items()


def judged(register: Register, triage: TriageScore) -> None:
    """Gaps of triage: the attack not proposed once, or something else proposed."""
    if triage.true != 1:
        register.add("aware", f"{triage.true} proposals named the attack, 1 was expected.", "The breach goes on.")
    if triage.false:
        register.add("aware", f"{triage.false} proposals were not the attack.", "People stop looking at pages.")


def held(register: Register, attempts: Sequence[Attempt]) -> None:
    """Gaps of the vault: something was let through, or nothing was tried."""
    for attempt in attempts:
        if not attempt.refused:
            register.add("vault", f"{attempt.action} by {attempt.role} was let through.", "Evidence can be altered.")
    if not attempts:
        register.add("vault", "Nobody tried to alter the vault.", "That it holds is a claim.")
