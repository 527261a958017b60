"""SQLite."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, Unpack

from sqlalchemy import URL, Engine
from sqlalchemy.ext.asyncio import AsyncEngine

from agnodb.agno.base import served_by_agno
from agnodb.databases.arguments import (
    AccessTables,
    Caching,
    CommonTables,
    ComponentsTable,
    ComponentTables,
    Identity,
    LaterTables,
    McpOauthTables,
    Policing,
    Pooling,
    SchemaCreation,
    as_in_agno,
    connecting_of,
    rebuilt_arguments,
)
from agnodb.databases.core import Settings
from agnodb.databases.sql import SqlDatabase
from agnodb.databases.sync_sql import SyncSqlDatabase
from agnodb.errors import ConfigurationError
from agnodb.executors.engines import SharedMemory, blocking_sqlite_engine, prepare_sqlite, sqlite_engine
from agnodb.sql.dialects import SqliteDialect
from agnodb.urls import async_url


class _Tail(Identity, SchemaCreation, Pooling, Policing, Caching, total=False):
    pass


class AsyncSqliteArguments(CommonTables, ComponentsTable, LaterTables, AccessTables, _Tail, total=False):
    """The arguments of `AsyncSqliteDb` that do not say where its tables are."""


class SqliteArguments(CommonTables, ComponentTables, LaterTables, AccessTables, McpOauthTables, _Tail, total=False):
    """The arguments of `SqliteDb` that do not say where its tables are."""


@served_by_agno("agno.db.sqlite.AsyncSqliteDb")
class AsyncSqliteDb(SqlDatabase):
    """Sessions, runs, memories and the rest in a SQLite file, over aiosqlite.

    The place is, in this order: `db_engine` (an asynchronous SQLAlchemy engine of your own, which stays yours to
    dispose of), `db_url` (``sqlite:///file.db``), `db_file` (a path; missing folders are made), or ``agno.db`` in
    the current folder. A database in memory (``sqlite://``) is one for all threads and loops of this instance.
    Each table has an argument for its name, as in agno. There are at most `pool_size` connections for each event loop
    (15); a call waits `pool_timeout` seconds for one of them (30), and `lock_timeout` for another writer (30).
    `strict_owner`, `on_conflict`, `counters` and `on_write_failed` are the policies of `agnodb.policies.Policies`.

    Raises ConfigurationError for a URL that is none of SQLite. Nothing is opened before the first call.
    """

    @as_in_agno
    def __init__(
        self,
        db_file: str | None = None,
        db_engine: AsyncEngine | None = None,
        db_url: str | None = None,
        **given: Unpack[AsyncSqliteArguments],
    ) -> None:
        place = SqlitePlace.of(db_file, None if db_engine is None else db_engine.url, db_url)
        settings = place.settings("async_sqlite", {**given, "db_engine": db_engine, "db_url": db_url})
        if db_engine is not None:
            prepare_sqlite(db_engine.sync_engine)
        super().__init__(settings, lambda: sqlite_engine(settings.url, settings.connecting), db_engine)
        self.db_url, self.db_file, self._memory = db_url, place.file, place.memory

    async def close(self) -> None:
        await super().close()
        if self._memory is not None:
            self._memory.close()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The database of a `to_dict()`. One in memory comes back empty."""
        return cls(**_rebuilt(data))


@served_by_agno("agno.db.sqlite.SqliteDb")
class SqliteDb(SyncSqlDatabase):
    """As `AsyncSqliteDb`, for code without an event loop: every call blocks. Over the standard library's sqlite3."""

    @as_in_agno
    def __init__(
        self,
        db_file: str | None = None,
        db_engine: Engine | None = None,
        db_url: str | None = None,
        **given: Unpack[SqliteArguments],
    ) -> None:
        place = SqlitePlace.of(db_file, None if db_engine is None else db_engine.url, db_url)
        settings = place.settings("sqlite", {**given, "db_engine": db_engine, "db_url": db_url})
        if db_engine is not None:
            prepare_sqlite(db_engine)
        super().__init__(settings, lambda: blocking_sqlite_engine(settings.url, settings.connecting), db_engine)
        self.db_url, self.db_file, self._memory = db_url, place.file, place.memory

    def close(self) -> None:
        super().close()
        if self._memory is not None:
            self._memory.close()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """See `AsyncSqliteDb.from_dict`."""
        return cls(**_rebuilt(data))


# agno's MigrationManager tells databases apart by this name, and would run its own DDL on our tables.
AsyncSqliteDb.__name__, SqliteDb.__name__ = "AgnodbAsyncSqliteDb", "AgnodbSqliteDb"


def _rebuilt(data: Mapping[str, Any]) -> dict[str, Any]:
    return {**rebuilt_arguments(data), "db_url": data.get("db_url"), "db_file": data.get("db_file")}


@dataclass(frozen=True)
class SqlitePlace:
    """Where a SQLite database is: a file, or the memory of this process."""

    url: URL
    file: str | None
    memory: SharedMemory | None = None

    @classmethod
    def of(cls, file: str | None, engine_url: URL | None, url: str | None) -> Self:
        """The place that a constructor's arguments name; missing folders are made. Raises ConfigurationError."""
        if engine_url is not None:
            return cls(_sqlite_url(engine_url), file)
        if url is None:
            file = str(Path(file or "agno.db").resolve())
            place = URL.create("sqlite+aiosqlite", database=file)
        else:
            place = _sqlite_url(url)
        if place.database in (None, "", ":memory:"):
            memory = SharedMemory(f"agnodb-{uuid.uuid4().hex}")
            return cls(memory.url, file, memory)
        if not str(place.database).startswith("file:"):
            try:
                Path(str(place.database)).resolve().parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise ConfigurationError("The folder of the database file cannot be made.", detail=str(error)) from None
        return cls(place, file)

    def settings(self, kind: str, arguments: Mapping[str, Any]) -> Settings:
        """The settings of a SQLite database's constructor `arguments`."""
        return Settings.of(
            kind=kind,
            url=self.url,
            dialect=SqliteDialect(),
            schema=None,
            arguments=arguments,
            connecting=connecting_of(arguments),
            place={"db_url": arguments["db_url"], "db_file": self.file},
        )


def _sqlite_url(url: str | URL) -> URL:
    parsed = url if isinstance(url, URL) else async_url(url)  # an engine has the driver it was made with
    if parsed.get_backend_name() != "sqlite":
        raise ConfigurationError("A SQLite URL is needed, like sqlite:///agno.db")
    return parsed
