"""Rows that are inserted once and changed column by column, each in one statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Executable, bindparam, insert, update

from agnodb.records.base import Record
from agnodb.rules.keyed import Changed
from agnodb.sql.repository import SqlRepository

R = TypeVar("R", bound=Record)


class SingleRows(SqlRepository[R], Changed[R], asks=False):
    """Base of repositories without an upsert."""

    idempotent = frozenset({"change"})

    async def insert(self, record: R) -> R:
        await self.run("insert", self._insert, self.rows.parameters(self.rows.values(record)))
        return record

    def _insert(self) -> Executable:
        return insert(self.table).values(self.rows.binds(column.name for column in self.rows.columns))

    async def change(self, key: Any, changes: Mapping[str, Any], **filters: Any) -> R | None:
        filters = {self.key.name: key, **filters}
        found_by = dict(zip(map(_found_by, filters), self.rows.parameters(filters).values(), strict=True))
        parameters = {**self.rows.parameters(changes), **found_by}
        # A change of what the row is found by finds it only once.
        name = "change" if filters.keys().isdisjoint(changes) else "compare_and_change"
        return await self.first(name, self._change, parameters, tuple(sorted(changes)), tuple(sorted(filters)))

    def _change(self, names: Sequence[str], filters: Sequence[str]) -> Executable:
        # A column may be looked for and set at once, hence binds of their own.
        columns = (self.table.c[name] for name in filters)
        found = (column == bindparam(_found_by(column.name), type_=column.type) for column in columns)
        return update(self.table).where(*found).values(self.rows.binds(names)).returning(*self.rows.selected())


def _found_by(column: str) -> str:
    return f"found_by_{column}"
