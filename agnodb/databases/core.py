"""What every SQL database is made of, async or sync: a layout, an executor, the repositories, the flat methods."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import URL, Engine, MetaData, Table

from agnodb.agno.base import objects
from agnodb.config import Layout, TableNames, layout_from, upgrade_command
from agnodb.contracts.repositories import Repositories
from agnodb.databases.methods.all import AllMethods
from agnodb.executors.engine import EngineExecutor
from agnodb.executors.states import Engines
from agnodb.migrations.boot import ensure_schema
from agnodb.models.base import tables_for
from agnodb.sql.dialects import Dialect
from agnodb.sql.repositories import SqlRepositories
from agnodb.sql.repository import Statements

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

    @classmethod
    def of(
        cls, *, kind: str, url: URL, dialect: Dialect, schema: str | None, id: str | None, create_schema: bool,
        tables: Mapping[str, str | None], others: Mapping[str, str | None],
    ) -> Settings:  # fmt: skip
        """The settings of constructor arguments. Raises ConfigurationError for table names that cannot be."""
        layout = layout_from(tables, schema_default=schema)
        return cls(
            kind=kind,
            url=url,
            dialect=dialect,
            layout=layout,
            id=id or _stable_id(url, layout),
            create_schema=create_schema,
            tables={**tables, **others},
        )

    def table_name_attributes(self) -> dict[str, str]:
        """The attributes under which agno looks for the names of the tables."""
        names = self.layout.names
        return {
            "session_table_name": names.sessions,
            "runs_table_name": names.runs,
            "memory_table_name": names.memories,
            "metrics_table_name": names.metrics,
            "eval_table_name": names.eval_runs,
            "knowledge_table_name": names.knowledge,
            "trace_table_name": names.traces,
            "span_table_name": names.spans,
            "versions_table_name": names.schema_versions,
            "learnings_table_name": names.learnings,
            "schedules_table_name": names.schedules,
            "schedule_runs_table_name": names.schedule_runs,
            "approvals_table_name": names.approvals,
        }

    def to_dict(self) -> dict[str, Any]:
        """What is needed to construct the database again, without its password."""
        names = self.layout.names.as_dict()
        tables = {argument: names[concept] for argument, concept in TableNames.arguments().items()}
        return {"id": self.id, "type": self.kind, "db_url": self.safe_url, **tables}

    def describe(self, kind: type) -> str:
        """The `repr` of a database of class `kind`."""
        return f"{kind.__qualname__}({self.safe_url!r}, id={self.id!r})"

    @property
    def safe_url(self) -> str:
        """The URL with its password hidden."""
        return self.url.render_as_string(hide_password=True)


class DatabaseCore(AllMethods):
    """The flat methods and the repositories over one executor."""

    def __init__(self, settings: Settings, engines: Engines) -> None:
        layout = settings.layout
        self.settings = settings
        self.objects = objects()
        self._executor = EngineExecutor(
            engines,
            ensure_schema=lambda door: ensure_schema(door, layout, create=settings.create_schema),
            check_schema=lambda door: ensure_schema(door, layout, create=False),
            upgrade=upgrade_command(layout),
        )
        self._statements = Statements(settings.dialect, tables_for(layout))
        repositories = SqlRepositories(self._executor, self._statements)
        self.repositories = repositories
        self.sessions, self.runs = repositories.sessions, repositories.runs
        self.memories, self.knowledge = repositories.memories, repositories.knowledge
        self.eval_runs, self.schema_versions = repositories.eval_runs, repositories.schema_versions
        self.approvals, self.schedules = repositories.approvals, repositories.schedules
        self.schedule_runs = repositories.schedule_runs
        self.traces, self.spans = repositories.traces, repositories.spans
        self.learnings, self.metrics = repositories.learnings, repositories.metrics

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

        Raises SchemaOutdatedError, with the command to run, when there are tables of an older shape: a server
        never changes an existing schema by itself.
        """
        await self._executor.ready()

    async def _get_table(self, table_type: str, create_table_if_not_found: bool | None = False) -> Table | None:
        """The table that agno calls `table_type`, for queries of one's own; None for one that is not kept here.

        agno's adapters have this method, and programs use it, underscore or not.
        """
        await self.create_tables()
        concept = {"evals": "eval_runs", "versions": "schema_versions"}.get(table_type, table_type)
        table: Table | None = getattr(self._statements.tables, concept, None)
        return table

    async def table_exists(self, table_name: str) -> bool:
        """Whether there is a table of that name in this database's schema."""
        return await self._executor.has_table(table_name, self.settings.layout.schema)

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

    @property
    def engine(self) -> Engine:
        """SQLAlchemy's engine of this place. Raises ConfigurationError after `close`."""
        return self._executor.state().engine

    def __repr__(self) -> str:
        return self.settings.describe(type(self))


def _stable_id(url: URL, layout: Layout) -> str:
    """The same for every replica, whatever user, password, driver and options it connects with."""
    place = f"{url.get_backend_name()}://{url.host or ''}:{url.port or ''}/{url.database or ''}"
    return str(uuid.uuid5(_NAMESPACE, f"{place}#{layout.schema or ''}#{layout.key}"))
