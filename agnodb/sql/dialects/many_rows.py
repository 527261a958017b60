"""Inserts of many rows, for databases that answer nothing to them: see `agnodb.sql.dialects.steps`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import JSON, ColumnElement, Table, Text, bindparam, select, tuple_
from sqlalchemy.dialects.mysql import insert as mysql_insert

from agnodb.sql.dialects.steps import KEYS, Step, among, key_of
from agnodb.sql.executor import Ask, Row


@dataclass
class Absent:
    """INSERT ... ON CONFLICT DO NOTHING of the rows in the bind `name`, a JSON array of objects.

    Answers with the keys that were not there when it began: of two that insert a row at once, both may.
    """

    table: Table
    columns: list[str]
    name: str

    def ready(self, returning: Sequence[Any]) -> Absent:
        """With the statements built."""
        self._key = key_of(self.table)
        self._known = Step(select(self._key).where(among(self._key)))
        new = mysql_insert(self.table).values(_row_binds(self.table, self.columns))
        same = next(self.table.c[name] for name in self.columns if name != self._key.name)
        self._insert = new.on_duplicate_key_update({same.name: same})
        return self

    def run(self, ask: Ask, parameters: Mapping[str, Any]) -> Sequence[Row]:
        """See `Steps`."""
        rows = orjson.loads(parameters[self.name])
        keys = [row[self._key.name] for row in rows]
        known = {row[0] for row in ask(self._known(parameters, **{KEYS: keys}))[0].rows}
        ask((self._insert, _of_rows(rows, self.columns)), last=True)
        return [(key,) for key in keys if key not in known]


@dataclass
class Put:
    """INSERT ... ON CONFLICT (`unique`) DO UPDATE of all but `keep`, for the rows in the bind `name`, a JSON array of
    objects; without `unique` a mere INSERT."""

    table: Table
    columns: list[str]
    name: str
    unique: list[str]
    keep: list[str]

    def ready(self, returning: Sequence[Any]) -> Put:
        """With the statements built."""
        new = mysql_insert(self.table).values(_row_binds(self.table, self.columns))
        update = {n: new.inserted[n] for n in self.columns if n not in (*self.unique, *self.keep)}
        self._put = new.on_duplicate_key_update(update) if self.unique else new
        self._read = None
        if returning:
            key = tuple_(*(self.table.c[n] for n in self.unique))
            self._read = Step(select(*returning).where(among(key)))
        return self

    def run(self, ask: Ask, parameters: Mapping[str, Any]) -> Sequence[Row]:
        """See `Steps`."""
        rows = orjson.loads(parameters[self.name])
        put = (self._put, _of_rows(rows, self.columns))
        if self._read is None:
            ask(put, last=True)
            return ()
        keys = [tuple(row[name] for name in self.unique) for row in rows]
        return ask(put, self._read(parameters, **{KEYS: keys}), last=True)[-1].rows


def _row_binds(table: Table, columns: Sequence[str]) -> dict[str, ColumnElement[Any]]:
    kinds = {name: table.c[name].type for name in columns}
    return {n: bindparam(f"row_{n}", type_=Text() if isinstance(kind, JSON) else kind) for n, kind in kinds.items()}


def _of_rows(rows: Iterable[Mapping[str, Any]], columns: Iterable[str]) -> list[dict[str, Any]]:
    """Parameters for `_row_binds`."""
    return [{f"row_{name}": row[name] for name in columns} for row in rows]
