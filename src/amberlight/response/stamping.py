"""Has an authority stamp checkpoints, beside the other work: it keeps nothing waiting and fails no case.

During a case it asks only where the plan says `always`; once the package is sealed also where it says `after-case`. Threads
do nothing but ask: tokens are kept and entered by whoever calls, so that no entry comes between a package and its seal.
A token that comes too late for the package belongs to the case in the vault, and to its next package.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from queue import Empty, SimpleQueue

from amberlight._aws import Clock
from amberlight.model.custody import Checkpoint
from amberlight.model.errors import AmberlightError, ConfigError, DeliveryError, Denied, NotPossible, Unreachable
from amberlight.model.response_plan import TimestampPlan
from amberlight.response.watch import Listener
from amberlight.vault import Ledger, Store, timestamps
from amberlight.vault.ledger import signed_bytes
from amberlight.vault.timestamps import Token

LIMIT_S = 20.0
"""How long the end of a case may wait for tokens, all in all."""
Ask = Callable[[str, bytes], Token]


class Stamping:
    """The timestamps of one case.

    Args:
        plan: Whether and whom to ask.
        ledger: The case's ledger.
        store: The vault.
        clock: For the delay that is entered.
        tell: Is told `timestamped` with the entry, or `timestamp-missed` with the reason.
        ask: Gets one token.
    """

    def __init__(
        self,
        plan: TimestampPlan,
        ledger: Ledger,
        store: Store,
        *,
        clock: Clock,
        tell: Listener,
        ask: Ask = timestamps.stamp,
    ) -> None:
        self._plan, self._ledger, self._store = plan, ledger, store
        self._clock, self._tell, self._ask = clock, tell, ask
        self._answers: SimpleQueue[tuple[Checkpoint, Token | str, datetime]] = SimpleQueue()
        self._asked: set[int] = set()
        self._open = 0

    def begin(self, head: Checkpoint) -> None:
        """A head was signed in a running case: ask for its token, if the plan allows that."""
        if self._plan.when == "always":
            self._start((head,))

    def arrived(self) -> dict[str, bytes]:
        """Enter what has come so far, without waiting; every token of the case by its path in a package.

        Raises:
            IntegrityError, CredentialsError: the ledger or the store is not what it should be.
        """
        while self._take(None):
            pass
        return timestamps.held(self._ledger, self._store)

    def after(self, limit_s: float = LIMIT_S) -> None:
        """The package is sealed: ask for what is owed, and enter what comes in time. Whatever goes wrong is told."""
        if self._plan.when == "never":
            return
        end, before = self._clock.monotonic() + limit_s, len(self._ledger.entries())
        try:
            self._start(tuple(head for head in timestamps.owed(self._ledger) if head.size not in self._asked))
            while self._open and (left := end - self._clock.monotonic()) > 0 and self._take(left):
                pass
            if len(self._ledger.entries()) > before:
                # Under a signed head as well; that head is not owed a token itself, or this would never end.
                self._ledger.checkpoint()
        except AmberlightError as problem:
            self._tell("timestamp-missed", problem.cause)

    def _start(self, heads: tuple[Checkpoint, ...]) -> None:
        if heads:
            self._asked |= {head.size for head in heads}
            self._open += len(heads)
            # A daemon: an authority that sends a byte a second must not keep the process alive.
            threading.Thread(target=self._get, args=(heads,), daemon=True).start()

    def _get(self, heads: tuple[Checkpoint, ...]) -> None:
        for head in heads:
            answer: Token | str
            try:
                answer = self._ask(self._plan.url, signed_bytes(head))
            except AmberlightError as problem:
                answer = problem.cause
            except OSError as problem:
                answer = f"The request could not be written: {problem.strerror}."
            self._answers.put((head, answer, self._clock.now()))

    def _take(self, wait_s: float | None) -> bool:
        """Enter one answer, waiting so long for it; whether there was one."""
        try:
            head, answer, when = self._answers.get(block=wait_s is not None, timeout=wait_s)
        except Empty:
            return False
        self._open -= 1
        if isinstance(answer, Token):
            answer = self._enter(head, answer, when)
        if answer:
            self._asked.discard(head.size)
            timestamps.miss(self._ledger, (head,), url=self._plan.url, problem=answer)
            self._tell("timestamp-missed", answer)
        return True

    def _enter(self, head: Checkpoint, token: Token, when: datetime) -> str:
        """Keep and enter a token; what kept it from being kept."""
        try:
            entry = timestamps.enter(self._ledger, self._store, head, token, url=self._plan.url, arrived=when)
        except (DeliveryError, Denied, NotPossible, Unreachable) as problem:
            return problem.cause
        self._tell("timestamped", entry)
        return ""


def settled(stamping: Stamping, ledger: Ledger, plan: TimestampPlan) -> tuple[Checkpoint, ...]:
    """What is owed after one more try.

    Raises:
        ConfigError: the plan lets nobody be asked.
    """
    if plan.when == "never":
        raise ConfigError("The response plan lets nobody be asked for timestamps.", "See vault.timestamps.")
    stamping.after()
    return timestamps.owed(ledger)
