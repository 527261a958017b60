"""SingleStore."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypedDict, Unpack

from sqlalchemy import URL, Engine
from sqlalchemy.ext.asyncio import AsyncEngine

from agnodb.agno.base import served_by_agno
from agnodb.databases.arguments import Caching, Policing, Pooling, SchemaCreation, as_in_agno
from agnodb.databases.servers import ServerDatabase, ServerKind, SyncServerDatabase, rebuilt_on_server
from agnodb.drivers import Connecting
from agnodb.errors import ConfigurationError
from agnodb.executors.engines import blocking_mysql_engine, mysql_engine
from agnodb.executors.on_driver import ON_DRIVER
from agnodb.mysql_drivers import for_singlestore
from agnodb.sql.dialects import SingleStoreDialect

_EXAMPLE = "singlestore://user:password@localhost:3306/agno"
_SINGLESTORE = ServerKind("SingleStore", _EXAMPLE, ("singlestore", "mysql", "mariadb"), "pymysql", SingleStoreDialect)


class _Tables(TypedDict, total=False):
    """In the order of agno's class."""

    session_table: str | None
    runs_table: str | None
    memory_table: str | None
    metrics_table: str | None
    eval_table: str | None
    knowledge_table: str | None
    versions_table: str | None
    traces_table: str | None
    spans_table: str | None


class _FurtherTables(TypedDict, total=False):
    learnings_table: str | None
    schedules_table: str | None
    schedule_runs_table: str | None
    approvals_table: str | None


class _Connecting(Pooling, total=False):
    connect_timeout: float | None
    application_name: str | None


class SingleStoreArguments(_Tables, SchemaCreation, _FurtherTables, _Connecting, Policing, Caching, total=False):
    """The arguments of `AsyncSingleStoreDb` and `SingleStoreDb` that do not say where their tables are."""


class AsyncSingleStoreDb(ServerDatabase):
    """Sessions, runs, memories and the rest in SingleStore 8.0 and later, over aiomysql.

    `db_url` is ``singlestore://user:password@host:3306/database``; one that begins with ``mysql://`` or
    ``singlestoredb://`` is read as such, with TLS as for `AsyncMySQLDb`. `db_engine`, an asynchronous SQLAlchemy
    engine of your own on MySQL's dialect, is used instead when given; it stays yours to dispose of, and is told that
    SingleStore is behind it. Tables live in the database `db_schema` ("ai" by default) under agno's default names,
    each of which has an argument here. `create_schema=False` never makes tables: migrate with `agnodb upgrade`.

    Each table is sharded by its key. What foreign keys do elsewhere, and unique keys that do not hold that key, agnodb
    does within the transaction of the write; whoever writes beside it is not held to them. There are no savepoints: a
    block within a transaction that fails undoes all of the transaction, and UnsupportedOperationError is raised.

    There are at most `pool_size` connections for each event loop (15), and a call waits `pool_timeout` seconds for
    one of them (30), and `connect_timeout` for a new one (30). The server ends a statement's wait for a row's lock
    after `lock_timeout`, in whole seconds. A call that failed and may be made again is, until `retry_timeout` seconds
    after its beginning (10; 0: never).

    `strict_owner`, `on_conflict`, `counters` and `on_write_failed` are the policies of `agnodb.policies.Policies`.

    Raises ConfigurationError for a URL that is none of these and for arguments that cannot be; MissingDriverError
    without the driver. Nothing connects before the first call.
    """

    @as_in_agno
    def __init__(
        self,
        id: str | None = None,
        db_engine: AsyncEngine | None = None,
        db_schema: str | None = None,
        db_url: str | None = None,
        **given: Unpack[SingleStoreArguments],
    ) -> None:
        url = _as_singlestore(_SINGLESTORE.url(db_url)) if db_engine is None else _told(db_engine)
        arguments = {**given, "id": id, "db_engine": db_engine, "db_schema": db_schema}
        super().__init__(_SINGLESTORE.settings("async_singlestore", arguments, url), _engine, db_url, db_engine)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The database of a `to_dict()`. A password that is hidden in it is taken from `AGNODB_URL`.

        Raises ConfigurationError when there is a hidden password and no such variable for the same database.
        """
        return cls(**rebuilt_on_server(data))


@served_by_agno("agno.db.singlestore.SingleStoreDb")
class SingleStoreDb(SyncServerDatabase):
    """As `AsyncSingleStoreDb`, for code without an event loop: every call blocks. Over PyMySQL."""

    @as_in_agno
    def __init__(
        self,
        id: str | None = None,
        db_engine: Engine | None = None,
        db_schema: str | None = None,
        db_url: str | None = None,
        **given: Unpack[SingleStoreArguments],
    ) -> None:
        url = _SINGLESTORE.blocking_url(db_url) if db_engine is None else _told(db_engine)
        arguments = {**given, "id": id, "db_engine": db_engine, "db_schema": db_schema}
        super().__init__(_SINGLESTORE.settings("singlestore", arguments, url), _blocking_engine, db_url, db_engine)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """See `AsyncSingleStoreDb.from_dict`."""
        return cls(**rebuilt_on_server(data))


# agno's MigrationManager tells databases apart by this name, and would run its own DDL on our tables.
AsyncSingleStoreDb.__name__, SingleStoreDb.__name__ = "AgnodbAsyncSingleStoreDb", "AgnodbSingleStoreDb"


def _as_singlestore(url: URL) -> URL:
    return url.set(drivername=f"singlestore+{url.get_driver_name()}")


def _told(engine: AsyncEngine | Engine) -> URL:
    if engine.dialect.name != "mysql":
        raise ConfigurationError("The db_engine of SingleStore is made with a mysql:// URL of SQLAlchemy.")
    for_singlestore(engine.dialect)
    return engine.url


def _engine(url: URL, how: Connecting) -> AsyncEngine:
    """Its statements are sent one by one: whether it takes several at once is not known."""
    engine = mysql_engine(url, how)
    engine.update_execution_options(**{ON_DRIVER: None})
    return engine


def _blocking_engine(url: URL, how: Connecting) -> Engine:
    engine = blocking_mysql_engine(url, how)
    engine.update_execution_options(**{ON_DRIVER: None})
    return engine
