"""`agnodb_version`: the revision of each set of tables, in the schema where the tables are.

It is a table of our own because `alembic_version` may be the application's, and it has one row per set of
table names because several sets in one schema are normal: with one row for all, the second set would count as
made.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Delete, MetaData, Select, Table, select
from sqlalchemy.dialects import mysql, postgresql, sqlite

from agnodb import clock
from agnodb.config import Layout, TableNames
from agnodb.migrations.fields import AnyLength, ShortText

NAME = "agnodb_version"


@lru_cache(maxsize=256)
def version_table(schema: str | None) -> Table:
    """The table in `schema`. `tables` has the set's names as JSON: what the digest in `layout` means."""
    return Table(
        NAME,
        MetaData(schema=schema),
        Column("layout", ShortText, primary_key=True),
        Column("revision", ShortText, nullable=False),
        Column("updated_at", BigInteger),
        Column("tables", AnyLength),
    )


def select_revision(layout: Layout) -> Select[Any]:
    """The statement that reads the revision of `layout`: one row or none."""
    table = version_table(layout.schema)
    return select(table.c.revision).where(table.c.layout == layout.key)


def upsert_revision(layout: Layout, revision: str, dialect: str) -> Any:
    """The statement that moves the row of `layout` to `revision`, or makes it."""
    values = {"revision": revision, "updated_at": clock.now(), "tables": json.dumps(layout.names.as_dict())}
    table = version_table(layout.schema)
    if dialect == "mysql":
        made = mysql.insert(table).values(layout=layout.key, **values)
        return made.on_duplicate_key_update({name: made.inserted[name] for name in values})
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    statement = insert(table).values(layout=layout.key, **values)
    # `excluded`, and not the values again, which SQLAlchemy 2.0 leaves as binds in the SQL to run by hand.
    update = {name: statement.excluded[name] for name in values}
    return statement.on_conflict_do_update(index_elements=["layout"], set_=update)


def insert_absent(table: Table, values: Mapping[str, Any], dialect: str) -> Any:
    """The statement that inserts a row of `values` where its key is not taken."""
    if dialect == "mysql":
        return mysql.insert(table).values(values).prefix_with("IGNORE")
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    return insert(table).values(values).on_conflict_do_nothing()


def delete_revision(layout: Layout) -> Delete:
    """The statement that removes the row of `layout`."""
    table = version_table(layout.schema)
    return table.delete().where(table.c.layout == layout.key)


def tables_of_others(connection: Connection, layout: Layout) -> frozenset[str]:
    """The names of all tables that other sets in the same schema use. The version table must exist."""
    table = version_table(layout.schema)
    rows = connection.execute(select(table.c.tables).where(table.c.layout != layout.key)).scalars()
    others = [json.loads(row) for row in rows if row]
    own = (TableNames(**names).own().values() for names in others)
    return frozenset(name for names in (*(other.values() for other in others), *own) for name in names)
