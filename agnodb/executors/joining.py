"""A block inside the application's own transaction, on the connection of its SQLAlchemy session."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Dialect, exc
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession
from sqlalchemy.orm import Session

from agnodb.errors import AgnoDbError, ConfigurationError, WrongLoopError
from agnodb.executors.states import EngineState
from agnodb.executors.transactions import Holder, Savepoint, connection_of
from agnodb.sql.executor import Unit

if TYPE_CHECKING:
    from agnodb.executors.engine import EngineExecutor

_AWAITED = "This database is asynchronous: session= takes SQLAlchemy's AsyncSession or AsyncConnection."
_BLOCKING = "This database is synchronous: session= takes SQLAlchemy's Session or Connection."
_CLOSED = "The connection that was passed as session= is not open."
_OTHER_KIND = "The session belongs to another kind of database than this one."
_OTHER_LOOP = "The session belongs to another event loop."
_UNBOUND = "The session is bound to no engine of its own. Pass its connection: session=await session.connection()."
_UNUSABLE = "The session cannot be used as it is: it is closed, or its transaction has failed and must be rolled back."
_AUTOCOMMIT = "The session is in autocommit: it has no transaction that could be joined."
_LOOSE = (
    "The session's connection does not enforce foreign keys, on which agnodb relies. Run PRAGMA foreign_keys = ON on"
    " every connection of its engine, or take sessions from the engine of this database."
)
_NO_TRANSACTION, _FAILED_TRANSACTION = "25P01", "25P02"


@contextlib.asynccontextmanager
async def joined(outer: EngineExecutor, session: Any) -> AsyncIterator[Unit]:
    """A savepoint of the transaction of `session`. Nothing in it is run again.

    What the application has not flushed yet is flushed when the block begins, and when it ends: rows of either side
    may refer to those of the other. Raises ConfigurationError for a session that cannot be joined.
    """
    holder = _holder(session, outer.state())
    state = await outer.ready()
    on = functools.partial(_on, state, holder)

    async def begin(work: Any, *args: Any) -> Any:
        try:
            return await on(work, *args)
        except AgnoDbError:
            raise
        except Exception as error:
            raise _explained(outer, error) from error

    await begin(_check, state.engine.dialect)
    await on(_flush)  # the application's own statements raise what they raise
    async with Savepoint(outer, state, on).opened(begin) as unit:
        yield unit
        await on(_flush)


async def _on(state: EngineState, holder: Holder, work: Any, *args: Any) -> Any:
    return await state.wait(work, holder, *args)


def _holder(session: Any, state: EngineState) -> Holder:
    """What SQLAlchemy calls without awaiting. Raises ConfigurationError for anything else than the docstring says."""
    awaited = isinstance(state.door, AsyncEngine)
    if not isinstance(session, (AsyncSession, AsyncConnection) if awaited else (Session, Connection)):
        raise ConfigurationError(_AWAITED if awaited else _BLOCKING, detail=type(session).__name__)
    if isinstance(session, AsyncSession):
        return session.sync_session
    holder: Holder | None = session.sync_connection if isinstance(session, AsyncConnection) else session
    if holder is None or (isinstance(holder, Connection) and holder.closed):
        raise ConfigurationError(_CLOSED)
    return holder


def _check(holder: Holder, ours: Dialect) -> None:
    """Begin the holder's transaction, if it has not, and see that it is one in which we can be."""
    theirs = holder.dialect if isinstance(holder, Connection) else holder.get_bind().dialect
    if theirs.name != ours.name:
        raise ConfigurationError(_OTHER_KIND)
    connection = connection_of(holder)
    driver: Any = connection.connection.driver_connection
    loop = getattr(driver, "_loop", None)  # asyncpg; other drivers do not mind
    if loop is not None and loop is not asyncio.get_running_loop():
        raise WrongLoopError(_OTHER_LOOP)
    if theirs.driver in ("aiosqlite", "pysqlite"):
        _really_begin(connection, driver)


def _really_begin(connection: Connection, driver: Any) -> None:
    """Python's driver for SQLite begins with the first INSERT only: to release a savepoint before would commit."""
    if not driver.in_transaction:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    if not connection.exec_driver_sql("PRAGMA foreign_keys").scalar():
        raise ConfigurationError(_LOOSE)


def _flush(holder: Holder) -> None:
    if isinstance(holder, Session):
        holder.flush()


def _explained(outer: EngineExecutor, error: Exception) -> Exception:
    """Why a block could not begin."""
    if isinstance(error, exc.UnboundExecutionError):
        return ConfigurationError(_UNBOUND)
    if isinstance(error, exc.InvalidRequestError):
        return ConfigurationError(_UNUSABLE, detail=str(error))
    made = outer.translate(error)
    message = {_NO_TRANSACTION: _AUTOCOMMIT, _FAILED_TRANSACTION: _UNUSABLE}.get(made.facts.get("sqlstate", ""))
    return made if message is None else ConfigurationError(message, detail=made.detail)
