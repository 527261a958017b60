"""What every SQL database is made of, async or sync: a layout, an executor, the repositories, the flat methods."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import URL, Engine, MetaData, Table, exc

from agnodb.agno.base import adapter_of, objects
from agnodb.config import Layout, TableNames, layout_from, upgrade_command
from agnodb.databases.arguments import (
    cache_arguments,
    names_for_agno,
    other_tables,
    policy_arguments,
    table_arguments,
)
from agnodb.databases.transactions import Store, Transaction
from agnodb.drivers import NOTHING_GIVEN, Connecting
from agnodb.errors import ConfigurationError, SchemaOutdatedError
from agnodb.executors.engine import EngineExecutor
from agnodb.executors.engines import beginning_late
from agnodb.executors.health import health
from agnodb.executors.retries import BUSY_SECONDS, RETRY_SECONDS
from agnodb.executors.run_cache import run_cache
from agnodb.executors.states import Engines, EngineState
from agnodb.migrations.boot import ensure_schema
from agnodb.migrations.head import HEAD
from agnodb.migrations.revision import current
from agnodb.models.base import tables_for
from agnodb.policies import DEFAULT_POLICIES, Policies
from agnodb.records.health import HealthRecord
from agnodb.sql.dialects import Dialect
from agnodb.sql.executor import Executor
from agnodb.sql.repositories import SqlRepositories
from agnodb.sql.repository import Statements
from agnodb.urls import place_of, safe_text

_NAMESPACE = uuid.UUID("6f2d8f0e-55a1-5d0c-9a53-6a2f5f1c4a11")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a database's constructor was given, checked."""

    kind: str
    """agno's name for this kind of database, in `to_dict()`."""
    url: URL
    dialect: Dialect
    layout: Layout
    id: str
    create_schema: bool
    tables: Mapping[str, str | None]
    """agno's arguments for table names, those of tables that agnodb does not keep included."""
    connecting: Connecting = NOTHING_GIVEN
    policies: Policies = DEFAULT_POLICIES
    caching: Mapping[str, float] = field(default_factory=dict)
    """`run_cache_mb`, if it is not the default."""
    place: Mapping[str, Any] = field(default_factory=dict)
    """The constructor's other arguments for where the tables are, as `to_dict()` has them."""
    migrations_url: URL | None = None
    """The way past the pooler, or of a user who may change tables, if that is another than `url`."""
    direct: Callable[[], contextlib.AbstractAsyncContextManager[Any]] | None = None
    """An engine on `migrations_url`, if there is one, for as long as its block runs."""

    @classmethod
    def of(
        cls, *, kind: str, url: URL, dialect: Dialect, schema: str | None, arguments: Mapping[str, Any],
        connecting: Connecting, place: Mapping[str, Any], migrations_url: URL | None = None,
        direct: Callable[[], contextlib.AbstractAsyncContextManager[Any]] | None = None,
    ) -> Settings:  # fmt: skip
        """The settings of constructor `arguments`. Raises ConfigurationError for table names that cannot be."""
        layout = layout_from(table_arguments(arguments), schema_default=schema)
        return cls(
            kind=kind,
            url=url,
            dialect=dialect,
            layout=layout,
            id=arguments.get("id") or _stable_id(url, layout),
            create_schema=arguments.get("create_schema", True),
            tables={**table_arguments(arguments), **other_tables(arguments)},
            connecting=connecting,
            policies=Policies(**policy_arguments(arguments)),
            caching=cache_arguments(arguments),
            place=place,
            migrations_url=migrations_url,
            direct=direct,
        )

    def table_name_attributes(self) -> dict[str, str]:
        """The attributes under which agno looks for the names of the tables."""
        return names_for_agno(self.layout.names)

    def chosen_tables(self) -> dict[str, str]:
        """agno's arguments for the tables that were given a name: an older agno does not know all of them."""
        return {argument: name for argument, name in self.tables.items() if name is not None}

    def to_dict(self) -> dict[str, Any]:
        """What is needed to construct the database again, without its password."""
        names = self.layout.names.as_dict()
        kept = {argument: names[concept] for argument, concept in TableNames.arguments().items()}
        tables = {**self.chosen_tables(), **kept}
        further = {**self.connecting.given(), **self.policies.given(), **self.caching}
        if self.migrations_url is not None:
            further["migrations_url"] = safe_text(self.migrations_url)
        return {"id": self.id, "type": self.kind, "db_url": self.safe_url, **tables, **further, **self.place}

    def describe(self, kind: type) -> str:
        """The `repr` of a database of class `kind`."""
        return f"{kind.__qualname__}({self.safe_url!r}, id={self.id!r})"

    @property
    def safe_url(self) -> str:
        """The URL with its password hidden."""
        return safe_text(self.url)


