"""At which revision a database is, in one statement and without Alembic."""

from __future__ import annotations

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from agnodb.config import Layout, upgrade_command
from agnodb.migrations.catalog import read_catalog
from agnodb.migrations.version_table import NAME, select_revision
from agnodb.sql.failures import SQLITE_ERROR, errno_of, translate

_NO_SCHEMA_OR_TABLE = ("3F000", "42P01")


async def current(engine: AsyncEngine, layout: Layout) -> str | None:
    """The revision of `layout` in one statement; None when agnodb has not made or adopted its tables."""
    try:
        async with engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            return await _read(connection, layout)
    except Exception as error:
        raise translate(error, upgrade_command(layout)) from error


async def lacks_tables(engine: AsyncEngine, layout: Layout) -> bool:
    """Whether one of the layout's tables is not there."""
    try:
        async with engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            return await connection.run_sync(is_incomplete, layout)
    except Exception as error:
        raise translate(error, upgrade_command(layout)) from error


def is_incomplete(connection: Connection, layout: Layout) -> bool:
    """As `lacks_tables`, on a connection."""
    return not layout.names.all() <= read_catalog(connection, layout.schema).columns.keys()


async def _read(connection: AsyncConnection, layout: Layout) -> str | None:
    statement = select_revision(layout)
    revision: str | None
    try:
        revision = await connection.scalar(statement)
        return revision
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) in _NO_SCHEMA_OR_TABLE:
            return None
        if errno_of(error.orig) in (1049, 1146):  # no such database, no such table
            return None
        if getattr(error.orig, "sqlite_errorcode", None) != SQLITE_ERROR:
            raise
    # SQLite has one code for a missing table and for much else. Only the catalog tells, and by now the table may
    # be there: another process has just made it.
    catalog = text("SELECT count(*) FROM sqlite_master WHERE name = :name")
    if not await connection.scalar(catalog, {"name": NAME}):
        return None
    revision = await connection.scalar(statement)
    return revision
