"""The walk from one revision to another: each one's operations and the move of our version row, together.

Alembic plans the walk and holds the transactions; its own version table is never touched.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect
from sqlalchemy.schema import CreateTable

from agnodb.config import Layout
from agnodb.errors import ConfigurationError
from agnodb.migrations.catalog import Catalog, read_catalog
from agnodb.migrations.head import REVISIONS
from agnodb.migrations.operations import SchemaOperations
from agnodb.migrations.script import Script
from agnodb.migrations.version_table import (
    NAME,
    delete_revision,
    select_revision,
    tables_of_others,
    upsert_revision,
    version_table,
)

Progress = Callable[[str], None]

OPTIONS: dict[str, Any] = {"transactional_ddl": True, "transaction_per_migration": True}
"""What `walk` relies on in a MigrationContext. SQLite's DDL is transactional after an explicit BEGIN."""


def walk(context: MigrationContext, layout: Layout, progress: Progress | None = None) -> None:
    """Take the steps that `context.opts["fn"]` plans from the present revision of `layout`; from none with the option
    "purge", and with "restore" when one of the tables is not there.

    One revision and its version row are one transaction, except that CREATE INDEX CONCURRENTLY commits before
    it (PostgreSQL); when the connection is in a transaction already, everything belongs to that one. With
    --sql the statements are written down instead. Where none of the tables exists, all revisions are sent to PostgreSQL
    as one statement, in one transaction.
    """
    connection = None if context.as_sql else context.connection
    catalog = Catalog() if connection is None else read_catalog(connection, layout.schema)
    heads = _heads(context, layout, catalog)
    # Tables that nobody has made yet need no look at their rows: Alembic can write down how it makes them.
    script = Script(context) if connection is not None and _writable(connection, layout, catalog) else None
    writer = script.context if script else context
    schema = SchemaOperations(
        context,
        layout,
        from_base=not heads,
        in_use=_tables_of_others(connection, layout, catalog),
        progress=progress,
        catalog=catalog,
        written_to=writer,
    )
    for step in context.opts["fn"](heads, context):
        with nullcontext() if script else context.begin_transaction(_per_migration=True):
            if context.as_sql:
                context.impl.static_output(f"-- Running {step.short_log}")
            elif progress:
                progress(f"running {step}")
            schema.begin_revision()
            step.migration_fn(schema=schema)
            _move(writer, layout, schema, step.to_revisions[0] if step.to_revisions else None)
    if script:
        with context.begin_transaction(_per_migration=True):
            script.send()


def read_revision(connection: Connection, layout: Layout) -> str | None:
    """The revision of `layout`, or None without a row or a version table. Fails no transaction."""
    if not inspect(connection).has_table(NAME, schema=layout.schema):
        return None
    revision: str | None = connection.scalar(select_revision(layout))
    return revision


def has_any_table(connection: Connection, layout: Layout) -> bool:
    """Whether one of the layout's tables exists."""
    existing = read_catalog(connection, layout.schema).columns
    return any(name in existing for name in layout.names.as_dict().values())


def _writable(connection: Connection, layout: Layout, catalog: Catalog) -> bool:
    """Whether the revisions may be sent as scripts. Alembic writes a tab as blanks, in names too."""
    names = layout.names.all()
    named_plainly = not any("\t" in name for name in (*names, layout.schema or ""))
    return connection.dialect.name == "postgresql" and named_plainly and names.isdisjoint(catalog.columns)


def _heads(context: MigrationContext, layout: Layout, catalog: Catalog) -> tuple[str, ...]:
    if context.as_sql or context.connection is None:
        return context.get_current_heads()
    known = NAME in catalog.columns
    revision: str | None = context.connection.scalar(select_revision(layout)) if known else None
    restores = context.opts.get("restore", False) and not layout.names.all() <= catalog.columns.keys()
    if revision is not None and (context.purge or restores):
        with context.begin_transaction(_per_migration=True):
            context.connection.execute(delete_revision(layout))
        return ()
    if revision is not None and revision not in REVISIONS and not context.opts.get("dont_mutate"):
        raise ConfigurationError(
            f"The database is at revision {revision}, which only a newer agnodb knows: install that one."
        )
    return (revision,) if revision else ()


def _tables_of_others(connection: Connection | None, layout: Layout, catalog: Catalog) -> frozenset[str]:
    if connection is None or NAME not in catalog.columns:
        return frozenset()
    return tables_of_others(connection, layout)


def _move(context: MigrationContext, layout: Layout, schema: SchemaOperations, revision: str | None) -> None:
    if revision is None:
        context.impl._exec(delete_revision(layout))
        return
    if NAME not in schema.catalog.columns:
        schema.create_schema()
        context.impl._exec(CreateTable(version_table(layout.schema), if_not_exists=schema.offline))
        schema.catalog.columns[NAME] = set()
    context.impl._exec(upsert_revision(layout, revision, context.dialect.name))
