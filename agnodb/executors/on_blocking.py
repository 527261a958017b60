"""Statements on a driver without an event loop: its connections are in autocommit for as long as a statement takes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine

from agnodb.executors.on_driver import SQLITE_SAME, Compiled, OnDriver, failed
from agnodb.sql.executor import Row

if TYPE_CHECKING:
    from agnodb.executors.blocking import BlockingState
    from agnodb.executors.retries import Attempts


class OnBlocking(OnDriver):
    """The statements of one engine."""

    awaits = False

    async def run(
        self, state: BlockingState, compiled: Compiled, parameters: Mapping[str, Any], attempts: Attempts
    ) -> Sequence[Row]:
        rows = await state.wait(self._run, state.engine, compiled, parameters, attempts)
        return rows if compiled.answers else ()

    def _run(
        self, engine: Engine, compiled: Compiled, parameters: Mapping[str, Any], attempts: Attempts
    ) -> Sequence[Row]:
        given = {**compiled.fixed, **parameters}
        text, values = compiled.text, self.values(compiled.names, given)
        pooled = _checked_out(engine)
        attempts.sent = True
        try:
            self.set_autocommit(pooled.driver_connection, True)
            rows = self.fetch(pooled, text, values)
            self.set_autocommit(pooled.driver_connection, False)
        except BaseException as error:
            self._restore(pooled.driver_connection)
            failed(engine, pooled, (text, values), error, attempts)
        pooled.close()
        return rows

    def fetch(self, connection: Any, text: str, values: Any) -> Sequence[Row]:
        cursor = connection.driver_connection.execute(text, values)
        rows: Sequence[Row] = cursor.fetchall() if cursor.description is not None else ()
        return rows

    def _restore(self, connection: Any) -> None:
        """No transaction may begin on a connection that is still in autocommit. SQLAlchemy throws a closed one away."""
        try:
            self.set_autocommit(connection, False)
        except Exception:  # it is lost, or in the middle of something
            connection.close()

    @abstractmethod
    def values(self, names: Sequence[str], given: Mapping[str, Any]) -> Any:
        """What the text's parameters are in the driver's form."""

    @abstractmethod
    def set_autocommit(self, connection: Any, on: bool) -> None:
        """Whether each statement on a connection of the driver is its own transaction."""


class OnPsycopg(OnBlocking):
    """Over a network."""

    def values(self, names: Sequence[str], given: Mapping[str, Any]) -> Any:
        return {name: given[name] for name in names}

    def set_autocommit(self, connection: Any, on: bool) -> None:
        connection.autocommit = on


class OnSqlite3(OnBlocking):
    """In a file."""

    same, begins = SQLITE_SAME, 1

    def values(self, names: Sequence[str], given: Mapping[str, Any]) -> Any:
        return [given[name] for name in names]

    def set_autocommit(self, connection: Any, on: bool) -> None:
        # SQLAlchemy sets its own, where the driver would begin transactions. Ours begin by a BEGIN.
        if on and connection.isolation_level is not None:
            connection.isolation_level = None


def _checked_out(engine: Engine) -> Any:
    try:
        return engine.pool.connect()
    except engine.dialect.loaded_dbapi.Error as error:
        Connection._handle_dbapi_exception_noconnection(error, engine.dialect, engine)
