"""Engines for each database: how many connections, what each is told when it opens, and nothing else."""

from __future__ import annotations

import contextlib
import json
import socket
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, time
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from agnodb.drivers import NOTHING_GIVEN, POOL_SIZE, POOL_TIMEOUT, Connecting, connect_arguments, keepalive_seconds
from agnodb.errors import ConfigurationError
from agnodb.executors.blocking import BlockingEngine
from agnodb.executors.lending import AiomysqlPool, AsyncpgPool, LendingPool
from agnodb.executors.on_awaited import OnAiomysql, OnAiosqlite, OnAsyncpg
from agnodb.executors.on_blocking import OnPsycopg, OnPyMySQL, OnSqlite3
from agnodb.executors.on_driver import ON_DRIVER
from agnodb.forms import lower, text_of

MOMENT = 1.0
"""How long SQLite itself waits for another writer, in seconds, at most: what waits in there cannot be cancelled. The
executor tries again until `lock_timeout`."""


def _json_text(value: Any) -> str:
    """JSON for those who use an engine beside us, as agno's own engines write it: our statements have JSON as text."""
    return json.dumps(value, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, date | time):
        return value.isoformat()
    lowered = lower(value)
    return lowered if isinstance(lowered, dict | list | str | int | float) else text_of(lowered)


_MAPPED = 128 * 1024 * 1024
"""So many bytes of a file are read where the system has them, once for all connections: a long conversation is more
than SQLite's own cache holds (https://www.sqlite.org/mmap.html)."""

OLDEST_SQLITE = (3, 35)
"""Has RETURNING (https://www.sqlite.org/lang_returning.html)."""

_BEGIN_LATE = "agnodb_begin_late"

_WRITES = ("INSERT", "UPDATE", "DELETE", "REPLAC")

_COMMON: dict[str, Any] = {"hide_parameters": True, "json_serializer": _json_text}
"""SQLAlchemy's errors and its log have the statement, but no values."""


def postgres_engine(url: URL, how: Connecting = NOTHING_GIVEN) -> AsyncEngine:
    """An engine on the driver of `url`. Its connections are opened when they are needed, and kept."""
    address, arguments = connect_arguments(url, how)
    lending = {"poolclass": AsyncpgPool} if url.get_driver_name() == "asyncpg" else {}
    engine = create_async_engine(address, connect_args=arguments, **lending, **_pool(how))
    if url.get_driver_name() == "asyncpg":
        _keep_alive(engine.sync_engine, url, how)
        if how.pooled(url):
            event.listen(engine.sync_engine, "handle_error", _free_the_pooler)
        else:
            engine.update_execution_options(**{ON_DRIVER: OnAsyncpg(*_turns(how))})
    return engine


def blocking_postgres_engine(url: URL, how: Connecting = NOTHING_GIVEN) -> Engine:
    """As `postgres_engine`, on psycopg 3."""
    address, arguments = connect_arguments(url.set(drivername="postgresql+psycopg"), how)
    return create_engine(address, connect_args=arguments, execution_options={ON_DRIVER: OnPsycopg()}, **_pool(how))


@contextlib.asynccontextmanager
async def direct_engine(url: URL, how: Connecting) -> AsyncIterator[AsyncEngine]:
    """An engine for one migration, which has no limit of time: its connections close when they come back."""
    address, arguments = connect_arguments(url, _patient(how))
    engine = create_async_engine(address, connect_args=arguments, poolclass=NullPool, **_COMMON)
    try:
        yield engine
    finally:
        await engine.dispose()


@contextlib.asynccontextmanager
async def blocking_direct_engine(url: URL, how: Connecting) -> AsyncIterator[BlockingEngine]:
    """As `direct_engine`, on psycopg 3."""
    address, arguments = connect_arguments(url.set(drivername="postgresql+psycopg"), _patient(how))
    engine = create_engine(address, connect_args=arguments, poolclass=NullPool, **_COMMON)
    try:
        yield BlockingEngine(engine)
    finally:
        engine.dispose()


def sqlite_engine(url: URL, how: Connecting = NOTHING_GIVEN) -> AsyncEngine:
    """An engine on aiosqlite, see `prepare_sqlite`."""
    # Any thread may use a connection: only so can a child close, after a fork, what a thread of its parent opened.
    arguments = {"check_same_thread": False}
    engine = create_async_engine(url, connect_args=arguments, poolclass=LendingPool, **_pool(how))
    prepare_sqlite(engine.sync_engine, _moment(how))
    engine.update_execution_options(**{ON_DRIVER: OnAiosqlite(*_turns(how), _moment(how))})
    return engine


def blocking_sqlite_engine(url: URL, how: Connecting = NOTHING_GIVEN) -> Engine:
    """As `sqlite_engine`, on the sqlite3 of the standard library."""
    direct = {ON_DRIVER: OnSqlite3()}
    engine = create_engine(url.set(drivername="sqlite+pysqlite"), execution_options=direct, **_pool(how))
    prepare_sqlite(engine, _moment(how))
    return engine


def _moment(how: Connecting) -> float:
    return min(how.lock_timeout or MOMENT, MOMENT)


def mysql_engine(url: URL, how: Connecting = NOTHING_GIVEN) -> AsyncEngine:
    """An engine on aiomysql, see `agnodb.mysql_drivers`."""
    address, arguments = connect_arguments(url, how)

    def opened(*given: Any, **named: Any) -> Any:
        from agnodb.executors.aiomysql_reading import open_connection  # the driver may not be installed

        return open_connection(*given, **named)

    arguments["async_creator_fn"] = opened
    engine = create_async_engine(address, connect_args=arguments, poolclass=AiomysqlPool, **_pool(how))
    engine.update_execution_options(**{ON_DRIVER: OnAiomysql(*_turns(how))})
    return engine


