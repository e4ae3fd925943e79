"""Runs steps once, in order, in parallel, and remembers what came of them."""

from __future__ import annotations

import importlib
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait

_one_at_a_time = threading.Lock()


class Engine:
    """Durable steps. DBOS knows one engine a process, so runs of one process wait for each other.

    Args:
        url: Database of what is done, `sqlite:///path` or `postgresql://...`.
        name: Name of the application in that database, at least three characters.
    """

    def __init__(self, url: str, name: str = "amberlight") -> None:
        self.url = url
        self.name = name
        self.stopping = threading.Event()

    @staticmethod
    def prepare() -> None:
        """Import DBOS now (half a second), so that a run that is in a hurry need not."""
        importlib.import_module("amberlight._engine.durable")

    def run(
        self,
        workflow_id: str,
        step_ids: Sequence[str],
        perform: Callable[[str], bytes],
        workers: int = 8,
        *,
        begin: Callable[[dict[str, bytes]], None] = lambda _: None,
    ) -> dict[str, bytes]:
        """Do every step that is not done yet; results of all of them by id.

        Steps start in the given order on `workers` threads. A step that was running when a process was killed runs
        again, so `perform` must be able to find what it did before. An error of `perform` ends the run: no step is
        started any more, the running ones end, the first error is raised; the steps that ended stay done, and the one
        that failed runs again the next time. `begin` is told first, of the results of steps that were done before.
        """
        from amberlight._engine.durable import Journal

        self.stopping.clear()
        with _one_at_a_time, Journal(self.url, self.name, workflow_id) as journal:
            done = journal.done(step_ids)
            begin(dict(done))
            waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
            for step_id in step_ids:
                if step_id not in done:
                    waiting.put(step_id)
            work = _Work(journal.perform, perform, waiting, self.stopping)
            self._on_threads(work, min(workers, waiting.qsize()))
        return {step_id: {**done, **work.results}[step_id] for step_id in step_ids}

    def _on_threads(self, work: _Work, count: int) -> None:
        """Run the work on so many threads; an interruption stops it and waits for the running steps."""
        with ThreadPoolExecutor(max(1, count), thread_name_prefix="step") as threads:
            futures = [threads.submit(work) for _ in range(count)]
            try:
                wait(futures)
            except BaseException:
                self.stopping.set()
                raise
        if work.errors:
            raise work.errors[0]


class _Work:
    """What each thread does: take the next step until none is left or somebody failed."""

    def __init__(
        self,
        durably: Callable[[str, Callable[[str], bytes]], bytes],
        perform: Callable[[str], bytes],
        waiting: queue.SimpleQueue[str],
        stopping: threading.Event,
    ) -> None:
        self.results: dict[str, bytes] = {}
        self.errors: list[BaseException] = []
        self._durably, self._perform, self._waiting, self._stopping = durably, perform, waiting, stopping

    def __call__(self) -> None:
        while not self._stopping.is_set():
            try:
                step_id = self._waiting.get_nowait()
            except queue.Empty:
                return
            try:
                self.results[step_id] = self._durably(step_id, self._perform)
            except BaseException as problem:
                # The first in time is the cause; others may be steps that were told to stop because of it.
                self.errors.append(problem)
                self._stopping.set()
                raise
