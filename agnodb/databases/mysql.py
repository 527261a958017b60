"""MySQL and MariaDB."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, Unpack

from sqlalchemy import Engine
from sqlalchemy.ext.asyncio import AsyncEngine

from agnodb.agno.base import served_by_agno
from agnodb.databases.arguments import (
    Caching,
    CommonTables,
    LaterTables,
    Policing,
    Pooling,
    SchemaCreation,
    as_in_agno,
)
from agnodb.databases.servers import ServerDatabase, ServerKind, SyncServerDatabase, rebuilt_on_server
from agnodb.executors.engines import blocking_mysql_engine, mysql_engine
from agnodb.sql.dialects import MySQLDialect

_EXAMPLE = "mysql://user:password@localhost:3306/agno"
_MYSQL = ServerKind("MySQL", _EXAMPLE, ("mysql", "mariadb"), "pymysql", MySQLDialect)


class _Connecting(Pooling, total=False):
    connect_timeout: float | None
    statement_timeout: float | None
    application_name: str | None


class _FurtherTables(LaterTables, total=False):
    approvals_table: str | None


class MySQLArguments(CommonTables, SchemaCreation, _FurtherTables, _Connecting, Policing, Caching, total=False):
    """The arguments of `AsyncMySQLDb` and `MySQLDb` that do not say where their tables are."""


@served_by_agno("agno.db.mysql.AsyncMySQLDb")
class AsyncMySQLDb(ServerDatabase):
    """Sessions, runs, memories and the rest in MySQL 8.0 or MariaDB 10.6 and later, over aiomysql.

    `db_url` is an ordinary ``mysql://user:password@host:3306/database``, with TLS as the provider writes it
    (``?ssl-mode=REQUIRED``, ``?sslaccept=strict``, ``?ssl={"rejectUnauthorized":true}``). `db_engine`, an asynchronous
    SQLAlchemy engine of your own, is used instead when given; it stays yours to dispose of. Tables live in the
    database `db_schema` ("ai" by default, as in agno) under agno's default names, each of which has an argument here.
    `create_schema=False` never makes tables: migrate with `agnodb upgrade` or `alembic upgrade head`.

    There are at most `pool_size` connections for each event loop (15), and a call waits `pool_timeout` seconds for
    one of them (30), and `connect_timeout` for a new one (30). The server ends a statement after `statement_timeout`
    seconds (MySQL: a SELECT only), and its wait for a row's lock after `lock_timeout`, in whole seconds. A call that
    failed and may be made again is, until `retry_timeout` seconds after its beginning (10; 0: never).

    `strict_owner`, `on_conflict`, `counters` and `on_write_failed` are the policies of `agnodb.policies.Policies`.

    Raises ConfigurationError for a URL that is none of MySQL and for arguments that cannot be; MissingDriverError
    without the driver. Nothing connects before the first call.
    """

    @as_in_agno
    def __init__(
        self,
        id: str | None = None,
        db_url: str | None = None,
        db_engine: AsyncEngine | None = None,
        db_schema: str | None = None,
        **given: Unpack[MySQLArguments],
    ) -> None:
        url = _MYSQL.url(db_url) if db_engine is None else db_engine.url
        arguments = {**given, "id": id, "db_engine": db_engine, "db_schema": db_schema}
        super().__init__(_MYSQL.settings("async_mysql", arguments, url), mysql_engine, db_url, db_engine)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The database of a `to_dict()`. A password that is hidden in it is taken from `AGNODB_URL`.

        Raises ConfigurationError when there is a hidden password and no such variable for the same database.
        """
        return cls(**rebuilt_on_server(data))


@served_by_agno("agno.db.mysql.MySQLDb")
class MySQLDb(SyncServerDatabase):
    """As `AsyncMySQLDb`, for code without an event loop: every call blocks. Over PyMySQL."""

    @as_in_agno
    def __init__(
        self,
        id: str | None = None,
        db_engine: Engine | None = None,
        db_schema: str | None = None,
        db_url: str | None = None,
        **given: Unpack[MySQLArguments],
    ) -> None:
        url = _MYSQL.blocking_url(db_url) if db_engine is None else db_engine.url
        arguments = {**given, "id": id, "db_engine": db_engine, "db_schema": db_schema}
        super().__init__(_MYSQL.settings("mysql", arguments, url), blocking_mysql_engine, db_url, db_engine)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """See `AsyncMySQLDb.from_dict`."""
        return cls(**rebuilt_on_server(data))


# agno's MigrationManager tells databases apart by this name, and would run its own DDL on our tables.
AsyncMySQLDb.__name__, MySQLDb.__name__ = "AgnodbAsyncMySQLDb", "AgnodbMySQLDb"
