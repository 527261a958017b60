"""Between a record and its row: what a table's columns need on the way in and on the way out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Generic, TypeVar

from sqlalchemy import JSON, BigInteger, Boolean, Column, ColumnElement, Date, Table, bindparam

from agnodb import codec
from agnodb.errors import InvalidValueError
from agnodb.records.base import Record, column_fields
from agnodb.rules.columns import Convert, binder
from agnodb.rules.values import key_in, text_in
from agnodb.sql.dialects.base import Dialect
from agnodb.text import TEXT_MARKER, decode_text

R = TypeVar("R", bound=Record)


def _json_out(text: Any) -> Any:
    # SQLite's JSON columns have NUMERIC affinity: a lone number comes back as one.
    return codec.decode(text) if isinstance(text, str) else text


class RowMap(Generic[R]):
    """Maps `record` to a table: which columns are read, how values are bound and how rows become records."""

    def __init__(self, record: type[R], table: Table, dialect: Dialect) -> None:
        self._record, self._table, self._dialect = record, table, dialect
        self._fields = column_fields(record)
        self.columns: tuple[Column[Any], ...] = tuple(table.c[name] for name in self._fields)
        # A NOT NULL document that is None is stored as JSON null, as agno does; any other is refused.
        self._in = {c.name: (_bind_name(c.name), _binder(c, dialect), not c.nullable) for c in self.columns}
        self._checks = tuple((name, *self._in[name][1:]) for name in self._fields)
        self._values = attrgetter(*self._fields.values())
        self._positions = {c.name: place for place, c in enumerate(self.columns)}
        self._names = tuple(self._fields.values())
        kinds = [(place, _reader(column)) for place, column in enumerate(self.columns)]
        self._texts = tuple(place for place, read in kinds if read is decode_text)
        self._documents = tuple(place for place, read in kinds if read is _json_out)

    def selected(self, source: Any = None) -> list[ColumnElement[Any]]:
        """The columns of a SELECT or RETURNING, in the order `read` expects; of `source`, else of the table."""
        columns = self.columns if source is None else [source.c[c.name] for c in self.columns]
        return [
            self._dialect.json_out(column) if isinstance(mine.type, JSON) else column
            for column, mine in zip(columns, self.columns, strict=True)
        ]

    def read(self, row: Sequence[Any]) -> R:
        """The record of a row of `selected()`; further columns of the row are ignored."""
        values = list(row)
        for place in self._texts:
            text = values[place]
            if text is not None and text.startswith(TEXT_MARKER):
                values[place] = decode_text(text)
        for place in self._documents:
            text = values[place]
            if text is not None:
                values[place] = _json_out(text)
        return self._record(**dict(zip(self._names, values, strict=False)))

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
            if name not in self._in:
                raise InvalidValueError("There is no such field.", detail=name)
            bound, convert, required = self._in[name]
            made[bound] = convert(value) if value is not None or required else None
        return made

    def row(self, record: R, **stored: Any) -> dict[str, Any]:
        """Column name -> value for the database, of a record, but for those that are `stored` as given. See
        `parameters`."""
        row = {
            name: convert(value) if value is not None or required else None
            for (name, convert, required), value in zip(self._checks, self._values(record), strict=True)
            if name not in stored
        }
        return row | stored

    def values(self, record: R) -> dict[str, Any]:
        """Column name -> value of a record."""
        return {column: getattr(record, name) for column, name in self._fields.items()}


def _bind_name(column: str) -> str:
    # SQLAlchemy keeps the columns' own names for itself in INSERT and UPDATE.
    return f"p_{column}"


def _binder(column: Column[Any], dialect: Dialect) -> Convert:
    convert = binder(column, json=codec.encode)
    limit = dialect.longest(column) if convert in (key_in, text_in) else None
    return convert if limit is None else lambda value: _short(convert(value), limit)


def _short(text: str, limit: int) -> str:
    # The server would refuse it too, and with it whatever is written by the same statement.
    if len(text) > limit:
        raise InvalidValueError(f"A text of this field must not exceed {limit} characters.", detail=str(len(text)))
    return text


def _reader(column: Column[Any]) -> Callable[[Any], Any] | None:
    if isinstance(column.type, JSON):
        return _json_out
    return None if isinstance(column.type, (Boolean, BigInteger, Date)) else decode_text
