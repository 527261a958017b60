"""What PostgreSQL and SQLite say alike: ON CONFLICT, and the values it was to insert."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Column, ColumnElement, Insert, Select, Table, literal_column

from agnodb.sql.dialects.base import Dialect


class OnConflict(Dialect):
    """ON CONFLICT ... DO UPDATE | DO NOTHING, for the dialects that have it."""

    insert: Any
    """The database's own `insert()` construct."""

    @abstractmethod
    def rows_of(self, columns: Iterable[Column[Any]], name: str) -> Select[Any]:
        """A row of `columns` for each object of the bind `name`, a JSON array; JSON columns are text in it."""

    def upsert(
        self,
        table: Table,
        values: Mapping[str, ColumnElement[Any]],
        key: Iterable[str],
        update: Mapping[str, Any] | None,
        where: ColumnElement[bool] | None = None,
    ) -> Insert:
        return self._on_conflict(self.insert(table).values(dict(values)), key, update, where)

    def put_rows(
        self, columns: Iterable[Column[Any]], name: str, key: Iterable[str] = (), keep: Iterable[str] = ()
    ) -> Insert:
        columns, key = list(columns), list(key)
        rows = self.rows_of(columns, name)
        statement: Insert = self.insert(columns[0].table).from_select([c.name for c in columns], rows)
        if not key:
            return statement
        update = {c.name: self.excluded(c.name) for c in columns if c.name not in (*key, *keep)}
        return self._on_conflict(statement, key, update, where=None)

    def insert_absent(self, columns: Iterable[Column[Any]], key: Iterable[str], name: str) -> Insert:
        columns = list(columns)
        rows = self.rows_of(columns, name)
        statement = self.insert(columns[0].table).from_select([c.name for c in columns], rows)
        return self._on_conflict(statement, key, update=None, where=None)

    def _on_conflict(
        self,
        statement: Any,
        key: Iterable[str],
        update: Mapping[str, Any] | None,
        where: ColumnElement[bool] | None,
    ) -> Insert:
        made: Insert
        if update is None:
            made = statement.on_conflict_do_nothing(index_elements=list(key))
        else:
            made = statement.on_conflict_do_update(index_elements=list(key), set_=dict(update), where=where)
        return made

    def excluded(self, name: str) -> ColumnElement[Any]:
        return literal_column(f'excluded."{name}"')
