"""Where a vector store's connections come from, with a loop and without one: agno calls both kinds of methods."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import URL, Engine
from sqlalchemy.ext.asyncio import AsyncEngine

from agnodb.databases.sql import SqlDatabase
from agnodb.databases.sqlite import SqlitePlace
from agnodb.databases.sync_sql import SyncSqlDatabase
from agnodb.drivers import NOTHING_GIVEN, Connecting
from agnodb.errors import ConfigurationError
from agnodb.executors.blocking import BlockingEngines
from agnodb.executors.engines import (
    blocking_direct_engine,
    blocking_postgres_engine,
    blocking_sqlite_engine,
    direct_engine,
    postgres_engine,
    sqlite_engine,
)
from agnodb.executors.loops import LoopEngines
from agnodb.executors.states import Engines
from agnodb.urls import async_url, direct_url, require_driver

_SOURCES = "Give one of db, db_url and db_engine."
_NO_DB = "db is an AsyncPostgresDb or a PostgresDb of agnodb."


@dataclass(frozen=True)
class Way:
    """The engines of one way of waiting."""

    engines: Engines
    owned: bool
    """Whether they are to be closed with the store."""
    direct: Callable[[], AbstractAsyncContextManager[Any]] | None
    """A way past a pooler, where there is one."""


def ways_to(db: Any, db_url: str | None, db_engine: Any) -> tuple[URL, Way, Way]:
    """The database, the way to it with a loop, and the way without: what was given, and one of our own beside it.

    Raises ConfigurationError for what is not one PostgreSQL database.
    """
    if sum(given is not None for given in (db, db_url, db_engine)) != 1:
        raise ConfigurationError(_SOURCES)
    connecting, past = NOTHING_GIVEN, None
    given: tuple[Engines | None, Engines | None] = (None, None)
    if db is not None:
        if not isinstance(db, SqlDatabase | SyncSqlDatabase):
            raise ConfigurationError(_NO_DB)
        core: Any = getattr(db, "_core", db)
        url, connecting = core.settings.url, core.settings.connecting
        past = core.settings.migrations_url or (direct_url(url) if connecting.pooled(url) else None)
        engines = core._executor.engines
        given = (engines, None) if isinstance(db, SqlDatabase) else (None, engines)
    elif isinstance(db_engine, AsyncEngine):
        url, given = db_engine.url, (LoopEngines(lambda: db_engine, owned=False), None)
    elif isinstance(db_engine, Engine):
        url, given = db_engine.url, (None, BlockingEngines(lambda: db_engine, owned=False))
    else:
        url = async_url(str(db_url))
        require_driver(url)
    if url.get_backend_name() != "postgresql":
        raise ConfigurationError(_NO_DB if db is not None else "PgVector needs a PostgreSQL database.")
    return url, _with_a_loop(url, connecting, past, given[0]), _without_one(url, connecting, past, given[1])


def sqlite_ways_to(db: Any, db_file: str | None, db_url: str | None) -> tuple[URL, Way, Way]:
    """As `ways_to`, to one SQLite file. Raises ConfigurationError for what is none: a database in memory is only where
    `db` has it."""
    if sum(given is not None for given in (db, db_url, db_file)) != 1:
        raise ConfigurationError("Give one of db, db_file and db_url.")
    how = NOTHING_GIVEN
    given: tuple[Engines | None, Engines | None] = (None, None)
    if db is None:
        place = SqlitePlace.of(db_file, None, db_url)
        if place.memory is not None:
            raise ConfigurationError("Vectors in memory need a db that holds them: AsyncSqliteDb(db_url='sqlite://').")
        url = place.url
    else:
        core: Any = getattr(db, "_core", db)
        if not isinstance(db, SqlDatabase | SyncSqlDatabase) or core.settings.url.get_backend_name() != "sqlite":
            raise ConfigurationError("db is an AsyncSqliteDb or a SqliteDb of agnodb.")
        url, how = core.settings.url, core.settings.connecting
        engines = core._executor.engines
        given = (engines, None) if isinstance(db, SqlDatabase) else (None, engines)
    awaited = url.set(drivername="sqlite+aiosqlite")
    return (
        url,
        Way(given[0] or LoopEngines(lambda: sqlite_engine(awaited, how)), given[0] is None, None),
        Way(given[1] or BlockingEngines(lambda: blocking_sqlite_engine(url, how)), given[1] is None, None),
    )


def _with_a_loop(url: URL, how: Connecting, past: URL | None, given: Engines | None) -> Way:
    ours = url if given is not None else async_url(url.set(drivername="postgresql"))
    engines = given or LoopEngines(lambda: postgres_engine(ours, how))
    return Way(engines, given is None, None if past is None else lambda: direct_engine(past, how))


def _without_one(url: URL, how: Connecting, past: URL | None, given: Engines | None) -> Way:
    engines = given or BlockingEngines(lambda: blocking_postgres_engine(url, how))
    return Way(engines, given is None, None if past is None else lambda: blocking_direct_engine(past, how))
