"""PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Self

from sqlalchemy import URL, Engine
from sqlalchemy.ext.asyncio import AsyncEngine

from agnodb.config import DEFAULT_SCHEMA
from agnodb.databases.arguments import other_tables, rebuilt_url, table_arguments
from agnodb.databases.core import Settings
from agnodb.databases.sql import SqlDatabase
from agnodb.databases.sync_sql import SyncSqlDatabase
from agnodb.errors import ConfigurationError
from agnodb.executors.engines import blocking_postgres_engine, postgres_engine
from agnodb.sql.dialects import PostgresDialect
from agnodb.urls import EXAMPLES, async_url, require_driver


class AsyncPostgresDb(SqlDatabase):
    """Sessions, runs, memories and the rest in PostgreSQL, over asyncpg.

    `db_url` is an ordinary ``postgresql://user:password@host:5432/database``. `db_engine`, an asynchronous
    SQLAlchemy engine of your own, is used instead when given; it stays yours to dispose of. Tables live in
    `db_schema` ("ai" by default) under agno's default names, each of which has an argument here as in agno.
    `create_schema=False` never makes tables: migrate with `agnodb upgrade` or `alembic upgrade head`.

    Raises ConfigurationError for a URL that is none of PostgreSQL, MissingDriverError without asyncpg. Nothing
    connects before the first call.
    """

    def __init__(
        self,
        id: str | None = None,
        db_url: str | None = None,
        db_engine: AsyncEngine | None = None,
        db_schema: str | None = None,
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
        job_table: str | None = None,
        approvals_table: str | None = None,
        auth_tokens_table: str | None = None,
        service_accounts_table: str | None = None,
        create_schema: bool = True,
        sandbox_table: str | None = None,
    ) -> None:
        settings = postgres_settings("async_postgres", locals(), db_url if db_engine is None else db_engine.url)
        if db_engine is None:
            require_driver(settings.url)
        super().__init__(settings, lambda: postgres_engine(settings.url), db_engine)
        self.db_url, self.db_schema = db_url, settings.layout.schema or DEFAULT_SCHEMA

    def to_dict(self) -> dict[str, Any]:
        return {**super().to_dict(), "db_schema": self.db_schema}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The database of a `to_dict()`. A password that is hidden in it is taken from `AGNODB_URL`.

        Raises ConfigurationError when there is a hidden password and no such variable for the same database.
        """
        return cls(**rebuilt_arguments(data))


class PostgresDb(SyncSqlDatabase):
    """As `AsyncPostgresDb`, for code without an event loop: every call blocks. Over psycopg 3."""

    def __init__(
        self,
        db_url: str | None = None,
        db_engine: Engine | None = None,
        db_schema: str | None = None,
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
        component_configs_table: str | None = None,
        component_links_table: str | None = None,
        learnings_table: str | None = None,
        schedules_table: str | None = None,
        products_table: str | None = None,
        sources_table: str | None = None,
        projects_table: str | None = None,
        tasks_table: str | None = None,
        schedule_runs_table: str | None = None,
        job_table: str | None = None,
        approvals_table: str | None = None,
        auth_tokens_table: str | None = None,
        service_accounts_table: str | None = None,
        mcp_oauth_clients_table: str | None = None,
        mcp_oauth_transactions_table: str | None = None,
        mcp_oauth_codes_table: str | None = None,
        mcp_oauth_refresh_tokens_table: str | None = None,
        mcp_oauth_keys_table: str | None = None,
        id: str | None = None,
        create_schema: bool = True,
        sandbox_table: str | None = None,
    ) -> None:
        settings = postgres_settings("postgres", locals(), db_url if db_engine is None else db_engine.url)
        if db_engine is None:
            require_driver(settings.url.set(drivername="postgresql+psycopg"))
        super().__init__(settings, lambda: blocking_postgres_engine(settings.url), db_engine)
        self.db_url, self.db_schema = db_url, settings.layout.schema or DEFAULT_SCHEMA

    def to_dict(self) -> dict[str, Any]:
        return {**super().to_dict(), "db_schema": self.db_schema}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """See `AsyncPostgresDb.from_dict`."""
        return cls(**rebuilt_arguments(data))


# agno's MigrationManager tells databases apart by this name, and would run its own DDL on our tables.
AsyncPostgresDb.__name__, PostgresDb.__name__ = "AgnodbAsyncPostgresDb", "AgnodbPostgresDb"


def rebuilt_arguments(data: Mapping[str, Any]) -> dict[str, Any]:
    """The constructor arguments of a `to_dict()`; a hidden password is taken from `AGNODB_URL`."""
    url = rebuilt_url(data.get("db_url"), os.environ.get("AGNODB_URL"))
    return {"id": data.get("id"), "db_url": url, "db_schema": data.get("db_schema"), **table_arguments(data)}


def postgres_settings(kind: str, arguments: Mapping[str, Any], url: str | URL | None) -> Settings:
    """The settings of a PostgreSQL database's constructor `arguments`. Raises ConfigurationError."""
    if url is None:
        raise ConfigurationError(f"PostgreSQL needs a db_url or a db_engine. A URL looks like {EXAMPLES}")
    parsed = url if isinstance(url, URL) else async_url(url)  # an engine has the driver it was made with
    if parsed.get_backend_name() != "postgresql":
        raise ConfigurationError(f"A PostgreSQL URL is needed, like {EXAMPLES.split(' ')[0]}")
    return Settings.of(
        kind=kind,
        url=parsed,
        dialect=PostgresDialect(),
        schema=DEFAULT_SCHEMA if arguments["db_schema"] is None else arguments["db_schema"],
        id=arguments["id"],
        create_schema=arguments["create_schema"],
        tables=table_arguments(arguments),
        others=other_tables(arguments),
    )
