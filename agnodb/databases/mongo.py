"""MongoDB."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Self, TypedDict, Unpack

from agnodb.agno.base import AsyncBaseDb, BaseDb, objects
from agnodb.config import Layout, TableNames, layout_from, upgrade_command
from agnodb.databases.arguments import (
    Caching,
    Policing,
    as_in_agno,
    cache_arguments,
    names_for_agno,
    policy_arguments,
    rebuilt_url,
)
from agnodb.databases.driving import drive, driven
from agnodb.databases.handles import Handle
from agnodb.databases.sync_methods import SyncMethods, SyncRepositories, SyncTransaction
from agnodb.databases.transactions import Store, Transaction
from agnodb.drivers import Connecting
from agnodb.errors import ConfigurationError, UnsupportedOperationError
from agnodb.executors.mongo import MongoExecutor
from agnodb.executors.mongo_clients import Clients, LoopClients, ProcessClients, motor_client, pymongo_client
from agnodb.executors.mongo_health import health
from agnodb.executors.retries import RETRY_SECONDS
from agnodb.executors.run_cache import run_cache
from agnodb.models.base import Tables, tables_for
from agnodb.mongo import schema, urls
from agnodb.mongo.collections import Collections
from agnodb.mongo.executor import Executor
from agnodb.mongo.repositories import MongoRepositories
from agnodb.mongo.urls import DEFAULT_NAME
from agnodb.policies import Policies
from agnodb.records.health import HealthRecord

_NAMESPACE = uuid.UUID("6f2d8f0e-55a1-5d0c-9a53-6a2f5f1c4a11")

# Whatever the URL leaves open. Before a write is answered it is in the journals of a majority of the servers, or of the
# only one; the driver does it again once.
_OPTIONS: Mapping[str, Any] = {
    "serverSelectionTimeoutMS": 2000,
    "retryWrites": True,
    "w": "majority",
    "journal": True,
    "tz_aware": True,
    "appname": "agnodb",
}


class _Collections(TypedDict, total=False):
    session_collection: str | None
    runs_collection: str | None
    memory_collection: str | None
    metrics_collection: str | None
    eval_collection: str | None
    knowledge_collection: str | None
    traces_collection: str | None
    spans_collection: str | None


class _AsyncTail(TypedDict, total=False):
    learnings_collection: str | None
    schedules_collection: str | None
    schedule_runs_collection: str | None
    id: str | None


class _Tail(TypedDict, total=False):
    schedules_collection: str | None
    schedule_runs_collection: str | None
    learnings_collection: str | None
    id: str | None


class _Further(Policing, Caching, total=False):
    """What agno's classes do not have."""

    approvals_collection: str | None
    versions_collection: str | None
    create_schema: bool
    retry_timeout: float | None


class AsyncMongoArguments(_Collections, _AsyncTail, _Further, total=False):
    """The arguments of `AsyncMongoDb` that do not say where the database is, in agno's order."""


class MongoArguments(_Collections, _Tail, _Further, total=False):
    """The arguments of `MongoDb` that do not say where the database is, in agno's order."""


@dataclass(frozen=True, kw_only=True)
class MongoSettings:
    """What a database's constructor was given, checked."""

    kind: str
    url: str | None
    db_name: str
    layout: Layout
    id: str
    create_schema: bool
    policies: Policies
    connecting: Connecting = field(default_factory=Connecting)
    caching: Mapping[str, float] = field(default_factory=dict)
    """`run_cache_mb`, if it is not the default."""

    @classmethod
    def of(cls, kind: str, client: Any, url: str | None, name: str | None, given: Mapping[str, Any]) -> MongoSettings:
        """The settings of constructor arguments. Raises ConfigurationError."""
        if client is None and url is None:
            raise ConfigurationError("One of db_url and db_client is needed.")
        place = "" if url is None else urls.hosts(urls.checked(url))
        tables = {argument: given.get(_collection(argument)) for argument in TableNames.arguments()}
        layout, db_name = layout_from(tables, schema_default=None), name or DEFAULT_NAME
        return cls(
            kind=kind,
            url=url,
            db_name=db_name,
            layout=layout,
            id=given.get("id") or str(uuid.uuid5(_NAMESPACE, f"mongodb:{place}/{db_name}#{layout.key}")),
            create_schema=given.get("create_schema", True),
            policies=Policies(**policy_arguments(given)),
            connecting=Connecting(retry_timeout=given.get("retry_timeout")),
            caching=cache_arguments(given),
        )

    def to_dict(self) -> dict[str, Any]:
        """What is needed to construct the database again, without its password."""
        names = self.layout.names.as_dict()
        kept = {_collection(argument): names[concept] for argument, concept in TableNames.arguments().items()}
        place = {"db_url": self.safe_url, "db_name": self.db_name}
        further = {**self.connecting.given(), **self.policies.given(), **self.caching}
        return {"id": self.id, "type": self.kind, **place, **kept, **further}

    def describe(self, kind: type) -> str:
        """The `repr` of a database of class `kind`."""
        return f"{kind.__qualname__}({self.safe_url!r}, db_name={self.db_name!r}, id={self.id!r})"

    @property
    def safe_url(self) -> str | None:
        """The URL with its password hidden."""
        return None if self.url is None else urls.safe(self.url)