class DatabaseCore(Store):
    """The flat methods and the repositories over one executor."""

    def __init__(self, settings: Settings, engines: Engines) -> None:
        layout, connecting = settings.layout, settings.connecting
        self.settings = settings
        self._executor = EngineExecutor(
            engines,
            ensure_schema=self._ensure_schema,
            check_schema=lambda door: ensure_schema(door, layout, create=False),
            upgrade=upgrade_command(layout),
            retry_timeout=RETRY_SECONDS if connecting.retry_timeout is None else connecting.retry_timeout,
            busy_timeout=connecting.lock_timeout or BUSY_SECONDS,
        )
        # Not by its id: whoever gives two databases one id still has two.
        place = _stable_id(settings.url, layout)
        tables = tables_for(layout, dated=settings.dialect.dates_writes)
        statements = Statements(settings.dialect, tables, settings.policies, place)
        self._statements = statements
        Store.__init__(self, self._repositories_of(self._executor), objects(), place, settings.policies.media)
        self._on_write_failed = settings.policies.on_write_failed
        self._run_cache = run_cache(settings.caching, shared=self.objects.shares_runs)

    def _repositories_of(self, executor: Executor) -> SqlRepositories:
        return SqlRepositories(executor, self._statements)

    async def _ensure_schema(self, door: Any, *, complete: bool = False) -> None:
        """See `agnodb.migrations.boot.ensure_schema`; `door` is the engine that the calls use.

        Where migrations have a way of their own, that engine only looks, which at head is all there is to do. A
        pooler in transaction mode can hold no lock for an upgrade: without another way, ConfigurationError says so.
        """
        settings, layout = self.settings, self.settings.layout
        if settings.direct is None and not settings.connecting.pooled(settings.url):
            return await ensure_schema(door, layout, create=settings.create_schema, complete=complete)
        revision = await current(door, layout)
        if revision == HEAD and not complete:
            return None
        if settings.direct is not None:
            async with settings.direct() as engine:
                return await ensure_schema(engine, layout, create=settings.create_schema, complete=complete)
        if revision == HEAD:
            return None
        command = upgrade_command(layout)
        if revision is None and settings.create_schema:
            raise ConfigurationError(
                "The database has no tables of agnodb yet, and they cannot be made through a pooler in transaction"
                f" mode. Pass migrations_url=, a URL past the pooler, or run with such a URL: {command}"
            )
        raise SchemaOutdatedError(command=command, detail=f"at {revision or 'nothing'}, head is {HEAD}")

    @property
    def metadata(self) -> MetaData:
        """The tables of this database, as SQLAlchemy metadata."""
        return self._statements.tables.metadata

    @property
    def statements_run(self) -> int:
        """The number of statements this instance has run."""
        return self._executor.statements

    async def create_tables(self) -> None:
        """Make the tables where there are none yet. The first call of any method does this too.

        Tables that somebody has dropped since are made again, by this method only. Raises SchemaOutdatedError, with
        the command to run, when there are tables of an older shape: a server never changes an existing schema by
        itself.
        """
        await self._executor.ready()
        await self._executor.at_door(lambda door: self._ensure_schema(door, complete=True))

    async def _get_table(self, table_type: str, create_table_if_not_found: bool | None = False) -> Table | None:
        """The table that agno calls `table_type`, for queries of one's own; None where there is none.

        agno's adapters have this method, and programs use it, underscore or not. A table that agnodb does not keep is
        the one that agno's adapter would use, which makes it if it is told to.
        """
        await self._executor.ready()
        concept = {"evals": "eval_runs", "versions": "schema_versions"}.get(table_type, table_type)
        table: Table | None = getattr(self._statements.tables, concept, None)
        return table

    async def health(self) -> HealthRecord:
        """Whether the database answers and how fast, its schema's revision, and the figures of the pool.

        Raises nothing when the database is down: `ok` is False then, with the error's class and its safe text.
        """
        record = await health(self._executor, lambda door: current(door, self.settings.layout))
        return record if self._run_cache is None else replace(record, run_cache_bytes=self._run_cache.size)

    async def table_exists(self, table_name: str) -> bool:
        """Whether there is a table of that name in this database's schema."""
        return await self._executor.has_table(table_name, self.settings.layout.schema)

    @contextlib.asynccontextmanager
    async def transaction(self, session: Any = None) -> AsyncIterator[Transaction]:
        """All repositories and flat methods inside one transaction: all of it is stored at the end, or nothing.

            async with db.transaction() as tx:
                await tx.sessions.upsert(session)
                await tx.runs.upsert(run)

        An error in the block rolls back and is raised unchanged. See `Transaction` for what fails inside.

        With `session`, the application's own SQLAlchemy session (or connection) on the same database, the block is a
        part of the transaction of that session, which begins if it has not: the application commits its rows and
        those of the block, or rolls both back. agnodb does neither; an error undoes the block alone. The session is
        flushed when the block begins and when it ends. Nothing in it is run again. Raises ConfigurationError for a
        session of another kind of database, or one that cannot be used. That it leads to the same database is not
        checked.
        """
        begun = self._executor.transaction(session)
        async with self._in_transaction(begun, self._repositories_of, ours=session is None) as transaction:
            yield transaction

    def _adapter(self, state: EngineState, engine: Any, theirs: type) -> Any:
        """agno's own adapter of class `theirs` on `engine`, which is that of `state`, with our schema and names."""
        adapter = state.beside.get(theirs)
        if adapter is None:
            settings = self.settings
            further = {"db_schema": settings.layout.schema, "create_schema": settings.create_schema}
            arguments = {**settings.tables, **settings.to_dict(), **further, "db_url": None}
            adapter = adapter_of(theirs, {**arguments, "db_engine": beginning_late(engine)})
            state.beside[theirs] = adapter
        return adapter

    @contextlib.contextmanager
    def _agnos_errors(self) -> Iterator[None]:
        """What a driver's error of agno's adapter becomes: one of ours, but for a taken key, which agno looks for."""
        try:
            yield
        except exc.IntegrityError:
            raise
        except exc.SQLAlchemyError as error:
            raise self._executor.translate(error) from None

    async def close(self) -> None:
        """Close all connections of this instance, not those of an engine that was passed in."""
        await self._executor.close()

    @property
    def engine(self) -> Engine:
        """SQLAlchemy's engine of this place. Raises ConfigurationError after `close`."""
        return self._executor.state().engine


def _stable_id(url: URL, layout: Layout) -> str:
    """The same for every replica, whatever user, password, driver and options it connects with."""
    return str(uuid.uuid5(_NAMESPACE, f"{place_of(url)}#{layout.schema or ''}#{layout.key}"))
