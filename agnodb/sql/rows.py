"""Between a record and its row: what a table's columns need on the way in and on the way out."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, Generic, TypeVar

from sqlalchemy import JSON, BigInteger, Boolean, Column, ColumnElement, Date, Table, bindparam

from agnodb import codec
from agnodb.errors import InvalidValueError
from agnodb.records.base import Record, column_fields
from agnodb.sql.dialects.base import Dialect
from agnodb.text import decode_text, encode_text

R = TypeVar("R", bound=Record)

INT64 = 2**63
MAX_KEY_BYTES = 2000
"""A row of a PostgreSQL btree holds 2,704 bytes, and a key shares it with the other columns of its index."""


def text_in(value: Any) -> str:
    """A value for a text column. Enums give their value; text that no column can hold is escaped (see `codec`)."""
    if isinstance(value, Enum):
        value = value.value
    if not isinstance(value, str):
        raise InvalidValueError("A text is needed here.", detail=repr(type(value)))
    return encode_text(value)


def key_in(value: Any) -> str:
    """A value for a text column that is a key or has an index."""
    text = text_in(value)
    if len(text.encode()) > MAX_KEY_BYTES:
        raise InvalidValueError(f"An id must not exceed {MAX_KEY_BYTES} bytes.", detail=str(len(text)))
    return text


def integer_in(value: Any) -> int:
    """A value for a 64-bit integer column; a float without a fraction is taken as the integer it is."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or not -INT64 <= value < INT64:
        raise InvalidValueError("A whole number of at most 64 bits is needed here.", detail=repr(type(value)))
    return int(value)


def boolean_in(value: Any) -> bool:
    """A value for a boolean column."""
    if not isinstance(value, bool):
        raise InvalidValueError("True or False is needed here.", detail=repr(type(value)))
    return value


def date_in(value: Any) -> datetime.date:
    """A value for a date column; of a datetime its day in UTC."""
    if isinstance(value, datetime.datetime):
        try:
            return (value if value.tzinfo is None else value.astimezone(datetime.UTC)).date()
        except OverflowError as error:
            raise InvalidValueError("A date is needed here.", detail=repr(type(value))) from error
    if not isinstance(value, datetime.date):
        raise InvalidValueError("A date is needed here.", detail=repr(type(value)))
    return value


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
        self._in = {c.name: _binder(c) for c in self.columns}
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


def _binder(column: Column[Any]) -> Callable[[Any], Any]:
    if isinstance(column.type, JSON):
        return codec.encode
    if isinstance(column.type, Boolean):
        return boolean_in
    if isinstance(column.type, BigInteger):
        return integer_in
    if isinstance(column.type, Date):
        return date_in
    return key_in if _is_key(column) else text_in


def _is_key(column: Column[Any]) -> bool:
    indexed = (index for index in column.table.indexes if column.name in index.columns)
    return column.primary_key or bool(column.foreign_keys) or any(indexed)


def _reader(column: Column[Any]) -> Callable[[Any], Any] | None:
    if isinstance(column.type, JSON):
        return _json_out
    return None if isinstance(column.type, (Boolean, BigInteger, Date)) else _text_out
