"""The executor over a SQLAlchemy engine, the same for asyncio and for blocking drivers."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Executable, exc, inspect

from agnodb.errors import AgnoDbError, ConfigurationError, SchemaOutdatedError
from agnodb.executors.joining import joined
from agnodb.executors.persisting import Persisting
from agnodb.executors.retries import BUSY_SECONDS, RETRY_SECONDS, Attempts
from agnodb.executors.states import Engines, EngineState, in_autocommit
from agnodb.executors.transactions import Transaction
from agnodb.sql.executor import Answer, Executor, Row, Shape, Statement, Steps, Unit
from agnodb.sql.failures import SQLITE_ERROR, translate

T = TypeVar("T")
EnsureSchema = Callable[[Any], Awaitable[None]]


class EngineExecutor(Persisting):
    """Runs each shape on a pooled connection, in autocommit: one round trip.

    See `agnodb.sql.executor.Executor`.

    The first call makes sure, once, that the schema is there (`ensure_schema`); until it is, every call raises what
    `ensure_schema` raises. `check_schema` is asked when a statement fails for a reason that a missing table can
    have and that its error code does not tell. `upgrade` is the command that mends an outdated schema. What may be
    made again (see `agnodb.executors.retries`) is, until `retry_timeout` seconds after the beginning of the call, and
    for `busy_timeout` seconds while SQLite has another writer.
    """

    final = True

    def __init__(
        self,
        engines: Engines,
        *,
        ensure_schema: EnsureSchema,
        check_schema: EnsureSchema,
        upgrade: str,
        retry_timeout: float = RETRY_SECONDS,
        busy_timeout: float = BUSY_SECONDS,
    ) -> None:
        self._engines = engines
        self._ensure_schema, self._check_schema = ensure_schema, check_schema
        Persisting.__init__(self, retry_timeout, busy_timeout)
        self._upgrade = upgrade
        self._ready = self._closed = False
        self.shapes = 0
        """The number of shapes run so far."""
        self.statements = 0
        """The number of statements run so far; one that is run again counts again."""

    @property
    def engines(self) -> Engines:
        """The engines that it stands on, for another executor beside it."""
        return self._engines

    def state(self) -> EngineState:
        """The engine of this place. Raises ConfigurationError after `close`, WrongLoopError in a wrong loop."""
        if self._closed:
            raise ConfigurationError("This database object is closed.")
        return self._engines.current()

    async def ready(self) -> EngineState:
        """The engine of this place, with the schema there. Raises SchemaOutdatedError and the like."""
        return await self.persist(lambda _attempts: self._booted(), idempotent=True)

    async def _booted(self) -> EngineState:
        state = self.state()
        if not self._ready:
            async with state.boot:
                if not self._ready:
                    try:
                        await state.there(lambda: self._ensure_schema(state.door))
                    except Exception as error:
                        raise self.translate(error) from error
                    self._ready = True
        return state

    # -- statements -------------------------------------------------------------------------------------------

    def execute(self, shape: Shape, parameters: Mapping[str, Any]) -> Coroutine[Any, Any, Sequence[Row]]:
        return self.persist(self._execute, shape, parameters, idempotent=shape.idempotent, statement=shape.name)

    async def _execute(self, attempts: Attempts, shape: Shape, parameters: Mapping[str, Any]) -> Sequence[Row]:
        state = self.state() if self._ready else await self._booted()
        try:
            direct = state.on_driver
            if direct is not None and (compiled := direct.compiled(shape, state.engine)) is not None:
                self.shapes += 1
                if isinstance(compiled, Steps):
                    rows, statements = await direct.run_steps(state, compiled, parameters, attempts)
                    self.statements += statements
                    return rows
                self.statements += 1
                return await direct.run(state, compiled, parameters, attempts)
            # One wait for connect, execute and close: with asyncio, three cost a fifth more of the client's time.
            return await state.wait(self._run_alone, state.engine, shape, parameters, attempts)
        except Exception as error:
            raise await self.explained(error, state) from error

    def _run_alone(
        self, engine: Engine, shape: Shape, parameters: Mapping[str, Any], attempts: Attempts
    ) -> Sequence[Row]:
        if isinstance(shape.statement, Steps):
            with engine.connect() as connection:
                return attempts.in_transaction(connection, self.run, shape, parameters)
        with in_autocommit(engine) as connection:
            return attempts.on(connection, self.run, shape, parameters)

    def run(self, connection: Connection, shape: Shape, parameters: Mapping[str, Any]) -> Sequence[Row]:
        """The rows of `shape` on `connection`. Waits by itself, and raises what the driver raises."""

        self.shapes += 1

        def run(statement: Executable, given: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> Answer:
            self.statements += 1
            result = connection.execute(statement, given)
            return Answer(result.fetchall() if result.returns_rows else (), result.rowcount)

        def ask(*statements: Statement, last: bool = False) -> Sequence[Answer]:
            return [run(*statement) for statement in statements]

        try:
            if isinstance(shape.statement, Steps):
                return shape.statement.run(ask, parameters)
            return run(shape.statement, parameters).rows
        except Exception as error:
            if connection.invalidated and not isinstance(error, exc.SQLAlchemyError):
                raise exc.DisconnectionError(f"{type(error).__name__}: {error}") from error
            raise

    async def has_table(self, name: str, schema: str | None) -> bool:
        """Whether there is a table `name` in `schema`."""
        return await self.inspected(lambda connection: inspect(connection).has_table(name, schema=schema))

    async def inspected(self, read: Callable[[Connection], T], *, seconds: float | None = None) -> T:
        """What `read`, which changes nothing, finds on a connection; the schema need not be there. See `persist`."""

        async def once(attempts: Attempts) -> T:
            state = self.state()
            try:
                return await state.wait(_inspect, state.engine, read, attempts)
            except Exception as error:
                raise self.translate(error) from error

        return await self.persist(once, idempotent=True, seconds=seconds)

    async def at_door(self, work: Callable[[Any], Awaitable[T]], *, seconds: float | None = None) -> T:
        """What `work(door)` returns, which uses the engine as migrations do and may be done twice. See `persist`."""

        async def once(_attempts: Attempts) -> T:
            try:
                state = self.state()
                return await state.there(lambda: work(state.door))
            except Exception as error:
                raise self.translate(error) from error

        return await self.persist(once, idempotent=True, seconds=seconds)

    # -- transactions -----------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def transaction(self, session: Any = None) -> AsyncIterator[Unit]:
        """As the port has it; with a `session` of the application's, inside its transaction (see `joined`)."""
        if session is not None:
            async with joined(self, session) as unit:
                yield unit
            return
        state = await self.ready()
        transaction = Transaction(self, state)
        try:
            yield transaction
        except BaseException:
            # The application's own errors pass through its transaction unchanged.
            await transaction.end(transaction.roll_back)
            raise
        try:
            await transaction.end(transaction.commit)
        except AgnoDbError:
            raise
        except Exception as error:
            raise transaction.translated(error) from error

    async def repeatable(self, work: Callable[[Executor], Awaitable[T]]) -> T:
        async def once(attempts: Attempts) -> T:
            async with self.transaction() as executor:
                attempts.sent = attempts.lost = True  # whatever fails from here on, fails with the transaction
                return await work(executor)

        return await self.persist(once, idempotent=True)

    # -- errors -----------------------------------------------------------------------------------------------

    def translate(self, error: Exception) -> AgnoDbError:
        """A driver's error as one of ours."""
        return translate(error, self._upgrade)

    async def explained(self, error: Exception, state: EngineState) -> AgnoDbError:
        """As `translate`. SQLite has no code for a missing table: only a look at the schema tells."""
        made = self.translate(error)
        if made.facts.get("sqlite_code") == SQLITE_ERROR:
            try:
                await state.there(lambda: self._check_schema(state.door))
            except SchemaOutdatedError as outdated:
                return outdated
        return made

    async def close(self) -> None:
        """Close every connection. A closed executor that is used again raises ConfigurationError."""
        self._closed = True
        await self._engines.close()


def _inspect(engine: Engine, read: Callable[[Connection], T], attempts: Attempts) -> T:
    with in_autocommit(engine) as connection:
        return attempts.on(connection, read)
