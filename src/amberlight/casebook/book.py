"""Tables and the few questions that are asked of them (SQLAlchemy Core, imported when a book is opened)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from amberlight.model.codec import digest
from amberlight.model.errors import ConfigError, DeliveryError
from amberlight.model.inbox import Act
from amberlight.model.signals import Case, Decision, Signal, Suspicion

if TYPE_CHECKING:
    from sqlalchemy import Engine, Table

T = TypeVar("T")
NAMES = ("signals", "suspicions", "decisions", "cases", "acts")


class Casebook:
    """A casebook at a database.

    Args:
        url: `sqlite:///file.db`, `sqlite://` for memory, or a PostgreSQL URL.

    Raises:
        ConfigError: the URL names no database that can be opened.
    """

    def __init__(self, url: str = "sqlite://") -> None:
        self._engine, self._tables = opened(url)

    def record_signals(self, signals: Iterable[Signal]) -> None:
        """Keep signals; one of a known id is replaced."""
        self._put("signals", [(one.id, one.when, one) for one in signals])

    def record_suspicions(self, suspicions: Iterable[Suspicion]) -> None:
        """Keep suspicions as they stand; they grow, so one of a known id is replaced."""
        self._put("suspicions", [(one.id, one.first, one) for one in suspicions])

    def record_decision(self, decision: Decision, *, after: Decision | None = None) -> None:
        """Keep a decision.

        Args:
            decision: It stands once written.
            after: The dismissal that it follows, where a dismissed suspicion came back; that one stays beside it.

        Raises:
            DeliveryError: another decision on that suspicion stands already.
        """
        name = decision.suspicion
        if after is not None and after.suspicion == name:
            name = f"{name} after {after.when.isoformat()}"
        self._once("decisions", name, decision.when, decision)

    def record_act(self, act: Act) -> None:
        """Keep what somebody did; the same act twice is one."""
        self._once("acts", digest(act), act.when, act)

    def acts(self) -> tuple[Act, ...]:
        """All acts, by time."""
        return self._all("acts", Act)

    def record_case(self, case: Case) -> None:
        """Keep a case.

        Raises:
            DeliveryError: another case has that id.
        """
        self._once("cases", case.id, case.opened, case)

    def signals(self) -> tuple[Signal, ...]:
        """All signals, by time."""
        return self._all("signals", Signal)

    def suspicions(self) -> tuple[Suspicion, ...]:
        """All suspicions, by time."""
        return self._all("suspicions", Suspicion)

    def decisions(self) -> tuple[Decision, ...]:
        """All decisions, by time."""
        return self._all("decisions", Decision)

    def cases(self) -> tuple[Case, ...]:
        """All cases, by time."""
        return self._all("cases", Case)

    def case(self, case_id: str) -> Case:
        """One case.

        Raises:
            ConfigError: there is none of that id.
        """
        for one in self.cases():
            if one.id == case_id:
                return one
        raise ConfigError(f"There is no case {case_id!r}.", "Take an id of `amberlight case list --all`.")

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def _put(self, table: str, rows: list[tuple[str, datetime, Any]]) -> None:
        target = self._tables[table]
        with self._engine.begin() as line:
            for name, when, record in rows:
                line.execute(target.delete().where(target.c.id == name))
                line.execute(target.insert().values(**values(name, when, record)))

    def _once(self, table: str, name: str, when: datetime, record: Any) -> None:
        target = self._tables[table]
        row = values(name, when, record)
        with self._engine.begin() as line:
            old = line.execute(target.select().where(target.c.id == name)).first()
            if old is None:
                line.execute(target.insert().values(**row))
            elif old.record != row["record"]:
                raise DeliveryError(
                    f"The casebook has another entry for {name} in {table}.", "Decisions and cases are never rewritten."
                )

    def _all(self, table: str, kind: type[T]) -> tuple[T, ...]:
        target = self._tables[table]
        with self._engine.connect() as line:
            rows = line.execute(target.select().order_by(target.c.moment, target.c.id))
            return tuple(msgspec.json.decode(row.record, type=kind) for row in rows)


def values(name: str, when: datetime, record: Any) -> dict[str, Any]:
    """A row."""
    return {"id": name, "moment": when.isoformat(), "record": msgspec.json.encode(record).decode()}


def opened(url: str) -> tuple[Engine, dict[str, Table]]:
    """The database with its tables, made where they are missing."""
    from sqlalchemy import Column, MetaData, Table, Text, create_engine
    from sqlalchemy.exc import SQLAlchemyError
    from sqlalchemy.pool import StaticPool

    memory: dict[str, Any] = {"poolclass": StaticPool, "connect_args": {"check_same_thread": False}}
    try:
        engine = create_engine(url, **(memory if url in ("sqlite://", "sqlite:///:memory:") else {}))
        metadata = MetaData()
        tables = {
            name: Table(
                name,
                metadata,
                Column("id", Text, primary_key=True),
                Column("moment", Text, nullable=False, index=True),
                Column("record", Text, nullable=False),
            )
            for name in NAMES
        }
        metadata.create_all(engine)
    except SQLAlchemyError as problem:
        first = str(problem).splitlines()[0]
        raise ConfigError(
            f"The casebook at {url} cannot be opened: {first}", "Name a writable SQLite file."
        ) from problem
    return engine, tables
