"""What all records share: a record is one row, its fields named like the table's columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

from agnodb.errors import InvalidValueError


def internal(column: str, default: Any = None) -> Any:
    """A field of our own additive `column`, which agno's dictionaries do not have."""
    return field(default=default, metadata={"column": column, "internal": True})


UNSTORED = {"column": None, "internal": True}
"""Metadata of a field that is no column: something that a record carries with it."""


@dataclass(slots=True, kw_only=True)
class Record:
    """One row. Values are what the codec decodes: JSON columns are Python values, never text."""

    @classmethod
    def of(cls, value: Any, **given: Any) -> Self:
        """`value`, a record or a mapping of its fields, as a record; `given` fields replace its own.

        A record that is passed in is not changed. Raises InvalidValueError for unknown fields and missing ones.
        """
        if isinstance(value, cls):
            return replace(value, **given)
        if not isinstance(value, Mapping):
            raise InvalidValueError(f"A {cls.__name__} or a mapping is needed here.", detail=repr(type(value)))
        try:
            return cls(**{**value, **given})
        except TypeError as error:
            message = "Some of these fields are unknown, or some are missing."
            raise InvalidValueError(message, detail=str(error)) from error

    def fill(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """`data` with this record's values where it says nothing."""
        return {**data, **{name: value for name, value in self.to_dict().items() if value is not None}}

    def to_dict(self) -> dict[str, Any]:
        """The row as agno's dictionaries have it: column name -> value, without our additive columns.

        The values are this record's own objects, not copies.
        """
        return {name: getattr(self, name) for name in public_fields(type(self))}


_PUBLIC: dict[Any, tuple[str, ...]] = {}
_COLUMNS: dict[Any, Mapping[str, str]] = {}


def public_fields(record: type[Record]) -> tuple[str, ...]:
    """The names of the columns that `record` shares with agno, in the table's order."""
    found = _PUBLIC.get(record)
    if found is None:
        found = _PUBLIC[record] = tuple(f.name for f in fields(record) if not f.metadata.get("internal"))
    return found


def column_fields(record: type[Record]) -> Mapping[str, str]:
    """Column name -> field name, in the order of the fields."""
    found = _COLUMNS.get(record)
    if found is None:
        columns = ((f.metadata.get("column", f.name), f.name) for f in fields(record))
        found = _COLUMNS[record] = {column: name for column, name in columns if column is not None}
    return found
