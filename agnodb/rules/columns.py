"""What each column of a table can hold, in every family alike: the values of a record on their way in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Column, Date, Table

from agnodb.errors import InvalidValueError
from agnodb.rules.values import boolean_in, date_in, integer_in, key_in, text_in

Convert = Callable[[Any], Any]
"""Raises InvalidValueError for what the column cannot hold."""


def binder(column: Column[Any], *, json: Convert, date: Convert = date_in) -> Convert:
    """How a value comes into `column`; `json` and `date` are those that families store differently."""
    if isinstance(column.type, JSON):
        return json
    if isinstance(column.type, Boolean):
        return boolean_in
    if isinstance(column.type, BigInteger):
        return integer_in
    if isinstance(column.type, Date):
        return date
    indexed = any(column.name in index.columns for index in column.table.indexes)
    return key_in if column.primary_key or column.foreign_keys or indexed else text_in


class Checks:
    """The values of those columns of a table that have `names`, each made what `bind(column)` makes of it."""

    def __init__(self, table: Table, names: Iterable[str], bind: Callable[[Column[Any]], Convert]) -> None:
        self._in = {name: (bind(table.c[name]), not table.c[name].nullable) for name in names}

    def checked(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Columns as they are stored. Raises InvalidValueError for an unknown one or a value it cannot hold."""
        made: dict[str, Any] = {}
        for name, value in values.items():
            if name not in self._in:
                raise InvalidValueError("There is no such field.", detail=name)
            convert, required = self._in[name]
            made[name] = convert(value) if value is not None or required else None
        return made
