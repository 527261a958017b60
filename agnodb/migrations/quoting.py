"""Names and texts in statements that are written by hand."""

from __future__ import annotations

from sqlalchemy import TextClause, text
from sqlalchemy.engine import Dialect


def literal(value: str) -> str:
    """`value` as a string."""
    return "'" + value.replace("'", "''") + "'"


def identifier(name: str, dialect: Dialect) -> str:
    """`name`, in quotes where it needs them, for a text: SQLAlchemy doubles its percent signs where the driver asks."""
    preparer = dialect.identifier_preparer
    quoted = preparer.quote(name)
    return quoted.replace("%%", "%") if preparer._double_percents else quoted


def verbatim(statement: str) -> TextClause:
    """A statement whose names and texts may have colons, which are no binds."""
    return text(statement.replace(":", "\\:"))
