"""What each family of databases has for the tests: how a statement or command is made to fail, and what is stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Table, select, update

from agnodb.awaiting import settled
from agnodb.config import TableNames
from agnodb.databases.documents import DocumentCore
from agnodb.documents.stores.recent import remembered
from agnodb.filters import LISTINGS
from agnodb.testing.document_injection import DocumentInjection
from agnodb.testing.document_storage import DocumentStorage
from agnodb.testing.injection import Injection
from agnodb.testing.storage import Storage


def core_of(db: Any) -> Any:
    """The coroutines behind a sync database; an async one itself."""
    return getattr(db, "_core", db)


def injection_of(db: Any) -> Any:
    """An `Injection` into `db`, or what its family has instead."""
    core = core_of(db)
    if hasattr(core, "engine"):
        return Injection(core.engine)
    if isinstance(core, DocumentCore):
        return DocumentInjection(core)
    from agnodb.testing.mongo_injection import MongoInjection

    return MongoInjection(core)


def forget_records(db: Any) -> None:
    """Have `db` know no record that it has read, so that a call makes the same requests each time, whatever others
    have changed meanwhile."""
    executor = core_of(db)._executor
    if hasattr(executor, "_remembered"):
        executor._remembered = remembered()


async def rows_of(db: Any) -> dict[str, dict[Any, Mapping[str, Any]]]:
    """table -> key -> row, as `db` has them; but not what agnodb keeps for itself."""
    core = core_of(db)
    if isinstance(core, DocumentCore):
        documents, names = DocumentStorage(db), TableNames.arguments().values()
        found = {getattr(core._tables, name): await documents.documents(name) for name in names if name in LISTINGS}
    elif not hasattr(core, "engine"):
        storage = storage_of(db)
        found = {table: storage.documents(table.name) for table in core._tables.metadata.sorted_tables if _shown(table)}
        await storage.forget()
    else:
        tables = [table for table in core.metadata.sorted_tables if _shown(table)]

        def read(connection: Connection) -> Any:
            return {table: connection.execute(select(table)).mappings().all() for table in tables}

        found = await core._executor.inspected(read)
    return {
        table.name: {tuple(row[column.name] for column in table.primary_key): dict(row) for row in rows}
        for table, rows in found.items()
    }


async def overwrite(db: Any, concept: str, key: str, **columns: Any) -> None:
    """Set columns of the row with that key, as a writer does who knows nothing of agnodb."""
    core = core_of(db)
    if hasattr(core, "engine"):
        table: Table = await core._get_table(concept)
        (of_key,) = table.primary_key
        raw = update(table).where(of_key == key).values(columns)
        await core._executor.inspected(lambda connection: connection.execute(raw))
    else:
        storage = storage_of(core if isinstance(core, DocumentCore) else db)
        await settled(storage.overwrite(concept, key, columns))
        if not isinstance(core, DocumentCore):
            await storage.forget()


def _shown(table: Table) -> bool:
    return "agnodb" not in table.name


def storage_of(db: Any) -> Any:
    """The `Storage` behind `db`, or what its family has instead."""
    if hasattr(core_of(db), "engine"):
        return Storage(db)
    if isinstance(core_of(db), DocumentCore):
        return DocumentStorage(db)
    from agnodb.testing.mongo_storage import MongoStorage

    return MongoStorage(db)
