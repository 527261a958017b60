"""Does a database have what the models say? Used by `check`, of our runner and of `alembic check`.

Only what the models have is looked for. Other tables, columns and indexes belong to agno, to the application
or to whoever tunes the database, and are no drift.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, Connection, text
from sqlalchemy.schema import Index, SchemaItem

from agnodb.config import Layout
from agnodb.migrations.catalog import read_catalog, read_triggers
from agnodb.migrations.head import HEAD, REVISIONS
from agnodb.migrations.steps import read_revision
from agnodb.models import tables_for
from agnodb.mysql_drivers import is_singlestore


def differences(connection: Connection, layout: Layout) -> list[str]:
    """What keeps `layout` from being at head with the tables of the models: one line each, or none."""
    revision = read_revision(connection, layout)
    if revision is None:
        return [f"agnodb has not made or adopted these tables; head is {HEAD}"]
    if revision not in REVISIONS:
        return [f"the database is at {revision}, which this agnodb does not know; its head is {HEAD}"]
    if revision != HEAD:
        return [f"the database is at {revision}; head is {HEAD}"]
    options = comparison_options(connection, layout)
    context = MigrationContext.configure(connection, opts=options)
    with quiet():
        found = [_line(entry) for entry in _flat(compare_metadata(context, options["target_metadata"]))]
    found += [_line(("add_index", index)) for index in missing_indexes(connection, layout)]
    found += [f"add_index {name} on {table}" for table, name in missing_grams(connection, layout)]
    return found + [f"add_trigger {name} on {table}" for table, name in missing_triggers(connection, layout)]


def comparison_options(connection: Connection, layout: Layout) -> dict[str, Any]:
    """Options of a MigrationContext that compares the tables of `layout`, except for missing indexes.

    PostgreSQL: sets the search path of the transaction, so that foreign keys are read with their schema.
    """
    if connection.dialect.name == "postgresql":
        if layout.schema == connection.dialect.default_schema_name:
            # Alembic calls the default schema None, in the models too.
            layout = replace(layout, schema=None)
        else:
            connection.execute(text("SET LOCAL search_path TO pg_catalog"))
    names = layout.names.all()
    mysql, singlestore = connection.dialect.name == "mysql", is_singlestore(connection.dialect)

    def include_name(name: str | None, kind: str, _parents: Any) -> bool:
        if kind == "schema":
            return name == layout.schema
        return kind != "table" or name in names

    def include_object(
        item: SchemaItem, _name: str | None, kind: str, reflected: bool, compare_to: SchemaItem | None
    ) -> bool:
        if kind == "index" and mysql:  # one over some rows only stands for itself by a computed column there
            return False
        if kind in ("foreign_key_constraint", "unique_constraint") and singlestore:  # it keeps none
            return False
        return compare_to is not None or not (reflected or isinstance(item, Index))

    return {
        "target_metadata": tables_for(layout, dated=mysql and not singlestore).metadata,
        "include_schemas": layout.schema is not None,
        "include_name": include_name,
        "include_object": include_object,
        # agno's texts are shorter than ours, and MariaDB has another name for JSON: neither is a drift.
        "compare_type": not mysql,
    }


def missing_indexes(connection: Connection, layout: Layout) -> list[Index]:
    """The models' indexes that are not there, or are invalid.

    Asked of the catalog: reflection leaves out indexes over expressions (SQLite) and calls invalid ones good.
    """
    tables = tables_for(layout)
    catalog, singlestore = read_catalog(connection, layout.schema), is_singlestore(connection.dialect)
    wanted = [
        index
        for table in tables.metadata.sorted_tables
        if table.name in catalog.columns
        for index in sorted(table.indexes, key=lambda index: str(index.name))
        if index._ddl_if is None or index._ddl_if.dialect == connection.dialect.name
        if connection.dialect.name != "mysql" or all(isinstance(part, Column) for part in index.expressions)
        if not (index.unique and singlestore)
    ]
    states = {index: catalog.indexes.get(str(index.name)) for index in wanted}
    return [index for index, state in states.items() if state is None or not state.valid]


def missing_triggers(connection: Connection, layout: Layout) -> list[tuple[str, str]]:
    """Table and name of our triggers that are not there or are disabled. MySQL has none."""
    if connection.dialect.name == "mysql":
        return []
    tables = layout.names.as_dict()
    wanted = [(tables[concept], name) for concept, names in layout.names.triggers().items() for name in names]
    there = read_triggers(connection, layout.schema)
    return [pair for pair in wanted if pair not in there]


def missing_grams(connection: Connection, layout: Layout) -> list[tuple[str, str]]:
    """Table and name of what searches need and is not there, or invalid. MySQL needs nothing."""
    if connection.dialect.name == "mysql":
        return []
    catalog, tables = read_catalog(connection, layout.schema), layout.names.as_dict()
    searched = [(tables[concept], names) for concept, names in layout.names.grams().items()]
    if connection.dialect.name == "postgresql":
        there = {name for name, state in catalog.indexes.items() if state.valid}
        return [(table, names.index) for table, names in searched if names.index not in there]
    there = {*catalog.columns, *(name for _, name in read_triggers(connection, None))}
    wanted = [(table, name) for table, names in searched for name in (names.keys, names.grams, *names.triggers)]
    return [(table, name) for table, name in wanted if name not in there]


@contextmanager
def quiet() -> Iterator[None]:
    """Without warnings that indexes over expressions cannot be compared: see `missing_indexes`."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*expression-based index")
        yield


def _flat(entries: Iterable[Any]) -> Iterable[tuple[Any, ...]]:
    for entry in entries:
        # Changes of one column come as a list.
        yield from entry if isinstance(entry, list) else [entry]


def _line(entry: tuple[Any, ...]) -> str:
    """E.g. ``add_index idx_agno_runs_status on agno_runs``: what would have to be done."""
    action, *facts = entry
    words = []
    for fact in facts:
        name = fact if isinstance(fact, str) else getattr(fact, "name", None)
        table = getattr(fact, "table", None)
        if isinstance(name, str):
            words.append(name if table is None else f"{name} on {table.name}")
    return " ".join([action, *words])
