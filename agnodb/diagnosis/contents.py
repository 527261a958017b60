"""What is in the tables: rows, bytes, oldest and newest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import URL, Connection, Select, Table, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from agnodb.config import Layout, upgrade_command
from agnodb.diagnosis.connecting import looking
from agnodb.diagnosis.sqlite import missing_file
from agnodb.migrations.catalog import read_catalog
from agnodb.models.base import concepts, tables_for
from agnodb.sql.failures import SQLITE_ERROR, translate
from agnodb.urls import backend_of

ESTIMATE_FROM = 100_000
"""PostgreSQL: from this many rows on (as far as it knows) they are not counted, unless that is asked for."""

PATIENCE_MS = 5000
"""How long the oldest and the newest row of a big table may be looked for, in milliseconds."""

_TOO_LONG = "57014"

_POSTGRESQL_SIZES = text(
    "SELECT c.relname, pg_total_relation_size(c.oid), CAST(c.reltuples AS bigint)"
    " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = :schema AND c.relkind IN ('r', 'p')"
)
_MYSQL_SIZES = text(
    "SELECT table_name, data_length + index_length, 0 FROM information_schema.tables"
    " WHERE table_schema = :schema AND table_type = 'BASE TABLE'"
)
# A table's indexes count to it.
_SQLITE_SIZES = text(
    "SELECT m.tbl_name, sum(s.pgsize) FROM dbstat AS s JOIN sqlite_master AS m ON m.name = s.name"
    " WHERE s.aggregate = TRUE GROUP BY m.tbl_name"
)


@dataclass(frozen=True, kw_only=True)
class TableContents:
    """What is in one table. Times are those of its rows' creation, in UTC."""

    concept: str
    table: str
    exists: bool = True
    rows: int = 0
    estimated: bool = False
    """Whether `rows` is what PostgreSQL's statistics say."""
    bytes: int | None = None
    """On the disk, indexes included; None where SQLite was built without dbstat."""
    oldest: str | None = None
    newest: str | None = None
    """ISO 8601. None without rows, or where it took too long to look."""


@dataclass(frozen=True)
class _Size:
    bytes: int | None = None
    estimate: int = 0


async def read_contents(url: URL, layout: Layout, *, exact: bool = False) -> list[TableContents]:
    """The contents of each table of `layout`, in the order of the concepts; `exact` counts big tables too.

    Each table is looked at by itself: others may write meanwhile. Raises ConfigurationError when the role may not
    read, UnavailableError when the database cannot be reached, MissingDriverError.
    """
    if backend_of(url) == "sqlite" and missing_file(url) is not None:
        return [_absent(concept, getattr(tables_for(layout), concept)) for concept in concepts()]
    async with looking(url) as engine:
        try:
            async with engine.connect() as connection:
                return await _all_contents(connection, layout, exact)
        except Exception as error:
            raise translate(error, upgrade_command(layout)) from error


async def _all_contents(connection: AsyncConnection, layout: Layout, exact: bool) -> list[TableContents]:
    sizes = await connection.run_sync(_sizes, layout)
    found = []
    for concept in concepts():
        table: Table = getattr(tables_for(layout), concept)
        size = sizes.get(table.name)
        found.append(
            _absent(concept, table) if size is None else await _contents(connection, concept, table, size, exact)
        )
        await connection.rollback()
    return found


def _absent(concept: str, table: Table) -> TableContents:
    return TableContents(concept=concept, table=table.name, exists=False)


def _sizes(connection: Connection, layout: Layout) -> dict[str, _Size]:
    """The size of every table that exists."""
    if layout.schema is not None:  # SQLite has no schemas
        statement = _POSTGRESQL_SIZES if backend_of(connection.engine.url) == "postgresql" else _MYSQL_SIZES
        rows = connection.execute(statement, {"schema": layout.schema})
        return {name: _Size(size, estimate) for name, size, estimate in rows}
    sizes: Mapping[str, int] = {}
    try:
        sizes = dict(connection.execute(_SQLITE_SIZES).tuples().all())
    except DBAPIError as error:
        if getattr(error.orig, "sqlite_errorcode", None) != SQLITE_ERROR:  # any other than "no such table: dbstat"
            raise
    return {name: _Size(sizes.get(name)) for name in read_catalog(connection, None).columns}


async def _contents(connection: AsyncConnection, concept: str, table: Table, size: _Size, exact: bool) -> TableContents:
    given: dict[str, Any] = {"concept": concept, "table": table.name, "bytes": size.bytes}
    moment = table.c.created_at
    if exact or size.estimate < ESTIMATE_FROM:
        counted = select(func.count(), func.min(moment), func.max(moment)).select_from(table)
        rows, oldest, newest = (await connection.execute(counted)).one()
        return TableContents(**given, rows=rows, oldest=_iso(oldest), newest=_iso(newest))
    oldest = newest = None
    try:
        # An index gives each at once; a table without one is not read for longer than this.
        await connection.execute(text(f"SET LOCAL statement_timeout = {PATIENCE_MS}"))
        oldest, newest = (await connection.execute(_ends(table))).one()
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _TOO_LONG:
            raise
    return TableContents(**given, rows=size.estimate, estimated=True, oldest=_iso(oldest), newest=_iso(newest))


def _ends(table: Table) -> Select[Any]:
    moment = table.c.created_at
    return select(
        select(func.min(moment)).select_from(table).scalar_subquery(),
        select(func.max(moment)).select_from(table).scalar_subquery(),
    )


def _iso(moment: Any) -> str | None:
    """A column's value, seconds or text, as text."""
    if isinstance(moment, int):
        return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return None if moment is None else str(moment)