def _collection(argument: str) -> str:
    """The argument that names the collection of a table: `session_table` -> `session_collection`."""
    return argument.removesuffix("_table") + "_collection"


def _rebuilt(data: Mapping[str, Any]) -> dict[str, Any]:
    """The constructor arguments of a `to_dict()`. A password that is hidden in it is taken from `AGNODB_URL`."""
    given = {name: value for name, value in data.items() if name != "type"}
    return {**given, "db_url": rebuilt_url(data.get("db_url"), os.environ.get("AGNODB_URL"), place=urls.hosts)}


class MongoCore(Store):
    """The flat methods and the repositories over one executor."""

    def __init__(self, settings: MongoSettings, clients: Clients) -> None:
        self.settings = settings
        self._tables: Tables = tables_for(settings.layout)
        until = settings.connecting.retry_timeout
        self._executor = MongoExecutor(
            clients, settings.db_name, ensure=self._ensure, retry_timeout=RETRY_SECONDS if until is None else until
        )
        server = id(clients) if settings.url is None else urls.hosts(settings.url)
        place = f"mongodb:{server}/{settings.db_name}#{settings.layout.key}"  # it is kept in snapshots: no secrets
        self._collections = Collections(self._tables, settings.policies, place, settings.layout.key)
        Store.__init__(self, self._repositories_of(self._executor), objects(), place, settings.policies.media)
        self._on_write_failed = settings.policies.on_write_failed
        self._run_cache = run_cache(settings.caching, shared=self.objects.shares_runs)

    def _repositories_of(self, executor: Executor) -> MongoRepositories:
        return MongoRepositories(executor, self._collections)

    async def _ensure(self, database: Any) -> None:
        layout = self.settings.layout
        command = f"{upgrade_command(layout)} {urls.place_options(self.settings.db_name)}".rstrip()
        await schema.ensure(database, self._tables, layout, create=self.settings.create_schema, command=command)

    @property
    def statements_run(self) -> int:
        """The number of commands this instance has run."""
        return self._executor.statements

    async def create_tables(self) -> None:
        """Make the collections and indexes that are missing. The first call of any method does this for new ones."""
        tables, layout = self._tables, self.settings.layout
        await self._executor.at_door(lambda database: schema.upgrade(database, tables, layout, again=True))

    async def table_exists(self, table_name: str) -> bool:
        """Whether there is a collection of that name."""
        return await self._executor.at_door(lambda database: schema.has_collection(database, table_name))

    async def health(self) -> HealthRecord:
        """Whether the database answers and how fast, and the last step of its collections.

        Raises nothing when the database is down: `ok` is False then, with the error's class and its safe text.
        """
        record = await health(self._executor, self.settings.layout)
        return record if self._run_cache is None else replace(record, run_cache_bytes=self._run_cache.size)

    @contextlib.asynccontextmanager
    async def transaction(self, session: None = None) -> AsyncIterator[Transaction]:
        """All repositories and flat methods inside one transaction: all of it is stored at the end, or nothing.

        Raises UnsupportedOperationError on a server that is no replica set, and for a savepoint in it: MongoDB has
        none, so a transaction inside it is a block whose failure undoes the whole. A document that another transaction
        has changed meanwhile ends it with UnavailableError. There is no session of an application's to join.
        """
        if session is not None:
            raise UnsupportedOperationError("On MongoDB a transaction joins no other.")
        begun = self._executor.transaction()
        async with self._in_transaction(begun, self._repositories_of, ours=True) as transaction:
            yield transaction

    async def close(self) -> None:
        """Close all connections of this instance, not those of a client that was passed in."""
        await self._executor.close()


