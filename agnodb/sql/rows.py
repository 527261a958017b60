"""Between a record and its row: what a table's columns need on the way in and on the way out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from sqlalchemy import JSON, BigInteger, Boolean, Column, ColumnElement, Date, Table, bindparam

from agnodb import codec
from agnodb.errors import InvalidValueError
from agnodb.records.base import Record, column_fields
from agnodb.rules.values import boolean_in, date_in, integer_in, key_in, text_in
from agnodb.sql.dialects.base import Dialect
from agnodb.text import decode_text

R = TypeVar("R", bound=Record)


def _json_out(text: Any) -> Any:
    # SQLite's JSON columns have NUMERIC affinity: a lone number comes back as one.
    return codec.decode(text) if isinstance(text, str) else text


def _text_out(text: str) -> str:
    return decode_text(text)


class RowMap(Generic[R]):
    """Maps `record` to a table: which columns are read, how values are bound and how rows become records."""

    def __init__(self, record: type[R], table: Table, dialect: Dialect) -> None:
        self._record, self._table, self._dialect = record, table, dialect
        self._fields = column_fields(record)
        self.columns: tuple[Column[Any], ...] = tuple(table.c[name] for name in self._fields)
        self._in = {c.name: _binder(c, dialect) for c in self.columns}
        self._positions = {c.name: place for place, c in enumerate(self.columns)}
        self._required = frozenset(c.name for c in self.columns if not c.nullable)
        self._out = tuple(zip(self._fields.values(), map(_reader, self.columns), strict=True))

    def selected(self, source: Any = None) -> list[ColumnElement[Any]]:
        """The columns of a SELECT or RETURNING, in the order `read` expects; of `source`, else of the table."""
        columns = self.columns if source is None else [source.c[c.name] for c in self.columns]
        return [
            self._dialect.json_out(column) if isinstance(mine.type, JSON) else column
            for column, mine in zip(columns, self.columns, strict=True)
        ]

    def read(self, row: Sequence[Any]) -> R:
        """The record of a row of `selected()`; further columns of the row are ignored."""
        return self._record(
            **{
                name: value if convert is None or value is None else convert(value)
                for (name, convert), value in zip(self._out, row, strict=False)
            }
        )

    def position(self, column: str) -> int:
        """Where `column` stands in a row of `selected()`."""
        return self._positions[column]

    def binds(self, names: Iterable[str]) -> dict[str, ColumnElement[Any]]:
        """Column name -> the value bound for it, see `parameters`."""
        columns = self._table.c
        return {
            name: self._dialect.json_in(_bind_name(name))
            if isinstance(columns[name].type, JSON)
            else bindparam(_bind_name(name), type_=columns[name].type)
            for name in names
        }

    def parameters(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Parameters for `binds`. Raises InvalidValueError for an unknown column or a value it cannot hold."""
        made: dict[str, Any] = {}
        for name, value in values.items():
            convert = self._in.get(name)
            if convert is None:
                raise InvalidValueError("There is no such field.", detail=name)
            # A NOT NULL document that is None is stored as JSON null, as agno does; any other is refused.
            made[_bind_name(name)] = None if value is None and name not in self._required else convert(value)
        return made

    def values(self, record: R) -> dict[str, Any]:
        """Column name -> value of a record."""
        return {column: getattr(record, name) for column, name in self._fields.items()}


def _bind_name(column: str) -> str:
    # SQLAlchemy keeps the columns' own names for itself in INSERT and UPDATE.
    return f"p_{column}"


def _binder(column: Column[Any], dialect: Dialect) -> Callable[[Any], Any]:
    if isinstance(column.type, JSON):
        return codec.encode
    if isinstance(column.type, Boolean):
        return boolean_in
    if isinstance(column.type, BigInteger):
        return integer_in
    if isinstance(column.type, Date):
        return date_in
    convert = key_in if _is_key(column) else text_in
    limit = dialect.longest(column)
    return convert if limit is None else lambda value: _short(convert(value), limit)


def _short(text: str, limit: int) -> str:
    # The server would refuse it too, and with it whatever is written by the same statement.
    if len(text) > limit:
        raise InvalidValueError(f"A text of this field must not exceed {limit} characters.", detail=str(len(text)))
    return text


def _is_key(column: Column[Any]) -> bool:
    indexed = (index for index in column.table.indexes if column.name in index.columns)
    return column.primary_key or bool(column.foreign_keys) or any(indexed)


def _reader(column: Column[Any]) -> Callable[[Any], Any] | None:
    if isinstance(column.type, JSON):
        return _json_out
    return None if isinstance(column.type, (Boolean, BigInteger, Date)) else _text_out
