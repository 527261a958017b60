"""PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, Self, Unpack

from sqlalchemy import URL, Engine
from sqlalchemy.ext.asyncio import AsyncEngine

from agnodb.agno.base import served_by_agno
from agnodb.config import DEFAULT_SCHEMA
from agnodb.databases.arguments import (
    AccessTables,
    Caching,
    CommonTables,
    ComponentsTable,
    ComponentTables,
    Identity,
    JobTable,
    LaterTables,
    McpOauthTables,
    Policing,
    SandboxTable,
    SchemaCreation,
    ServerConnecting,
    as_in_agno,
    connecting_of,
    rebuilt_url,
)
from agnodb.databases.core import Settings
from agnodb.databases.servers import ServerDatabase, ServerKind, SyncServerDatabase, rebuilt_on_server
from agnodb.drivers import Connecting
from agnodb.errors import ConfigurationError
from agnodb.executors.engines import blocking_direct_engine, blocking_postgres_engine, direct_engine, postgres_engine
from agnodb.sql.dialects import PostgresDialect
from agnodb.urls import EXAMPLES, async_url, direct_url, pooler_of

_POSTGRESQL = ServerKind("PostgreSQL", EXAMPLES, ("postgresql",), "psycopg", PostgresDialect)


class _Tail(SchemaCreation, SandboxTable, ServerConnecting, Policing, Caching, total=False):
    pass


class AsyncPostgresArguments(CommonTables, ComponentsTable, LaterTables, JobTable, AccessTables, _Tail, total=False):
    """The arguments of `AsyncPostgresDb` that do not say where its tables are."""


class PostgresArguments(
    CommonTables, ComponentTables, LaterTables, JobTable, AccessTables, McpOauthTables, Identity, _Tail, total=False
):
    """The arguments of `PostgresDb` that do not say where its tables are."""


@served_by_agno("agno.db.postgres.AsyncPostgresDb")
class AsyncPostgresDb(ServerDatabase):
    """Sessions, runs, memories and the rest in PostgreSQL, over asyncpg or psycopg 3.

    `db_url` is an ordinary ``postgresql://user:password@host:5432/database``; ``postgresql+psycopg://`` takes psycopg.
    `db_engine`, an asynchronous SQLAlchemy engine of your own, is used instead when given; it stays yours to dispose
    of, and SQLAlchemy runs its statements, where without it asyncpg does. Tables live in `db_schema` ("ai" by default)
    under agno's default names, each of which has an argument here as in agno. `create_schema=False` never makes
    tables: migrate with `agnodb upgrade` or `alembic upgrade head`.

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

    @as_in_agno
    def __init__(
        self,
        id: str | None = None,
        db_url: str | None = None,
        db_engine: AsyncEngine | None = None,
        db_schema: str | None = None,
        **given: Unpack[AsyncPostgresArguments],
    ) -> None:
        url = _POSTGRESQL.url(db_url) if db_engine is None else db_engine.url
        arguments = {**given, "id": id, "db_engine": db_engine, "db_schema": db_schema}
        settings = postgres_settings("async_postgres", arguments, url, direct_engine)
        super().__init__(settings, postgres_engine, db_url, db_engine)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The database of a `to_dict()`. A password that is hidden in it is taken from `AGNODB_URL`.

        Raises ConfigurationError when there is a hidden password and no such variable for the same database.
        """
        return cls(**_rebuilt(data))


@served_by_agno("agno.db.postgres.PostgresDb")
class PostgresDb(SyncServerDatabase):
    """As `AsyncPostgresDb`, for code without an event loop: every call blocks. Over psycopg 3."""

    @as_in_agno
    def __init__(
        self,
        db_url: str | None = None,
        db_engine: Engine | None = None,
        db_schema: str | None = None,
        **given: Unpack[PostgresArguments],
    ) -> None:
        url = _POSTGRESQL.blocking_url(db_url) if db_engine is None else db_engine.url
        arguments = {**given, "db_engine": db_engine, "db_schema": db_schema}
        settings = postgres_settings("postgres", arguments, url, blocking_direct_engine)
        super().__init__(settings, blocking_postgres_engine, db_url, db_engine)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """See `AsyncPostgresDb.from_dict`."""
        return cls(**_rebuilt(data))


# agno's MigrationManager tells databases apart by this name, and would run its own DDL on our tables.
AsyncPostgresDb.__name__, PostgresDb.__name__ = "AgnodbAsyncPostgresDb", "AgnodbPostgresDb"


def _rebuilt(data: Mapping[str, Any]) -> dict[str, Any]:
    """The constructor arguments of a `to_dict()`.

    Passwords that are hidden in it are taken from `AGNODB_URL` and `AGNODB_MIGRATIONS_URL`.
    """
    return {
        **rebuilt_on_server(data),
        "migrations_url": rebuilt_url(
            data.get("migrations_url"), os.environ.get("AGNODB_MIGRATIONS_URL"), "AGNODB_MIGRATIONS_URL"
        ),
    }


def postgres_settings(
    kind: str, arguments: Mapping[str, Any], url: URL, direct: Callable[[URL, Connecting], Any]
) -> Settings:
    """The settings of a PostgreSQL database's constructor `arguments`. Raises ConfigurationError.

    `direct` makes an engine that goes past a pooler.
    """
    connecting = connecting_of(arguments)
    schema = DEFAULT_SCHEMA if arguments.get("db_schema") is None else arguments.get("db_schema")
    way = _way_of_migrations(url, arguments.get("migrations_url"), connecting)
    return _POSTGRESQL.settings(
        kind,
        arguments,
        url,
        schema=schema,
        migrations_url=None if arguments.get("migrations_url") is None else way,
        direct=None if way is None else lambda: direct(way, connecting),
    )


def _way_of_migrations(url: URL, given: str | None, connecting: Connecting) -> URL | None:
    if given is None:
        return direct_url(url) if connecting.pooled(url) else None
    way = async_url(given).set(drivername=url.drivername)
    if pooler_of(way) is not None and (past := direct_url(way)) is None:
        raise ConfigurationError("migrations_url goes through a pooler too. It must lead to the server itself.")
    return way if pooler_of(way) is None else past