class AsyncMongoDb(Handle, MongoCore, AsyncBaseDb):
    """Sessions, runs, memories and the rest in MongoDB, over Motor.

    `db_client` (a Motor client or PyMongo's `AsyncMongoClient`, which stays yours to close) goes before `db_url`
    (``mongodb://host``). Each collection has an argument for its name, as in agno. Writes wait for the journals of a
    majority of the servers unless the URL (`w`, `journal`) or the client says something else. A call that has failed
    and may be made again is, until `retry_timeout` seconds after its beginning (10; 0: never). `strict_owner`,
    `on_conflict`, `counters` and `on_write_failed` are the policies of `agnodb.policies.Policies`.

    Raises ConfigurationError without a place, MissingDriverError without the driver. Nothing is opened before the
    first call.
    """

    @as_in_agno
    def __init__(
        self,
        db_client: Any = None,
        db_name: str | None = None,
        db_url: str | None = None,
        **given: Unpack[AsyncMongoArguments],
    ) -> None:
        settings = MongoSettings.of("async_mongo", db_client, db_url, db_name, given)
        AsyncBaseDb.__init__(self, id=settings.id)
        MongoCore.__init__(self, settings, LoopClients(lambda: motor_client(str(db_url), _options(db_url)), db_client))
        self.id, self.db_url, self.db_name = settings.id, db_url, settings.db_name
        self.__dict__.update(names_for_agno(settings.layout.names))

    async def _create_all_tables(self) -> None:
        await self.create_tables()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The database of a `to_dict()`. A password that is hidden in it is taken from `AGNODB_URL`.

        Raises ConfigurationError when there is a hidden password and no such variable for the same hosts.
        """
        return cls(**_rebuilt(data))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def _settings(self) -> Any:
        return self.settings


class MongoDb(Handle, SyncMethods, SyncRepositories, BaseDb):
    """As `AsyncMongoDb`, for code without an event loop: every call blocks. Over PyMongo's `MongoClient`."""

    @as_in_agno
    def __init__(
        self,
        db_client: Any = None,
        db_name: str | None = None,
        db_url: str | None = None,
        **given: Unpack[MongoArguments],
    ) -> None:
        settings = MongoSettings.of("mongo", db_client, db_url, db_name, given)
        settings = replace(settings, policies=settings.policies.need_no_loop())
        BaseDb.__init__(self, id=settings.id)
        clients = ProcessClients(lambda: pymongo_client(str(db_url), _options(db_url)), db_client)
        self._core = MongoCore(settings, clients)
        SyncRepositories.__init__(self, self._core.repositories)
        self.repositories = SyncRepositories(self._core.repositories)
        self.id, self.db_url, self.db_name = settings.id, db_url, settings.db_name
        self.__dict__.update(names_for_agno(settings.layout.names))

    @property
    def statements_run(self) -> int:
        """The number of commands this instance has run."""
        return self._core.statements_run

    create_tables = driven(MongoCore.create_tables, lambda database: database._core)
    table_exists = driven(MongoCore.table_exists, lambda database: database._core)
    health = driven(MongoCore.health, lambda database: database._core)

    def _create_all_tables(self) -> None:
        self.create_tables()

    def transaction(self, session: None = None) -> AbstractContextManager[SyncTransaction]:
        """See `AsyncMongoDb.transaction`."""
        return SyncTransaction(self._core.transaction(session))

    def close(self) -> None:
        """Close all connections of this instance, not those of a client that was passed in."""
        drive(self._core.close())

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """See `AsyncMongoDb.from_dict`."""
        return cls(**_rebuilt(data))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _settings(self) -> Any:
        return self._core.settings


# agno's MigrationManager tells databases apart by this name, and would run its own DDL on our collections.
AsyncMongoDb.__name__, MongoDb.__name__ = "AgnodbAsyncMongoDb", "AgnodbMongoDb"


def _options(url: str | None) -> dict[str, Any]:
    """The options that the URL does not name itself."""
    named = urls.options(url or "")
    if "w" in named:
        named.add("journal")  # who says how many servers are to have it, says all of it
    return {name: value for name, value in _OPTIONS.items() if name.lower() not in named}
