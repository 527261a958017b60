"""Transactions: shapes on one connection, stored together or not at all, and savepoints in them.

A failed statement ends its block, on every database alike: PostgreSQL would refuse what follows, and answer COMMIT
with a rollback and no error, while SQLite would store the rest. What may fail has a savepoint of its own.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from sqlalchemy import Connection, NestedTransaction, exc
from sqlalchemy.orm import Session, SessionTransaction

from agnodb.errors import AgnoDbError, ConfigurationError, StorageError, UnavailableError
from agnodb.executors.retries import Attempts
from agnodb.executors.states import EngineState
from agnodb.sql.executor import Executor, Row, Shape, Unit

if TYPE_CHECKING:
    from agnodb.executors.engine import EngineExecutor

T = TypeVar("T")
Holder = Connection | Session
"""What has the transaction: its connection, or the application's session."""

OVER = "This transaction is over."
_ENDED = "The session's own transaction was ended, or has failed, inside the block."
FAILED = (
    "A statement of this transaction has failed, so nothing of it is stored. What may fail needs a savepoint:"
    " `async with tx.savepoint() as part`."
)
_BESIDE = "A savepoint of this transaction is open: until its block ends, use what it gives."


class On(Protocol):
    """Runs `work(holder, *args)` where the driver can wait. Raises what the driver raises."""

    async def __call__(self, work: Callable[..., T], *args: Any) -> T: ...


class Scope:
    """Runs shapes inside a transaction. See `agnodb.sql.executor.Unit`."""

    final = False

    def __init__(self, outer: EngineExecutor, state: EngineState, on: On) -> None:
        self._outer, self._state, self._on = outer, state, on
        self._over = self._beside = False
        self._doom: AgnoDbError | None = None
        self._one_at_a_time = state.lock()

    async def execute(self, shape: Shape, parameters: Mapping[str, Any]) -> Sequence[Row]:
        self._not_beside()
        async with self._one_at_a_time:
            return await self._or_doom(self._run, shape, parameters)

    def _run(self, holder: Holder, shape: Shape, parameters: Mapping[str, Any]) -> Sequence[Row]:
        return self._outer.run(connection_of(holder), shape, parameters)

    async def _or_doom(self, work: Callable[..., T], *args: Any) -> T:
        """What `work(holder, *args)` returns. When it fails, so does this block."""
        if self._over:
            raise ConfigurationError(OVER)
        if self._doom is not None:
            raise self._doom
        try:
            return await self._on(self._in_time, work, *args)
        except BaseException as error:
            failure = self.translated(error) if isinstance(error, Exception) else None
            lost = failure is None or isinstance(failure, UnavailableError)
            # Not the error itself: its traceback would keep alive whatever it has seen.
            self._doom = (UnavailableError if lost else StorageError)(FAILED, detail=f"{type(error).__name__}: {error}")
            if failure is None or failure is error:
                raise
            raise failure from error

    def _in_time(self, holder: Holder, work: Callable[..., T], *args: Any) -> T:
        return work(holder, *args)

    def translated(self, error: Exception) -> AgnoDbError:
        """A driver's error as one of ours."""
        if isinstance(error, exc.PendingRollbackError):  # SQLAlchemy's way to say that the connection is gone
            return UnavailableError(detail=str(error))
        return self._outer.translate(error)

    def _not_beside(self) -> None:
        if self._beside:
            raise ConfigurationError(_BESIDE)

    @contextlib.asynccontextmanager
    async def savepoint(self) -> AsyncIterator[Unit]:
        self._not_beside()
        self._beside = True
        try:
            async with self.transaction() as part:
                yield part
        finally:
            self._beside = False

    nested = savepoint

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Unit]:
        async with self._one_at_a_time:
            part = Savepoint(self._outer, self._state, self._on)
            async with part.opened(self._or_doom):
                yield part

    async def repeatable(self, work: Callable[[Executor], Awaitable[T]]) -> T:
        async with self.transaction() as part:
            return await work(part)


