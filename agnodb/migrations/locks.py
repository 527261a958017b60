"""One migrator at a time per schema, in every process.

PostgreSQL: a session's advisory lock, polled outside any transaction. A blocking wait would hold a snapshot
that CREATE INDEX CONCURRENTLY of the one who has the lock waits for: a deadlock. The lock goes with its
connection, so a migrator that dies leaves none behind, and the same connection does the work.

SingleStore has no such lock: a row, locked in a transaction of a second connection, which is gone with that one.

MySQL: GET_LOCK, polled, and gone with its connection too. No statement of a revision is undone when a later one
fails: each makes only what is missing, and the revision is noted last.

SQLite: the file's write lock, taken by BEGIN IMMEDIATE; all revisions commit or roll back with it.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Integer, MetaData, Table, select, text
from sqlalchemy.dialects import mysql
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.schema import CreateSchema, CreateTable

from agnodb.config import Layout
from agnodb.errors import UnavailableError
from agnodb.mysql_drivers import is_singlestore
from agnodb.sql.failures import errno_of

WAIT_SECONDS = 120.0
"""How long to wait for another migrator before UnavailableError."""

_HAS_DATABASE = text("SELECT 1 FROM information_schema.schemata WHERE schema_name = :schema")
_POLL_SECONDS = (0.05, 0.15)
_SQLITE_BUSY, _SQLITE_LOCKED = 5, 6


@asynccontextmanager
async def migrating(
    engine: AsyncEngine, layout: Layout, *, wait: float = WAIT_SECONDS
) -> AsyncIterator[AsyncConnection]:
    """A connection that alone migrates the schema of `layout`, for as long as the block runs.

    PostgreSQL, MySQL: it is in no transaction. SQLite: it is in one, which commits at the end of the block, or rolls
    back if the block raises. Raises UnavailableError when another migrator is not done within `wait` seconds.
    """
    async with engine.connect() as connection:
        # Autocommit in SQLAlchemy's words: it begins nothing by itself.
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        name = engine.dialect.name
        if name == "sqlite":
            exclusive = _write_lock(connection, wait)
        elif is_singlestore(engine.dialect):
            exclusive = _row_lock(engine, connection, layout, wait)
        else:
            exclusive = _server_lock(connection, _LOCKS[name], layout, wait)
        async with exclusive:
            yield connection


@dataclass(frozen=True)
class _ServerLock:
    take: str
    patience: str
    release: str


_LOCKS = {
    # What a role's defaults allow is meant for queries. Revisions bound their waits for locks themselves.
    "postgresql": _ServerLock(
        "SELECT pg_try_advisory_lock(:key)",
        "SELECT set_config('statement_timeout', '0', false), set_config('lock_timeout', '0', false)",
        "SELECT pg_advisory_unlock(:key)",
    ),
    "mysql": _ServerLock(
        "SELECT GET_LOCK(CAST(:key AS CHAR), 0)",
        "SET SESSION lock_wait_timeout = 5",
        "SELECT RELEASE_LOCK(CAST(:key AS CHAR))",
    ),
}


@asynccontextmanager
async def _server_lock(
    connection: AsyncConnection, lock: _ServerLock, layout: Layout, wait: float
) -> AsyncIterator[None]:
    bound = {"key": _lock_key(layout)}
    try:
        deadline = time.monotonic() + wait
        while not await connection.scalar(text(lock.take), bound):
            await _pause(connection, deadline)
        await connection.execute(text(lock.patience))
        await connection.rollback()
        await connection.execution_options(isolation_level="READ COMMITTED")
        yield
        await connection.rollback()
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(text(lock.release), bound)
        await connection.rollback()
    finally:
        # Never back to the pool: after an error, or a cancelled call, it would take the lock along.
        with suppress(Exception):
            await connection.invalidate()


@asynccontextmanager
async def _row_lock(
    engine: AsyncEngine, connection: AsyncConnection, layout: Layout, wait: float
) -> AsyncIterator[None]:
    """The lock of a row in a table that has one row, whose transaction stays open: DDL commits that of its own."""
    table = Table(
        "agnodb_migrating", MetaData(schema=layout.schema), Column("id", Integer, primary_key=True, autoincrement=False)
    )
    if layout.schema is not None and not await connection.scalar(_HAS_DATABASE, {"schema": layout.schema}):
        await connection.execute(CreateSchema(layout.schema, if_not_exists=True))
    await connection.execute(CreateTable(table, if_not_exists=True))
    await connection.execute(mysql.insert(table).values(id=1).prefix_with("IGNORE"))
    await connection.rollback()
    deadline = time.monotonic() + wait
    async with engine.connect() as holder:
        while True:
            try:
                await holder.execute(select(table.c.id).with_for_update())
                break
            except OperationalError as error:
                await holder.rollback()
                if not lock_timed_out(error):
                    raise
            await _pause(holder, deadline)
        yield
        await holder.rollback()


@asynccontextmanager
async def _write_lock(connection: AsyncConnection, wait: float) -> AsyncIterator[None]:
    deadline = time.monotonic() + wait
    while True:
        try:
            await connection.exec_driver_sql("BEGIN IMMEDIATE")
            break
        except OperationalError as error:
            if not is_busy(error):
                raise
        await connection.rollback()
        await _pause(connection, deadline)
    try:
        yield
        await connection.exec_driver_sql("COMMIT")
    except BaseException:
        # Nothing to roll back when COMMIT did, or when a cancelled call has closed the connection.
        with suppress(SQLAlchemyError):
            await connection.exec_driver_sql("ROLLBACK")
        raise


def is_busy(error: OperationalError) -> bool:
    """Whether SQLite refused because another connection has the lock."""
    code = getattr(error.orig, "sqlite_errorcode", 0)
    return code & 0xFF in (_SQLITE_BUSY, _SQLITE_LOCKED)


async def _pause(connection: AsyncConnection, deadline: float) -> None:
    if time.monotonic() > deadline:
        raise UnavailableError("Another process is upgrading the database schema. Try again later.")
    await sleep(connection, random.uniform(*_POLL_SECONDS))


async def sleep(connection: AsyncConnection, seconds: float) -> None:
    """Wait for `seconds` in the connection's own way: a blocking one blocks."""
    await getattr(connection, "sleep", asyncio.sleep)(seconds)


def _lock_key(layout: Layout) -> int:
    digest = hashlib.sha256(f"agnodb:migrations:{layout.schema or ''}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def lock_timed_out(error: BaseException) -> bool:
    """Whether the server gave up waiting for a table that others use."""
    cause: Any = getattr(error, "orig", None)
    return getattr(cause, "sqlstate", None) == "55P03" or errno_of(cause) == 1205
