"""Reading the schema's state. Nothing is changed."""

from __future__ import annotations

from typing import Any

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, String, column, func, select, table

from agnodb.config import Layout
from agnodb.diagnosis.facts import SchemaFacts, SchemaState
from agnodb.errors import SchemaOutdatedError
from agnodb.migrations.catalog import read_catalog
from agnodb.migrations.comparison import differences
from agnodb.migrations.head import HEAD, REVISIONS
from agnodb.migrations.operations import SchemaOperations
from agnodb.migrations.runner import chain
from agnodb.migrations.steps import OPTIONS, has_any_table, read_revision
from agnodb.migrations.version_table import tables_of_others


def read_schema(connection: Connection, layout: Layout) -> SchemaFacts:
    """The state of the tables of `layout`. Raises what the driver raises where this role may not look."""
    revision = read_revision(connection, layout)
    if revision is None:
        return SchemaFacts(state=_without_revision(connection, layout))
    if revision not in REVISIONS:
        return SchemaFacts(state=SchemaState.NEWER, revision=revision)
    adopted = _adopted(connection, layout)
    if revision != HEAD:
        return SchemaFacts(state=SchemaState.BEHIND, revision=revision, adopted=adopted)
    found = tuple(differences(connection, layout))
    state = SchemaState.DRIFTED if found else SchemaState.CURRENT
    return SchemaFacts(state=state, revision=revision, adopted=adopted, differences=found)


def _without_revision(connection: Connection, layout: Layout) -> SchemaState:
    if not has_any_table(connection, layout):
        return SchemaState.NONE
    context = MigrationContext.configure(connection, opts=dict(OPTIONS))
    first: Any = chain().get_revision(REVISIONS[0])
    try:
        # The first revision refuses what is too old before it changes anything: ask it.
        first.module.upgrade(_UntilTheFirstChange(context, layout, from_base=True))
    except SchemaOutdatedError:
        return SchemaState.OLDER_AGNO
    except _WouldChange:
        pass
    return SchemaState.AGNO


class _WouldChange(Exception):
    pass


class _UntilTheFirstChange(SchemaOperations):
    def create_table(self, *_: Any) -> None:
        raise _WouldChange


def _adopted(connection: Connection, layout: Layout) -> bool:
    """agno stamps each table when it makes it; agnodb all tables that have no stamp, at one moment."""
    names = layout.names
    stamps = table(names.schema_versions, column("table_name", String), column("created_at"), schema=layout.schema)
    if names.schema_versions not in read_catalog(connection, layout.schema).columns:
        return False
    mine = set(names.as_dict().values()) - tables_of_others(connection, layout)
    moments = select(func.count(stamps.c.created_at.distinct())).where(stamps.c.table_name.in_(mine))
    return (connection.scalar(moments) or 0) > 1
