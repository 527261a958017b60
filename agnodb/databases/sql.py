"""What the SQL databases share: construction, schema, transactions, life cycle."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from types import TracebackType
from typing import Any, Self

from sqlalchemy import URL, MetaData
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from agnodb.agno.base import AsyncBaseDb, objects
from agnodb.config import Layout, TableNames, layout_from, upgrade_command
from agnodb.contracts.repositories import Repositories
from agnodb.databases.methods.all import AllMethods
from agnodb.executors.async_engine import AsyncEngineExecutor
from agnodb.migrations.boot import ensure_schema
from agnodb.models.base import tables_for
from agnodb.sql.dialects import Dialect
from agnodb.sql.repositories import SqlRepositories
from agnodb.sql.repository import Statements

_AGNO_NAMESPACE = uuid.UUID("6f2d8f0e-55a1-5d0c-9a53-6a2f5f1c4a11")


class SqlDatabase(AllMethods, AsyncBaseDb):
    """A SQL database for agents. Construct one of its subclasses.

    Repositories are attributes (`db.sessions`, `db.runs`, ...); agno's flat methods work over them. An instance may
    be used from several event loops and threads; after `close()` every use raises ConfigurationError.
    """

    _kind: str
    """agno's name for this kind of database, in `to_dict()`."""

    def __init__(
        self,
        *,
        url: URL,
        make_engine: Callable[[], AsyncEngine],
        db_engine: AsyncEngine | None,
        dialect: Dialect,
        schema: str | None,
        id: str | None,
        tables: Mapping[str, str | None],
        other_tables: Mapping[str, str | None],
        create_schema: bool,
    ) -> None:
        layout = layout_from(tables, schema_default=schema)
        self.id: str = id or _stable_id(url, layout)
        super().__init__(id=self.id, **tables, **other_tables)
        self._name_tables(layout)
        self.create_schema = create_schema
        self.objects = objects()
        self._layout, self._url, self._given_engine, self._make_engine = layout, url, db_engine, make_engine
        self._loose_engine: AsyncEngine | None = None
        self._executor = AsyncEngineExecutor(
            make_engine if db_engine is None else lambda: db_engine,
            owned=db_engine is None,
            ensure_schema=lambda engine: ensure_schema(engine, layout, create=create_schema),
            check_schema=lambda engine: ensure_schema(engine, layout, create=False),
            upgrade=upgrade_command(layout),
        )
        self._statements = Statements(dialect, tables_for(layout))
        repositories = SqlRepositories(self._executor, self._statements)
        self.repositories = repositories
        self.sessions, self.runs = repositories.sessions, repositories.runs
        self.memories, self.knowledge = repositories.memories, repositories.knowledge
        self.eval_runs, self.schema_versions = repositories.eval_runs, repositories.schema_versions
        self.approvals, self.schedules = repositories.approvals, repositories.schedules
        self.schedule_runs = repositories.schedule_runs
        self.traces, self.spans = repositories.traces, repositories.spans
        self.learnings, self.metrics = repositories.learnings, repositories.metrics

    def _name_tables(self, layout: Layout) -> None:
        """The attributes under which agno looks for the names of the tables."""
        names = layout.names
        self.session_table_name, self.runs_table_name = names.sessions, names.runs
        self.memory_table_name, self.metrics_table_name = names.memories, names.metrics
        self.eval_table_name, self.knowledge_table_name = names.eval_runs, names.knowledge
        self.trace_table_name, self.span_table_name = names.traces, names.spans
        self.versions_table_name, self.learnings_table_name = names.schema_versions, names.learnings
        self.schedules_table_name, self.schedule_runs_table_name = names.schedules, names.schedule_runs
        self.approvals_table_name = names.approvals

    # -- what agno reads --------------------------------------------------------------------------------------

    @property
    def db_engine(self) -> AsyncEngine:
        """The engine of the running event loop; outside a loop, one of its own that no loop has used yet."""
        if self._given_engine is not None:
            return self._given_engine
        try:
            return self._executor.engine
        except RuntimeError:
            if self._loose_engine is None:
                self._loose_engine = self._make_engine()
            return self._loose_engine

    @property
    def metadata(self) -> MetaData:
        """The tables of this database, as SQLAlchemy metadata."""
        return self._statements.tables.metadata

    @property
    def async_session_factory(self) -> async_sessionmaker[AsyncSession]:
        """SQLAlchemy sessions on the engine of the running loop, for queries of your own."""
        return async_sessionmaker(bind=self.db_engine, expire_on_commit=False)

    @property
    def statements_run(self) -> int:
        """The number of statements this instance has run."""
        return self._executor.statements

    # -- schema -----------------------------------------------------------------------------------------------

    async def create_tables(self) -> None:
        """Make the tables where there are none yet. The first call of any method does this too.

        Raises SchemaOutdatedError, with the command to run, when there are tables of an older shape: a server
        never changes an existing schema by itself.
        """
        await self._executor.ready()

    async def _create_all_tables(self) -> None:
        await self.create_tables()

    async def table_exists(self, table_name: str) -> bool:
        """Whether there is a table of that name in this database's schema."""
        return await self._executor.has_table(table_name, self._layout.schema)

    # -- transactions and life cycle --------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Repositories]:
        """The repositories inside one transaction: all of it is stored at the end of the block, or nothing.

            async with db.transaction() as tx:
                await tx.sessions.upsert(session)
                await tx.runs.upsert(run)

        An error in the block rolls back and is raised unchanged.
        """
        async with self._executor.transaction() as executor:
            yield SqlRepositories(executor, self._statements)

    async def close(self) -> None:
        """Close all connections of this instance, not those of an engine that was passed in."""
        await self._executor.close()
        if self._loose_engine is not None:
            await self._loose_engine.dispose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    # -- as a dictionary --------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """What is needed to construct this database again, without its password (see `from_dict`)."""
        names = self._layout.names.as_dict()
        tables = {argument: names[concept] for argument, concept in TableNames.arguments().items()}
        return {"id": self.id, "type": self._kind, "db_url": self._safe_url(), **tables}

    def _safe_url(self) -> str:
        return self._url.render_as_string(hide_password=True)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._safe_url()!r}, id={self.id!r})"


def _stable_id(url: URL, layout: Layout) -> str:
    """The same for every replica, whatever user, password, driver and options it connects with."""
    place = f"{url.get_backend_name()}://{url.host or ''}:{url.port or ''}/{url.database or ''}"
    return str(uuid.uuid5(_AGNO_NAMESPACE, f"{place}#{layout.schema or ''}#{layout.key}"))
