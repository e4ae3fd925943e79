"""The only file that speaks to DBOS: one durable workflow per step and attempt.

The id of an attempt is `<work>/<step>/<number>`. An attempt that ended well is the step's result for ever. One that
failed, or whose process died, is closed when the next begins, and kept: the database shows every try.

References:
    https://docs.dbos.dev/python/reference/contexts (workflow ids), /python/reference/configuration.
"""

from __future__ import annotations

import base64
import json
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from dbos import DBOS, DBOSConfig, Serializer, SetWorkflowID
from sqlalchemy.exc import SQLAlchemyError

from amberlight.model.errors import DeliveryError

VERSION = "1"
POLLING_SECONDS = 0.05
_performing = threading.local()


class Plain(Serializer):
    """JSON instead of pickle: who can write the database must not be able to run code here."""

    def serialize(self, data: Any) -> str:
        """Bytes as base64 under a name; what JSON does not know (errors) as text."""
        return json.dumps(data, default=_as_json)

    def deserialize(self, serialized_data: str) -> Any:
        """The opposite; errors stay text."""
        return json.loads(serialized_data, object_hook=_as_python)

    def name(self) -> str:
        """What DBOS notes beside the data."""
        return "amberlight-json"


def _as_json(value: Any) -> Any:
    return (
        {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else f"{type(value).__name__}: {value}"
    )


def _as_python(value: dict[str, Any]) -> Any:
    return base64.b64decode(value["base64"]) if set(value) == {"base64"} else value


@DBOS.workflow(name="amberlight.step", max_recovery_attempts=None)
def _step(step_id: str) -> bytes:
    result: bytes = _performing.function(step_id)
    return result


@contextmanager
def _recorded() -> Iterator[None]:
    """A full disk or a lost database is said in words: what is done stays done, and the rest can be resumed."""
    try:
        yield
    except SQLAlchemyError as problem:
        reason = str(getattr(problem, "orig", None) or problem).splitlines()[0]
        raise DeliveryError(
            f"The record of steps cannot be kept: {reason}.",
            "Make room, or mend the database, and start again: what was sealed is not taken twice.",
        ) from problem


class Journal:
    """DBOS for one piece of work: opened and closed again, with no thread left behind."""

    def __init__(self, url: str, name: str, work: str) -> None:
        self._config = DBOSConfig(
            name=name,
            system_database_url=url,
            enable_otlp=False,
            log_level="CRITICAL",
            application_version=VERSION,
            # A name of its own, so that the library's start-up recovery takes nothing over: `done` does, and knows how.
            executor_id=secrets.token_hex(8),
            serializer=Plain(),
            notification_listener_polling_interval_sec=POLLING_SECONDS,
        )
        self._work = work
        self._attempts: dict[str, int] = {}

    def __enter__(self) -> Self:
        with _recorded():
            try:
                DBOS(config=self._config)
                DBOS.launch()
            except BaseException:
                # The library keeps one instance a process: half-started, it would answer the next one who asks.
                DBOS.destroy()
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, _trace: TracebackType | None
    ) -> None:
        DBOS.destroy()

    def done(self, step_ids: Sequence[str]) -> dict[str, bytes]:
        """Results of the steps that are done; attempts of the others are counted and closed."""
        wanted = set(step_ids)
        found: dict[str, bytes] = {}
        with _recorded():
            known = DBOS.list_workflows(workflow_id_prefix=f"{self._work}/", load_output=True)
        for status in known:
            step_id, _, number = status.workflow_id.removeprefix(f"{self._work}/").rpartition("/")
            if step_id not in wanted:
                continue
            self._attempts[step_id] = max(self._attempts.get(step_id, 0), int(number))
            if status.status == "SUCCESS":
                found[step_id] = bytes(status.output or b"")
            elif status.status not in ("ERROR", "CANCELLED"):
                with _recorded():
                    DBOS.cancel_workflow(status.workflow_id)
        return found

    def perform(self, step_id: str, function: Callable[[str], bytes]) -> bytes:
        """Do a step now, on this thread, as the next attempt."""
        _performing.function = function
        with _recorded(), SetWorkflowID(f"{self._work}/{step_id}/{self._attempts.get(step_id, 0) + 1}"):
            return _step(step_id)