class Transaction(Scope):
    """A transaction of our own, on a connection from the pool.

    It begins with its first statement: until that one has succeeded nothing has happened, and it can be run again on
    another connection, whatever it is. So a transaction does not fail because a connection had died in the pool.
    """

    def __init__(self, outer: EngineExecutor, state: EngineState) -> None:
        super().__init__(outer, state, self._on_connection)
        self._connection: Connection | None = None
        self._begun = False

    async def _on_connection(self, work: Callable[..., T], *args: Any) -> T:
        if self._begun:
            return await self._state.wait(self._later, work, args)

        async def once(attempts: Attempts) -> T:
            try:
                return await self._state.wait(self._first, work, args, attempts)
            except Exception as error:
                raise self.translated(error) from error

        return await self._outer.persist(once, idempotent=True)

    def _first(self, work: Callable[..., T], args: Sequence[Any], attempts: Attempts) -> T:
        self._close()  # what an attempt before this one has left
        connection = self._state.engine.connect()
        if self._over:  # meanwhile: what ran beside this has failed
            connection.close()
            raise ConfigurationError(OVER)
        self._connection = connection
        made: T = attempts.on(connection, _begun_with, work, *args)
        self._begun = True
        return made

    def _later(self, work: Callable[..., T], args: Sequence[Any]) -> T:
        if self._connection is None:
            raise ConfigurationError(OVER)
        return work(self._connection, *args)

    async def end(self, work: Callable[[], None]) -> None:
        """`work`, when the statement that still runs beside the block is done: it belongs to it."""
        self._over = True
        lock = self._one_at_a_time
        try:
            await lock.__aenter__()
        except BaseException:  # cancelled: that statement is not waited for, and nothing is stored
            await self._state.finish(self._throw_away)
            raise
        try:
            await self._state.finish(work)
        finally:
            await lock.__aexit__(None, None, None)

    def _throw_away(self) -> None:
        if self._connection is not None:
            self._connection.invalidate()
        self._close()

    def commit(self) -> None:
        """Store what was done."""
        self._over = True
        if self._doom is not None:
            self._close()
            raise self._doom
        if not self._begun or self._connection is None:
            return self._close()
        with self._connection as connection:
            try:
                connection.commit()
            except BaseException:
                # It counts as ended, so nothing would roll it back before the next user of the connection.
                connection.invalidate()
                raise

    def roll_back(self) -> None:
        """Undo what was done. Raises nothing."""
        self._over = True
        self._close()

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            connection.close()
        except Exception:  # the error that led here is the one to raise; this connection is of no more use
            connection.invalidate()
            connection.close()


class Savepoint(Scope):
    """A part of a transaction that fails by itself."""

    _nested: NestedTransaction | SessionTransaction
    _connection: Connection

    @contextlib.asynccontextmanager
    async def opened(self, begin: On) -> AsyncIterator[Unit]:
        """Keep what the block does, or undo it when it raises; what it raises passes through unchanged."""
        await begin(self._begin)
        try:
            yield self
            self._still_there()
            if self._doom is not None:
                raise self._doom
        except BaseException:
            with contextlib.suppress(Exception):  # the error that led here is the one to raise
                await self._end(self._undo)
            raise
        try:
            await self._end(self._keep)
        except Exception as error:
            raise self.translated(error) from error

    def _begin(self, holder: Holder) -> None:
        self._nested = holder.begin_nested()
        self._connection = connection_of(holder)  # a session makes the savepoint when its connection is first used

    def _in_time(self, holder: Holder, work: Callable[..., T], *args: Any) -> T:
        self._still_there()
        return super()._in_time(holder, work, *args)

    def _still_there(self) -> None:
        if not self._nested.is_active:
            raise ConfigurationError(_ENDED)

    async def _end(self, work: Callable[[Holder], None]) -> None:
        self._over = True
        try:
            async with self._one_at_a_time:  # what still runs beside this belongs to it
                await self._on(work)
        except BaseException:
            # Whoever goes on with this connection would store half of the block, or the rest without it.
            await self._state.finish(self._connection.invalidate)
            raise

    def _keep(self, _holder: Holder) -> None:
        self._nested.commit()

    def _undo(self, _holder: Holder) -> None:
        # A session's transaction is deactivated by a flush that failed, and has no session when it is over.
        open_still = self._nested.is_active or getattr(self._nested, "session", None) is not None
        if open_still and not self._connection.invalidated:
            self._nested.rollback()


def connection_of(holder: Holder) -> Connection:
    """The connection on which statements are part of the holder's transaction, which begins if it has not."""
    return holder if isinstance(holder, Connection) else holder.connection()


def _begun_with(connection: Connection, work: Callable[..., T], *args: Any) -> T:
    connection.begin()
    return work(connection, *args)
