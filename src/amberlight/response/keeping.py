"""Keeps what a case has: holds and longer locks as the plan says, and signed heads at the witness, phase by phase.

Nothing here ends a response, and nothing is silent: what could not be held or copied is told, entered, and a `Gap` of the
package. A drill holds nothing, so the custodian's role is not even taken on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from amberlight._aws import Clock, Door, Sessions
from amberlight.capture.answers import state_of
from amberlight.model.codec import to_builtins
from amberlight.model.custody import Checkpoint
from amberlight.model.errors import AmberlightError
from amberlight.model.evidence import Gap
from amberlight.model.response_plan import ResponsePlan
from amberlight.response.doors import Doors
from amberlight.response.watch import Listener
from amberlight.response.witnessing import open_witness
from amberlight.vault import Ledger, Store, retention, witness


@dataclass(frozen=True, kw_only=True)
class Witnessed:
    """What the witness has after a phase: signed heads that lie there, and objects that it got this time."""

    phase: str
    heads: int
    new: int


class Keeping:
    """Holds and witness of one case.

    Args:
        plan: Says how long, and who the witness is.
        doors: Gives the custodian's door when something is held.
        sessions: Takes on the witness's role.
        store: The vault.
        ledger: The case's.
        clock: Time.
        tell: Hears `missed` (Gap) and `witnessed` (Witnessed).
    """

    def __init__(
        self,
        *,
        plan: ResponsePlan,
        doors: Doors,
        sessions: Sessions,
        store: Store,
        ledger: Ledger,
        clock: Clock,
        tell: Listener,
    ) -> None:
        self.gaps: tuple[Gap, ...] = ()
        self._plan, self._doors, self._sessions = plan, doors, sessions
        self._store, self._ledger, self._clock, self._tell = store, ledger, clock, tell
        self._custodian: Door | None = None
        self._witness: Store | None = None

    def phase(self, name: str) -> Checkpoint:
        """Hold everything that the case has by now; then as `head`."""
        if self._ledger.kind != "drill":
            self._try("vault.hold", name, self._hold)
        return self.head(name)

    def head(self, name: str) -> Checkpoint:
        """Sign the ledger's head, and bring it to the witness; the head.

        What is entered later can then not be passed off as having been there before.

        Raises:
            IntegrityError, Denied, Unreachable: the ledger itself cannot be written.
        """
        head = self._ledger.checkpoint()
        if self._plan.vault.witness and not self._try("vault.witness", name, lambda: self._copy(name)):
            head = self._ledger.checkpoint()
        return head

    def _try(self, what: str, phase: str, act: Callable[[], None]) -> bool:
        try:
            act()
        except (AmberlightError, OSError) as problem:  # a witness may be a folder
            self._miss(what, phase, problem)
            return False
        return True

    def _miss(self, what: str, phase: str, problem: AmberlightError | OSError) -> None:
        words = f"{problem.cause} {problem.fix}".strip() if isinstance(problem, AmberlightError) else str(problem)
        gap = Gap(
            source=what,
            target=f"case/{self._ledger.case_id}",
            account=self._plan.account("vault").id,
            region=self._plan.vault.region,
            state=state_of(problem) if isinstance(problem, AmberlightError) else "failed",
            reason=f"After the phase {phase}: {words}",
        )
        self.gaps += (gap,)
        self._ledger.append("missed", to_builtins(gap))
        self._tell("missed", gap)

    def _hold(self) -> None:
        if self._custodian is None:
            self._custodian = self._doors.custodian()
        keeper = retention.Keeper(
            custodian=self._custodian,
            store=self._store,
            ledger=self._ledger,
            bucket=self._plan.vault.bucket,
            kind=self._ledger.kind,
            clock=self._clock,
        )
        retention.declare(keeper, self._plan.vault.retention_days)

    def _copy(self, phase: str) -> None:
        wanted = self._plan.vault.witness
        if wanted is None:
            return
        if self._witness is None:
            self._witness = open_witness(
                wanted, self._sessions, self._doors.hub, session=self._doors.session, clock=self._clock
            )
        copied = witness.copy(self._ledger.case_id, self._store, self._witness, evidence_up_to=wanted.evidence_bytes)
        self._tell("witnessed", Witnessed(phase=phase, heads=len(self._ledger.checkpoints()), new=copied.new))
