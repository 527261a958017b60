"""The executor over a SQLAlchemy engine, the same for asyncio and for blocking drivers."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, inspect

from agnodb.errors import AgnoDbError, ConfigurationError, SchemaOutdatedError
from agnodb.executors.states import Engines, EngineState
from agnodb.sql.executor import Executor, Row, Shape
from agnodb.sql.failures import SQLITE_ERROR, translate

EnsureSchema = Callable[[Any], Awaitable[None]]


class EngineExecutor:
    """Runs each shape on a pooled connection, in autocommit: one round trip.

    See `agnodb.sql.executor.Executor`.

    The first call makes sure, once, that the schema is there (`ensure_schema`); until it is, every call raises what
    `ensure_schema` raises. `check_schema` is asked when a statement fails for a reason that a missing table can
    have and that its error code does not tell. `upgrade` is the command that mends an outdated schema.
    """

    def __init__(
        self, engines: Engines, *, ensure_schema: EnsureSchema, check_schema: EnsureSchema, upgrade: str
    ) -> None:
        self._engines = engines
        self._ensure_schema, self._check_schema = ensure_schema, check_schema
        self._upgrade = upgrade
        self._ready = self._closed = False
        self.statements = 0
        """The number of statements run so far."""

    def state(self) -> EngineState:
        """The engine of this place. Raises ConfigurationError after `close`."""
        if self._closed:
            raise ConfigurationError("This database object is closed.")
        return self._engines.current()

    async def ready(self) -> EngineState:
        """The engine of this place, with the schema there. Raises SchemaOutdatedError and the like."""
        state = self.state()
        if not self._ready:
            async with state.boot:
                if not self._ready:
                    try:
                        await self._ensure_schema(state.door)
                    except Exception as error:
                        raise self.translate(error) from error
                    self._ready = True
        return state

    async def execute(self, shape: Shape, parameters: Mapping[str, Any]) -> Sequence[Row]:
        state = await self.ready()
        try:
            # One wait for connect, execute and close: with asyncio, three cost a fifth more of the client's time.
            return await state.wait(self._run_alone, state.autocommit, shape, parameters)
        except Exception as error:
            raise await self._explained(error, state) from error

    def _run_alone(self, engine: Engine, shape: Shape, parameters: Mapping[str, Any]) -> Sequence[Row]:
        with engine.connect() as connection:
            return self.run(connection, shape, parameters)

    def run(self, connection: Connection, shape: Shape, parameters: Mapping[str, Any]) -> Sequence[Row]:
        """The rows of `shape` on `connection`. Waits by itself, and raises what the driver raises."""
        self.statements += 1
        result = connection.execute(shape.statement, parameters)
        return result.fetchall() if result.returns_rows else ()

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Executor]:
        state = await self.ready()
        try:
            connection = await state.wait(_begin, state.engine)
        except Exception as error:
            raise self.translate(error) from error
        try:
            yield _InTransaction(self, state, connection)
        except BaseException:
            # The application's own errors pass through its transaction unchanged.
            await state.finish(_roll_back, connection)
            raise
        try:
            await state.finish(_commit, connection)
        except Exception as error:
            raise self.translate(error) from error

    def translate(self, error: Exception) -> AgnoDbError:
        """A driver's error as one of ours."""
        return translate(error, self._upgrade)

    async def _explained(self, error: Exception, state: EngineState) -> AgnoDbError:
        """SQLite has no code for a missing table: only a look at the schema tells."""
        made = self.translate(error)
        if made.facts.get("sqlite_code") == SQLITE_ERROR:
            try:
                await self._check_schema(state.door)
            except SchemaOutdatedError as outdated:
                return outdated
        return made

    async def has_table(self, name: str, schema: str | None) -> bool:
        """Whether there is a table `name` in `schema`."""
        state = self.state()
        try:
            return await state.wait(_has_table, state.autocommit, name, schema)
        except Exception as error:
            raise self.translate(error) from error

    async def close(self) -> None:
        """Close every connection. A closed executor that is used again raises ConfigurationError."""
        self._closed = True
        await self._engines.close()


class _InTransaction:
    """Runs shapes on the connection of one transaction. See `agnodb.sql.executor.Executor`."""

    def __init__(self, outer: EngineExecutor, state: EngineState, connection: Connection) -> None:
        self._outer, self._state, self._connection = outer, state, connection

    async def execute(self, shape: Shape, parameters: Mapping[str, Any]) -> Sequence[Row]:
        try:
            return await self._state.wait(self._outer.run, self._connection, shape, parameters)
        except Exception as error:
            raise self._outer.translate(error) from error

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Executor]:
        yield self


def _begin(engine: Engine) -> Connection:
    connection = engine.connect()
    try:
        connection.begin()
    except BaseException:
        connection.close()
        raise
    return connection


def _roll_back(connection: Connection) -> None:
    try:
        connection.close()
    except Exception:  # the error that led here is the one to raise; this connection is of no more use
        connection.invalidate()
        connection.close()


def _commit(connection: Connection) -> None:
    with connection:  # closing rolls back what could not be committed
        connection.commit()


def _has_table(engine: Engine, name: str, schema: str | None) -> bool:
    with engine.connect() as connection:
        return inspect(connection).has_table(name, schema=schema)
