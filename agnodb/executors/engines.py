"""Engines for each database: what a connection is told when it opens, and nothing else."""

from __future__ import annotations

import sqlite3
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

BUSY_TIMEOUT_MS = 30_000
"""How long a SQLite statement waits for another writer, in milliseconds."""


def postgres_engine(url: URL) -> AsyncEngine:
    """An engine on asyncpg: 15 connections at most, opened when they are needed and kept.

    Connections beyond a pool's size are closed when they come back, and each new one prepares its statements again:
    at 16 callers a pool of 5 with 10 more gave half the calls a second of one of 15.
    """
    return create_async_engine(url, pool_size=15, max_overflow=0)


def sqlite_engine(url: URL) -> AsyncEngine:
    """An engine on aiosqlite, see `prepare_sqlite`."""
    engine = create_async_engine(url)
    prepare_sqlite(engine.sync_engine)
    return engine


def blocking_postgres_engine(url: URL) -> Engine:
    """As `postgres_engine`, on psycopg 3."""
    return create_engine(url.set(drivername="postgresql+psycopg"), pool_size=15, max_overflow=0)


def blocking_sqlite_engine(url: URL) -> Engine:
    """As `sqlite_engine`, on the sqlite3 of the standard library."""
    engine = create_engine(url.set(drivername="sqlite+pysqlite"))
    prepare_sqlite(engine)
    return engine


def prepare_sqlite(engine: Engine) -> None:
    """Foreign keys, WAL, a busy timeout, and transactions that take the write lock when they begin.

    A deferred transaction that reads first and writes later fails at once when another writer came in between
    (https://www.sqlite.org/lang_transaction.html): BEGIN IMMEDIATE waits instead.
    """
    if not event.contains(engine, "connect", _on_connect):
        event.listen(engine, "connect", _on_connect)
        event.listen(engine, "begin", _on_begin)


def _on_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver opens no transaction of its own
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA journal_mode = WAL")  # stays as it is where a database cannot have it (memory)
    cursor.close()


def _on_begin(connection: Connection) -> None:
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql("BEGIN IMMEDIATE")


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
