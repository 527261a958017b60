"""What can be seen of a SQLite database. No file is made by looking."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from sqlalchemy import URL
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from agnodb.diagnosis.facts import SqliteFacts
from agnodb.migrations.locks import is_busy

PATIENCE_MS = 2000
"""How long another writer is waited for, in milliseconds."""

_READONLY = 8


def missing_file(url: URL) -> SqliteFacts | None:
    """The facts of a file that is not there yet; None for one that is, for memory and for ``file:`` URIs."""
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        return None
    file = Path(url.database)
    if file.exists():
        return None
    folder = next((parent for parent in file.absolute().parents if parent.exists()), Path("/"))
    writable = folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
    return SqliteFacts(version=sqlite3.sqlite_version_info, exists=False, folder_writable=writable)


async def read_file(connection: AsyncConnection) -> SqliteFacts:
    """The facts of an open database. Raises what the driver raises."""
    await connection.exec_driver_sql(f"PRAGMA busy_timeout = {PATIENCE_MS}")
    databases = (await connection.exec_driver_sql("PRAGMA database_list")).all()
    pages = (await connection.exec_driver_sql("PRAGMA page_count")).scalar_one()
    page_size = (await connection.exec_driver_sql("PRAGMA page_size")).scalar_one()
    mode = (await connection.exec_driver_sql("PRAGMA journal_mode")).scalar_one()
    writable, locked = await _write_lock(connection)
    return SqliteFacts(
        version=sqlite3.sqlite_version_info,
        in_memory=not any(database.file for database in databases),
        writable=writable,
        locked=locked,
        journal_mode=mode,
        bytes=pages * page_size,
    )


async def _write_lock(connection: AsyncConnection) -> tuple[bool, bool]:
    """(writable, locked): found out by writing what is there already, and undoing that."""
    version = (await connection.exec_driver_sql("PRAGMA user_version")).scalar_one()
    try:
        await connection.exec_driver_sql("BEGIN IMMEDIATE")
    except OperationalError as error:
        if is_busy(error):
            return True, True
        raise
    try:
        # Only now: BEGIN IMMEDIATE passes for a plain BEGIN where the file can only be read.
        await connection.exec_driver_sql(f"PRAGMA user_version = {version}")
    except OperationalError as error:
        if getattr(error.orig, "sqlite_errorcode", 0) & 0xFF != _READONLY:
            raise
        return False, False
    finally:
        await connection.exec_driver_sql("ROLLBACK")
    return True, False
