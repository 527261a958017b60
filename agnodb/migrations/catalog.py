"""What a database has: the tables, columns and indexes of one schema, read once per run.

Read from the system catalogs, because SQLAlchemy's reflection leaves out indexes over expressions (SQLite)
and does not say whether an index is valid (PostgreSQL).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, text

_POSTGRESQL = text(
    "WITH n AS (SELECT oid FROM pg_catalog.pg_namespace"
    " WHERE nspname = coalesce(CAST(:schema AS text), current_schema()))"
    " SELECT 'schema', '', '', true FROM n"
    " UNION ALL SELECT 'column', c.relname, a.attname, true FROM n"
    " JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p')"
    " JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
    " UNION ALL SELECT 'index', t.relname, i.relname, x.indisvalid FROM n"
    " JOIN pg_catalog.pg_class i ON i.relnamespace = n.oid"
    " JOIN pg_catalog.pg_index x ON x.indexrelid = i.oid"
    " JOIN pg_catalog.pg_class t ON t.oid = x.indrelid"
)
_POSTGRESQL_TRIGGERS = text(
    "SELECT c.relname, g.tgname FROM pg_catalog.pg_trigger g"
    " JOIN pg_catalog.pg_class c ON c.oid = g.tgrelid"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = coalesce(CAST(:schema AS text), current_schema()) AND g.tgenabled IN ('O', 'A')"
)
_SQLITE_TRIGGERS = text("SELECT tbl_name, name FROM sqlite_master WHERE type = 'trigger'")
_SQLITE_COLUMNS = text(
    "SELECT m.name, c.name FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS c WHERE m.type = 'table'"
)
_MYSQL_COLUMNS = text(
    "SELECT table_name, column_name, collation_name FROM information_schema.columns"
    " WHERE table_schema = coalesce(:schema, database())"
)
_MYSQL_INDEXES = text(
    "SELECT DISTINCT index_name, table_name, 1 FROM information_schema.statistics"
    " WHERE table_schema = coalesce(:schema, database())"
)
_MYSQL_SCHEMA = text("SELECT 1 FROM information_schema.schemata WHERE schema_name = coalesce(:schema, database())")
_SQLITE_INDEXES = text("SELECT name, tbl_name, 1 FROM sqlite_master WHERE type = 'index'")


BYTEWISE = "utf8mb4_bin"
"""The collation of MySQL in all its kinds and versions that compares byte by byte."""


@dataclass(frozen=True)
class IndexState:
    """An index that exists. An invalid one is left behind by a CREATE INDEX CONCURRENTLY that failed."""

    table: str
    valid: bool


@dataclass
class Catalog:
    """The tables of a schema with their columns, and its indexes. A run adds what it makes."""

    columns: dict[str, set[str]] = field(default_factory=dict)
    indexes: dict[str, IndexState] = field(default_factory=dict)
    has_schema: bool = True
    collations: dict[tuple[str, str], str | None] = field(default_factory=dict)
    """MySQL: how the texts of a table's column are compared."""


def read_catalog(connection: Connection, schema: str | None) -> Catalog:
    """What is in `schema` now (PostgreSQL, MySQL: None is the current one; SQLite has none)."""
    collations: dict[tuple[str, str], str | None] = {}
    columns: Iterable[Any]
    indexes: Iterable[Any]
    if connection.dialect.name == "postgresql":
        found = connection.execute(_POSTGRESQL, {"schema": schema}).all()
        columns = [(table, name) for kind, table, name, _ in found if kind == "column"]
        indexes = [(name, table, valid) for kind, table, name, valid in found if kind == "index"]
        has_schema = schema is None or bool(found)
    elif connection.dialect.name == "mysql":
        bound = {"schema": schema}
        described = connection.execute(_MYSQL_COLUMNS, bound).all()
        columns = [row[:2] for row in described]
        collations = {(table, column): collation for table, column, collation in described}
        indexes = connection.execute(_MYSQL_INDEXES, bound).all()
        has_schema = connection.execute(_MYSQL_SCHEMA, bound).first() is not None
    else:
        columns = connection.execute(_SQLITE_COLUMNS).all()
        indexes = connection.execute(_SQLITE_INDEXES).all()
        has_schema = True
    catalog = Catalog(has_schema=has_schema, collations=collations)
    for table, column in columns:
        catalog.columns.setdefault(table, set()).add(column)
    for name, table, valid in indexes:
        catalog.indexes[name] = IndexState(table, bool(valid))
    return catalog


def collation_of(catalog: Catalog, tables: Iterable[str], dialect: Any) -> str:
    """How the texts of a new table of MySQL are compared: as in the `tables` that are there, or two could not be
    joined; else byte by byte, trailing blanks included. `dialect`: SQLAlchemy's, None for SQL that is written down."""
    known = (catalog.collations.get((table, "session_id")) for table in tables)
    there = next((collation for collation in known if collation), None)
    if there is not None or dialect is None:
        return there or BYTEWISE
    return "utf8mb4_nopad_bin" if getattr(dialect, "is_mariadb", False) else "utf8mb4_0900_bin"


def read_triggers(connection: Connection, schema: str | None) -> set[tuple[str, str]]:
    """Table and name of each trigger in `schema` that is not disabled (PostgreSQL, SQLite)."""
    if connection.dialect.name == "postgresql":
        rows = connection.execute(_POSTGRESQL_TRIGGERS, {"schema": schema})
    else:
        rows = connection.execute(_SQLITE_TRIGGERS)
    return {(table, name) for table, name in rows}
