"""Statements on psycopg without an event loop: its connections are in autocommit for as long as a statement takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine

from agnodb.executors.on_driver import Compiled, OnDriver, failed
from agnodb.sql.executor import Row

if TYPE_CHECKING:
    from agnodb.executors.blocking import BlockingState
    from agnodb.executors.retries import Attempts


class OnPsycopg(OnDriver):
    """The statements of one engine."""

    awaits, listeners = False, 0

    async def run(
        self, state: BlockingState, compiled: Compiled, parameters: Mapping[str, Any], attempts: Attempts
    ) -> Sequence[Row]:
        rows = await state.wait(self._run, state.engine, compiled, parameters, attempts)
        return rows if compiled.answers else ()

    def _run(
        self, engine: Engine, compiled: Compiled, parameters: Mapping[str, Any], attempts: Attempts
    ) -> Sequence[Row]:
        given = {**compiled.fixed, **parameters}
        text, values = compiled.text, {name: given[name] for name in compiled.names}
        pooled = _checked_out(engine)
        attempts.sent = True
        try:
            pooled.driver_connection.autocommit = True
            rows = self.fetch(pooled, text, values)
            pooled.driver_connection.autocommit = False
        except BaseException as error:
            _restore(pooled)
            failed(engine, pooled, (text, values), error, attempts)
        pooled.close()
        return rows

    def fetch(self, connection: Any, text: str, values: Any) -> Sequence[Row]:
        cursor = connection.driver_connection.execute(text, values)
        rows: Sequence[Row] = cursor.fetchall() if cursor.description is not None else ()
        return rows


def _checked_out(engine: Engine) -> Any:
    try:
        return engine.pool.connect()
    except engine.dialect.loaded_dbapi.Error as error:
        Connection._handle_dbapi_exception_noconnection(error, engine.dialect, engine)


def _restore(pooled: Any) -> None:
    """No transaction may begin on a connection that is still in autocommit. SQLAlchemy throws a closed one away."""
    try:
        pooled.driver_connection.autocommit = False
    except Exception:  # it is lost, or in the middle of something
        pooled.driver_connection.close()
