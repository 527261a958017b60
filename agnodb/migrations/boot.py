"""What a server does before its first statement: make sure that the schema is there, and is the one it knows.

At head that is one statement, and Alembic is not loaded.
"""

from __future__ import annotations

import logging

from sqlalchemy.ext.asyncio import AsyncEngine

from agnodb.config import Layout, upgrade_command
from agnodb.errors import AgnoDbError, ConfigurationError, SchemaOutdatedError
from agnodb.migrations.head import HEAD, REVISIONS
from agnodb.migrations.locks import migrating
from agnodb.migrations.revision import current, lacks_tables
from agnodb.sql.failures import translate

log = logging.getLogger(__name__)

_NO_RIGHT = "42501"
_SQLITE_READONLY = 8


async def ensure_schema(engine: AsyncEngine, layout: Layout, *, create: bool = True, complete: bool = False) -> None:
    """Return when the tables of `layout` are at the revision this agnodb knows, or a newer one.

    Tables that nobody has made yet are made, and those that agno made are taken over, unless `create` is
    False; with `complete`, tables that somebody has dropped meanwhile are made again. Any number of processes
    may do so at once: one works, the others wait for it. Raises SchemaOutdatedError, with the command to run,
    for an older revision, or when there are no tables and `create` is False; ConfigurationError when the role
    may not read or make them; UnavailableError when the database cannot be reached, or another process does
    not finish in two minutes.
    """
    command = upgrade_command(layout)
    revision = await current(engine, layout)
    dropped = complete and revision == HEAD and await lacks_tables(engine, layout)
    if create and (revision is None or dropped):
        await _create(engine, layout, command)
        return
    if revision in REVISIONS and revision != HEAD:
        revision = await _once_nobody_migrates(engine, layout)
    if revision is None or (revision in REVISIONS and revision != HEAD):
        raise SchemaOutdatedError(command=command, detail=f"at {revision or 'nothing'}, head is {HEAD}")
    if revision != HEAD:
        log.info("The database is at revision %s, newer than %s that this agnodb knows.", revision, HEAD)


async def _create(engine: AsyncEngine, layout: Layout, command: str) -> None:
    from agnodb.migrations.runner import upgrade

    try:
        await upgrade(engine, layout)
    except AgnoDbError as error:
        if not _lacks_a_right(error):
            raise
        raise ConfigurationError(
            "The database has no tables of agnodb yet, and its user may not create them."
            f" Run as a user who may: {command}",
            detail=error.detail,
            **error.facts,
        ) from error


def _lacks_a_right(error: AgnoDbError) -> bool:
    read_only = error.facts.get("sqlite_code", 0) & 0xFF == _SQLITE_READONLY
    return read_only or error.facts.get("sqlstate") == _NO_RIGHT


async def _once_nobody_migrates(engine: AsyncEngine, layout: Layout) -> str | None:
    """The revision after the upgrade that may be under way has ended (SQLite shows none before it has)."""
    if engine.dialect.name != "sqlite":
        try:
            async with migrating(engine, layout):
                pass
        except Exception as error:
            raise translate(error, upgrade_command(layout)) from error
    return await current(engine, layout)