def blocking_mysql_engine(url: URL, how: Connecting = NOTHING_GIVEN) -> Engine:
    """As `mysql_engine`, on PyMySQL."""
    address, arguments = connect_arguments(url.set(drivername=f"{url.get_backend_name()}+pymysql"), how)
    return create_engine(address, connect_args=arguments, execution_options={ON_DRIVER: OnPyMySQL()}, **_pool(how))


def _pool(how: Connecting) -> dict[str, Any]:
    size, patience = _turns(how)
    return {**_COMMON, "pool_size": size, "max_overflow": 0, "pool_timeout": patience}


def _turns(how: Connecting) -> tuple[int, float]:
    """How many connections there are, and how many seconds a call waits for one of them."""
    return how.pool_size or POOL_SIZE, how.pool_timeout or POOL_TIMEOUT


def _patient(how: Connecting) -> Connecting:
    return replace(how, pooler="none", statement_timeout=None, lock_timeout=None)


def _keep_alive(engine: Engine, url: URL, how: Connecting) -> None:
    """Have the network probed, as libpq does by itself, or a firewall's silent cut is found minutes later."""
    probes = keepalive_seconds(url, how)
    options = [getattr(socket, name, None) for name in ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT")]

    def on_connect(connection: Any, _record: Any) -> None:
        transport = getattr(connection.driver_connection, "_transport", None)  # asyncpg keeps its socket here
        found = transport.get_extra_info("socket") if transport is not None else None
        if found is None or probes is None or found.family not in (socket.AF_INET, socket.AF_INET6):
            return
        found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in zip(options, probes, strict=True):
            if option is not None:
                found.setsockopt(socket.IPPROTO_TCP, option, value)

    event.listen(engine, "connect", on_connect)


def _free_the_pooler(context: ExceptionContext) -> None:
    """Close a connection on which asyncpg has prepared a statement and refused to run it, for a value of a wrong type.

    The message that ends the exchange was not sent, so a pooler would keep a server connection for what comes next.
    Only the server's own errors have a severity.
    """
    if getattr(context.original_exception.__cause__, "severity", None) is None:
        context.is_disconnect = True
        context.invalidate_pool_on_disconnect = False


def prepare_sqlite(engine: Engine, busy_timeout: float | None = None) -> None:
    """Foreign keys, WAL, a mapped file, transactions that take the write lock when they begin, and a wait for it if
    one is given.

    A deferred transaction that reads first and writes later fails at once when another writer came in between
    (https://www.sqlite.org/lang_transaction.html): BEGIN IMMEDIATE waits instead.
    """

    def on_connect(connection: Any, _record: Any) -> None:
        if sqlite3.sqlite_version_info < OLDEST_SQLITE:
            raise ConfigurationError(f"SQLite 3.35 or later is needed; this Python has {sqlite3.sqlite_version}.")
        connection.isolation_level = None  # the driver opens no transaction of its own
        cursor = connection.cursor()
        if busy_timeout is not None:
            cursor.execute(f"PRAGMA busy_timeout = {int(busy_timeout * 1000)}")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA journal_mode = WAL")  # stays as it is where a database cannot have it (memory)
        cursor.execute(f"PRAGMA mmap_size = {_MAPPED}")
        cursor.close()

    if not event.contains(engine, "begin", _on_begin):
        event.listen(engine, "connect", on_connect)
        event.listen(engine, "begin", _on_begin)
        event.listen(engine, "invalidate", _on_invalidate)


def _on_begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get("isolation_level") != "AUTOCOMMIT" and not options.get(_BEGIN_LATE):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def beginning_late(engine: Any) -> Any:
    """`engine` for those who use it beside us, and begin as Python's own SQLite driver does: with their first write,
    or by a BEGIN of their own. Any other engine than SQLite's works as it does."""
    late = engine.execution_options(**{_BEGIN_LATE: True})
    if late.dialect.name == "sqlite":
        event.listen(getattr(late, "sync_engine", late), "before_cursor_execute", _before_execute)
    return late


def _before_execute(connection: Connection, cursor: Any, statement: str, *_further: Any) -> None:
    begins = statement.lstrip()[:6].upper() in _WRITES
    if begins and not connection.connection.driver_connection.in_transaction:  # type: ignore[union-attr]
        cursor.execute("BEGIN IMMEDIATE")


def _on_invalidate(connection: Any, _record: Any, _error: BaseException | None) -> None:
    """Give the write lock back. To close the connection is not enough while anything refers to one of its cursors, as
    the traceback of an interrupted call does. (aiosqlite's cursors are closed by then.)"""
    if isinstance(connection, sqlite3.Connection):
        connection.rollback()


class SharedMemory:
    """A SQLite database in memory that every connection of this process sees, in every thread and loop.

    SQLite's `memdb` file system keeps it for as long as one connection is open (https://www.sqlite.org/src/file/
    src/memdb.c), so one is kept here.
    """

    def __init__(self, name: str) -> None:
        uri = f"file:/{name}?vfs=memdb"
        self._keeper = sqlite3.connect(uri, uri=True, check_same_thread=False)
        self.url = URL.create("sqlite+aiosqlite", database=uri, query={"uri": "true"})

    def close(self) -> None:
        """Forget the database, once its other connections are closed."""
        self._keeper.close()
