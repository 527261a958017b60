"""What all records share: a record is one row, its fields named like the table's columns."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any


def internal(column: str, default: Any = None) -> Any:
    """A field of our own additive `column`, which agno's dictionaries do not have."""
    return field(default=default, metadata={"column": column, "internal": True})


@dataclass(slots=True, kw_only=True)
class Record:
    """One row. Values are what the codec decodes: JSON columns are Python values, never text."""

    def to_dict(self) -> dict[str, Any]:
        """The row as agno's dictionaries have it: column name -> value, without our additive columns.

        The values are this record's own objects, not copies.
        """
        return {name: getattr(self, name) for name in public_fields(type(self))}


_PUBLIC: dict[Any, tuple[str, ...]] = {}


def public_fields(record: type[Record]) -> tuple[str, ...]:
    """The names of the columns that `record` shares with agno, in the table's order."""
    found = _PUBLIC.get(record)
    if found is None:
        found = _PUBLIC[record] = tuple(f.name for f in fields(record) if not f.metadata.get("internal"))
    return found


def column_fields(record: type[Record]) -> dict[str, str]:
    """Column name -> field name, in the order of the fields."""
    return {f.metadata.get("column", f.name): f.name for f in fields(record)}
