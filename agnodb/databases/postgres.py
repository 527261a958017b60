"""PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

from sqlalchemy import URL, Engine
from sqlalchemy.ext.asyncio import AsyncEngine

from agnodb.config import DEFAULT_SCHEMA
from agnodb.databases.arguments import (
    connecting_arguments,
    connecting_of,
    other_tables,
    policy_arguments,
    rebuilt_url,
    table_arguments,
)
from agnodb.databases.core import Settings
from agnodb.databases.sql import SqlDatabase
from agnodb.databases.sync_sql import SyncSqlDatabase
from agnodb.drivers import Connecting, Pooler, connect_arguments
from agnodb.errors import ConfigurationError
from agnodb.executors.engines import blocking_direct_engine, blocking_postgres_engine, direct_engine, postgres_engine
from agnodb.policies import OnConflict, OnWriteFailed, Policies
from agnodb.sql.dialects import PostgresDialect
from agnodb.urls import EXAMPLES, async_url, direct_url, pooler_of, require_driver


class AsyncPostgresDb(SqlDatabase):
    """Sessions, runs, memories and the rest in PostgreSQL, over asyncpg or psycopg 3.

    `db_url` is an ordinary ``postgresql://user:password@host:5432/database``; ``postgresql+psycopg://`` takes psycopg.
    `db_engine`, an asynchronous SQLAlchemy engine of your own, is used instead when given; it stays yours to dispose
    of. Tables live in `db_schema` ("ai" by default) under agno's default names, each of which has an argument here
    as in agno. `create_schema=False` never makes tables: migrate with `agnodb upgrade` or `alembic upgrade head`.

    `pooler="transaction"` is for PgBouncer and its like, where each transaction may meet another server connection;
    it is the default where the URL says so (Neon's ``-pooler`` host, Supabase's port 6543, ``?pgbouncer=true``), and
    `pooler="none"` turns it off. Tables are then made and taken over through `migrations_url`, a way past the pooler
    that is known by itself for Neon and Supabase.

    There are at most `pool_size` connections for each event loop (15), and a call waits `pool_timeout` seconds for
    one of them (30), and `connect_timeout` for a new one (30). The server ends a statement after `statement_timeout`
    seconds, and its wait for a lock after `lock_timeout`; neither is limited by default. It knows the connections as
    `application_name` ("agnodb"). After `keepalives` seconds of silence (30; 0: never) the network is probed. All of
    this is said once per connection. What is given here goes before the same in `db_url`. A call that failed and may
    be made again is, until `retry_timeout` seconds after its beginning (10; 0: never).

    `strict_owner`, `on_conflict`, `counters` and `on_write_failed` are the policies of `agnodb.policies.Policies`.

    Raises ConfigurationError for a URL that is none of PostgreSQL and for arguments that cannot be, among them
    timeouts through such a pooler (which refuses them: set them for the role); MissingDriverError without the driver.
    Nothing connects before the first call.
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
        migrations_url: str | None = None,
        pooler: Pooler | None = None,
        pool_size: int | None = None,
        pool_timeout: float | None = None,
        connect_timeout: float | None = None,
        statement_timeout: float | None = None,
        lock_timeout: float | None = None,
        application_name: str | None = None,
        keepalives: float | None = None,
        retry_timeout: float | None = None,
        strict_owner: bool = False,
        on_conflict: OnConflict = "last_write_wins",
        counters: Sequence[str] | None = None,
        on_write_failed: OnWriteFailed | None = None,
    ) -> None:
        url = async_url(_needed(db_url)) if db_engine is None else db_engine.url
        settings = postgres_settings("async_postgres", locals(), url, direct_engine)
        super().__init__(settings, lambda: postgres_engine(settings.url, settings.connecting), db_engine)
        self.db_url, self.db_schema = db_url, settings.layout.schema or DEFAULT_SCHEMA

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
        migrations_url: str | None = None,
        pooler: Pooler | None = None,
        pool_size: int | None = None,
        pool_timeout: float | None = None,
        connect_timeout: float | None = None,
        statement_timeout: float | None = None,
        lock_timeout: float | None = None,
        application_name: str | None = None,
        keepalives: float | None = None,
        retry_timeout: float | None = None,
        strict_owner: bool = False,
        on_conflict: OnConflict = "last_write_wins",
        counters: Sequence[str] | None = None,
        on_write_failed: OnWriteFailed | None = None,
    ) -> None:
        url = _blocking(async_url(_needed(db_url))) if db_engine is None else db_engine.url
        settings = postgres_settings("postgres", locals(), url, blocking_direct_engine)
        super().__init__(settings, lambda: blocking_postgres_engine(settings.url, settings.connecting), db_engine)
        self.db_url, self.db_schema = db_url, settings.layout.schema or DEFAULT_SCHEMA

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """See `AsyncPostgresDb.from_dict`."""
        return cls(**rebuilt_arguments(data))


