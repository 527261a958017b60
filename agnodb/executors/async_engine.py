"""The executor over SQLAlchemy's asyncio engine."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, inspect
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.util import greenlet_spawn

from agnodb.errors import AgnoDbError, ConfigurationError, SchemaOutdatedError
from agnodb.executors.loops import LoopEngines, LoopState
from agnodb.sql.executor import Executor, Row, Shape
from agnodb.sql.failures import SQLITE_ERROR, translate

EnsureSchema = Callable[[AsyncEngine], Awaitable[None]]


class AsyncEngineExecutor:
    """Runs each shape on a pooled connection of the running loop, in autocommit: one round trip.

    See `agnodb.sql.executor.Executor`.

    The first call makes sure, once, that the schema is there (`ensure_schema`); until it is, every call raises what
    `ensure_schema` raises. `check_schema` is asked when a statement fails for a reason that a missing table can
    have and that its error code does not tell. `upgrade` is
    the command that mends an outdated schema. An engine that is not `owned`
    stays open at `close`.
    """

    def __init__(
        self,
        make_engine: Callable[[], AsyncEngine],
        *,
        owned: bool = True,
        ensure_schema: EnsureSchema,
        check_schema: EnsureSchema,
        upgrade: str,
    ) -> None:
        self._engines = LoopEngines(make_engine, owned=owned)
        self._ensure_schema, self._check_schema = ensure_schema, check_schema
        self._upgrade = upgrade
        self._ready = self._closed = False
        self.statements = 0
        """The number of statements run so far."""

    @property
    def engine(self) -> AsyncEngine:
        """The engine of the running loop."""
        return self._state().engine

    def _state(self) -> LoopState:
        if self._closed:
            raise ConfigurationError("This database object is closed.")
        return self._engines.current()

    async def ready(self) -> LoopState:
        """The running loop's state, with the schema in place. Raises SchemaOutdatedError and the like."""
        state = self._state()
        if not self._ready:
            async with state.boot:
                if not self._ready:
                    try:
                        await self._ensure_schema(state.engine)
                    except Exception as error:
                        raise self.translate(error) from error
                    self._ready = True
        return state

    async def execute(self, shape: Shape, parameters: Mapping[str, Any]) -> Sequence[Row]:
        state = await self.ready()
        try:
            # One greenlet for connect, execute and close: three of them cost a fifth of the client's time.
            return await greenlet_spawn(self._run_alone, state.autocommit.sync_engine, shape, parameters)
        except Exception as error:
            raise await self._explained(error, state) from error

    def _run_alone(self, engine: Engine, shape: Shape, parameters: Mapping[str, Any]) -> Sequence[Row]:
        with engine.connect() as connection:
            return self.run(connection, shape, parameters)

    def run(self, connection: Connection, shape: Shape, parameters: Mapping[str, Any]) -> Sequence[Row]:
        """The rows of `shape` on `connection`, in a greenlet. Raises what the driver raises."""
        self.statements += 1
        result = connection.execute(shape.statement, parameters)
        return result.fetchall() if result.returns_rows else ()

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Executor]:
        state = await self.ready()
        context = state.engine.begin()
        try:
            connection = await context.__aenter__()
        except Exception as error:
            raise translate(error, self._upgrade) from error
        try:
            yield _InTransaction(self, connection)
        except BaseException as error:
            # Rolls back; the application's own errors pass through its transaction unchanged.
            await context.__aexit__(type(error), error, error.__traceback__)
            raise
        try:
            await context.__aexit__(None, None, None)
        except Exception as error:
            raise translate(error, self._upgrade) from error

    def translate(self, error: Exception) -> AgnoDbError:
        """A driver's error as one of ours."""
        return translate(error, self._upgrade)

    async def _explained(self, error: Exception, state: LoopState) -> AgnoDbError:
        """SQLite has no code for a missing table: only a look at the schema tells."""
        made = self.translate(error)
        if made.facts.get("sqlite_code") == SQLITE_ERROR:
            try:
                await self._check_schema(state.engine)
            except SchemaOutdatedError as outdated:
                return outdated
        return made

    async def has_table(self, name: str, schema: str | None) -> bool:
        """Whether there is a table `name` in `schema`."""
        state = self._state()
        try:
            async with state.autocommit.connect() as connection:
                return await connection.run_sync(lambda sync: inspect(sync).has_table(name, schema=schema))
        except Exception as error:
            raise self.translate(error) from error

    async def close(self) -> None:
        """Close every connection. A closed executor that is used again raises ConfigurationError."""
        self._closed = True
        await self._engines.close()


class _InTransaction:
    """Runs shapes on the connection of one transaction."""

    def __init__(self, outer: AsyncEngineExecutor, connection: AsyncConnection) -> None:
        self._outer, self._connection = outer, connection

    async def execute(self, shape: Shape, parameters: Mapping[str, Any]) -> Sequence[Row]:
        try:
            return await self._connection.run_sync(self._outer.run, shape, parameters)
        except Exception as error:
            raise self._outer.translate(error) from error

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Executor]:
        yield self
