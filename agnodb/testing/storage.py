"""The rows behind a database, seen and put back: what was stored is compared with what should be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, String, Table, cast, literal, null, select, text, union_all

from agnodb.models.base import WRITTEN_AT

T = TypeVar("T")
Rows = dict[str, list[tuple[Any, ...]]]

UNLIKE = {"agnodb_recent_writes", "agnodb_row_version", WRITTEN_AT}
"""Columns that differ between two ways to the same rows: each save has a new token, and each write is counted."""
_KEPT = "kept_"


def _is_numbered(table: Table) -> bool:
    return any(column.identity is not None for column in table.columns)


class Storage:
    """The rows behind a database, seen and put back over a database object of its own."""

    def __init__(self, db: Any) -> None:
        self._core = getattr(db, "_core", db)
        # Writes to the others leave notes in the last one.
        self.tables: list[Table] = sorted(self._core.metadata.sorted_tables, key=_is_numbered)
        self.rows: Rows = {}
        """The rows as they were kept."""
        self._everything: str | None = None

    async def on_connection(self, work: Callable[[Connection], T]) -> T:
        """What `work` returns."""
        result: T = await self._core._executor.inspected(work)
        return result

    async def keep(self) -> None:
        """Remember all rows."""

        def copy(connection: Connection) -> None:
            for table in self.tables:
                connection.execute(text(f"DROP TABLE IF EXISTS {self._kept(table)}"))  # of a test that failed
                connection.execute(text(f"CREATE TABLE {self._kept(table)} AS SELECT * FROM {table}"))

        await self.on_connection(copy)
        self.rows = await self.read()

    async def forget(self) -> None:
        """Leave nothing behind."""

        def drop(connection: Connection) -> None:
            for table in self.tables:
                connection.execute(text(f"DROP TABLE {self._kept(table)}"))

        await self.on_connection(drop)

    async def put_back(self, found: Rows) -> None:
        """Make the tables whose rows are not those that were kept as they were; `found` is what they are now."""
        changed = {table for table in self.tables if found.get(table.name) != self.rows.get(table.name)}
        # What refers to a row goes with it.
        related = {t for t in self.tables if changed & {k.column.table for k in t.foreign_keys}}
        # Of a save that found everything as it was, only the time has changed.
        touched = [t for t in self.tables if t in changed or t in related or _is_numbered(t) or WRITTEN_AT in t.c]

        def restore(connection: Connection) -> None:
            for table in reversed(touched):
                connection.execute(text(f"DELETE FROM {table}"))
            for table in touched:
                names = ", ".join(table.c.keys())  # not those that the database computes
                connection.execute(text(f"DELETE FROM {table}"))
                connection.execute(text(f"INSERT INTO {table} ({names}) SELECT {names} FROM {self._kept(table)}"))

        await self.on_connection(restore)

    @staticmethod
    def _kept(table: Table) -> str:
        return f"{table.schema}.{_KEPT}{table.name}" if table.schema else f"{_KEPT}{table.name}"

    async def read(self) -> Rows:
        """All rows of all tables, in one statement; but no notes: one too many is no harm."""
        rows: Rows = {table.name: [] for table in self.tables if not _is_numbered(table)}
        for name, *values in await self.on_connection(self._read):
            rows[name].append(tuple(values))
        return {name: sorted(found, key=repr) for name, found in rows.items()}

    def _read(self, connection: Connection) -> Sequence[Any]:
        if self._everything is None:
            tables = [table for table in self.tables if not _is_numbered(table)]
            width = max(len(table.columns) for table in tables)
            selects = []
            for table in tables:
                columns = [cast(c, String) for c in table.columns if c.name not in UNLIKE]
                selects.append(select(literal(table.name, String()), *columns, *[null()] * (width - len(columns))))
            literally = {"literal_binds": True}
            self._everything = str(union_all(*selects).compile(dialect=connection.dialect, compile_kwargs=literally))
        return connection.exec_driver_sql(self._everything).fetchall()
