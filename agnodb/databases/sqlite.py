"""SQLite."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine

from agnodb.databases.arguments import other_tables, table_arguments
from agnodb.databases.sql import SqlDatabase
from agnodb.errors import ConfigurationError
from agnodb.executors.engines import SharedMemory, prepare_sqlite, sqlite_engine
from agnodb.sql.dialects import SqliteDialect
from agnodb.urls import async_url


class AsyncSqliteDb(SqlDatabase):
    """Sessions, runs, memories and the rest in a SQLite file, over aiosqlite.

    The place is, in this order: `db_engine` (an asynchronous SQLAlchemy engine of your own, which stays yours to
    dispose of), `db_url` (``sqlite:///file.db``), `db_file` (a path; missing folders are made), or ``agno.db`` in
    the current folder. A database in memory (``sqlite://``) is one for all threads and loops of this instance.
    Each table has an argument for its name, as in agno.

    Raises ConfigurationError for a URL that is none of SQLite. Nothing is opened before the first call.
    """

    _kind = "async_sqlite"

    def __init__(
        self,
        db_file: str | None = None,
        db_engine: AsyncEngine | None = None,
        db_url: str | None = None,
        session_table: str | None = None,
        runs_table: str | None = None,
        memory_table: str | None = None,
        metrics_table: str | None = None,
        eval_table: str | None = None,
        knowledge_table: str | None = None,
        traces_table: str | None = None,
        spans_table: str | None = None,
        versions_table: str | None = None,
        components_table: str | None = None,
        learnings_table: str | None = None,
        schedules_table: str | None = None,
        products_table: str | None = None,
        sources_table: str | None = None,
        projects_table: str | None = None,
        tasks_table: str | None = None,
        schedule_runs_table: str | None = None,
        approvals_table: str | None = None,
        auth_tokens_table: str | None = None,
        service_accounts_table: str | None = None,
        id: str | None = None,
        create_schema: bool = True,
    ) -> None:
        tables, others = table_arguments(locals()), other_tables(locals())
        self.db_url, self.db_file = db_url, db_file
        self._memory: SharedMemory | None = None
        if db_engine is not None:
            url = async_url(db_engine.url)
            prepare_sqlite(db_engine)
        elif db_url is not None:
            url = async_url(db_url)
        else:
            self.db_file = str(Path(db_file or "agno.db").resolve())
            url = URL.create("sqlite+aiosqlite", database=self.db_file)
        if url.get_backend_name() != "sqlite":
            raise ConfigurationError("AsyncSqliteDb needs a SQLite URL, like sqlite:///agno.db")
        if db_engine is None:
            url = self._opened(url)
        super().__init__(
            url=url,
            make_engine=lambda: sqlite_engine(url),
            db_engine=db_engine,
            dialect=SqliteDialect(),
            schema=None,
            id=id,
            tables=tables,
            other_tables=others,
            create_schema=create_schema,
        )

    def _opened(self, url: URL) -> URL:
        """The URL of the file, its folder made; a shared database for one in memory."""
        if url.database in (None, "", ":memory:"):
            self._memory = SharedMemory(f"agnodb-{uuid.uuid4().hex}")
            return self._memory.url
        if not url.database.startswith("file:"):
            Path(url.database).resolve().parent.mkdir(parents=True, exist_ok=True)
        return url

    async def close(self) -> None:
        await super().close()
        if self._memory is not None:
            self._memory.close()

    def to_dict(self) -> dict[str, Any]:
        return {**super().to_dict(), "db_url": self.db_url, "db_file": self.db_file}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The database of a `to_dict()`. One in memory comes back empty."""
        return cls(id=data.get("id"), db_url=data.get("db_url"), db_file=data.get("db_file"), **table_arguments(data))
