"""Work that is done on the event loop, one piece after the other, while requests are served between the pieces."""

from __future__ import annotations

import asyncio
import sys
import traceback
from collections.abc import Awaitable, Callable, Hashable

Work = Callable[[], Awaitable[None]]


class Line:
    """A queue with one worker, which lives as long as there is work."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._waiting: dict[Hashable, Work] = {}
        self._worker: asyncio.Task[None] | None = None

    def add(self, key: Hashable, work: Work) -> None:
        """Put work at the end; work with the same key that still waits stands for both."""
        self._waiting.setdefault(key, work)
        self.wake()

    def wake(self) -> None:
        """See that somebody works; off the event loop the next call from there does it."""
        if self._waiting and (self._worker is None or self._worker.done()):
            try:
                self._worker = asyncio.get_running_loop().create_task(self._drain())
            except RuntimeError:
                return

    async def idle(self) -> None:
        """Wait until everything is done."""
        while self._waiting or (self._worker is not None and not self._worker.done()):
            self.wake()
            if self._worker is not None:
                await self._worker

    async def _drain(self) -> None:
        while self._waiting:
            key = next(iter(self._waiting))
            work = self._waiting.pop(key)
            try:
                await work()
            except Exception:  # noqa: BLE001 (one failure must not end the rest; the lab's log says what is missing)
                sys.stderr.write(f"NOT DONE by AWS Config: {self._what} {key}\n{traceback.format_exc()}")
            await asyncio.sleep(0)