# agno's MigrationManager tells databases apart by this name, and would run its own DDL on our tables.
AsyncPostgresDb.__name__, PostgresDb.__name__ = "AgnodbAsyncPostgresDb", "AgnodbPostgresDb"


def rebuilt_arguments(data: Mapping[str, Any]) -> dict[str, Any]:
    """The constructor arguments of a `to_dict()`.

    Passwords that are hidden in it are taken from `AGNODB_URL` and `AGNODB_MIGRATIONS_URL`.
    """
    return {
        "id": data.get("id"),
        "db_url": rebuilt_url(data.get("db_url"), os.environ.get("AGNODB_URL")),
        "db_schema": data.get("db_schema"),
        "migrations_url": rebuilt_url(
            data.get("migrations_url"), os.environ.get("AGNODB_MIGRATIONS_URL"), "AGNODB_MIGRATIONS_URL"
        ),
        **table_arguments(data),
        **connecting_arguments(data),
        **policy_arguments(data),
    }


def postgres_settings(
    kind: str, arguments: Mapping[str, Any], url: URL, direct: Callable[[URL, Connecting], Any]
) -> Settings:
    """The settings of a PostgreSQL database's constructor `arguments`. Raises ConfigurationError.

    `direct` makes an engine that goes past a pooler.
    """
    if url.get_backend_name() != "postgresql":
        raise ConfigurationError(f"A PostgreSQL URL is needed, like {EXAMPLES.split(' ')[0]}")
    connecting = connecting_of(arguments)
    if arguments["db_engine"] is None:
        connect_arguments(url, connecting)  # what is wrong is told here, and not at the first call
        require_driver(url)
    schema = DEFAULT_SCHEMA if arguments["db_schema"] is None else arguments["db_schema"]
    way = _way_of_migrations(url, arguments["migrations_url"], connecting)
    return Settings.of(
        kind=kind,
        url=url,
        dialect=PostgresDialect(),
        schema=schema,
        id=arguments["id"],
        create_schema=arguments["create_schema"],
        tables=table_arguments(arguments),
        others=other_tables(arguments),
        connecting=connecting,
        policies=Policies(**policy_arguments(arguments)),
        place={"db_schema": schema or DEFAULT_SCHEMA},
        migrations_url=None if arguments["migrations_url"] is None else way,
        direct=None if way is None else lambda: direct(way, connecting),
    )


def _way_of_migrations(url: URL, given: str | None, connecting: Connecting) -> URL | None:
    if given is None:
        return direct_url(url) if connecting.pooled(url) else None
    way = async_url(given).set(drivername=url.drivername)
    if pooler_of(way) is not None and (past := direct_url(way)) is None:
        raise ConfigurationError("migrations_url goes through a pooler too. It must lead to the server itself.")
    return way if pooler_of(way) is None else past


def _needed(url: str | None) -> str:
    if url is None:
        raise ConfigurationError(f"PostgreSQL needs a db_url or a db_engine. A URL looks like {EXAMPLES}")
    return url


def _blocking(url: URL) -> URL:
    return url.set(drivername="postgresql+psycopg") if url.get_backend_name() == "postgresql" else url
