"""The declarative base, and the same tables under other names.

The models are written once with agno's default names. `tables_for(layout)` gives the tables that a database
object works on: the same columns, keys and indexes in the layout's schema, under the layout's names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    FetchedValue,
    ForeignKeyConstraint,
    Identity,
    Index,
    MetaData,
    Table,
    UniqueConstraint,
)
from sqlalchemy.dialects.mysql import TIMESTAMP
from sqlalchemy.orm import DeclarativeBase

from agnodb.config import GramNames, Layout, TableNames, object_name
from agnodb.models.types import ShortText

WRITTEN_AT = "agnodb_written_at"


class Base(DeclarativeBase):
    """Base of every model. Index names follow agno's: ``idx_<table>_<columns>``."""

    metadata = MetaData(naming_convention={"ix": "idx_%(table_name)s_%(column_0_N_name)s"})
    type_annotation_map = {str: ShortText, int: BigInteger(), bool: Boolean()}


@dataclass(frozen=True)
class Tables:
    """The tables of one layout, by concept."""

    metadata: MetaData
    sessions: Table
    runs: Table
    memories: Table
    metrics: Table
    eval_runs: Table
    knowledge: Table
    traces: Table
    spans: Table
    schema_versions: Table
    learnings: Table
    schedules: Table
    schedule_runs: Table
    approvals: Table
    metric_changes: Table
    metric_counts: Table
    metric_totals: Table
    triggers: Mapping[str, tuple[str, ...]]
    """Concept -> names of the triggers on its table (see `TableNames.triggers`)."""
    grams: Mapping[str, GramNames]
    """Concept -> names of what serves the searches in its table."""


@lru_cache(maxsize=256)
def tables_for(layout: Layout, *, dated: bool = False) -> Tables:
    """The tables of `layout`. The same object for the same layout, so prepared statements can be shared.

    `dated`: with the column in which MySQL notes when a run was last written, whoever writes; no other database has it.
    """
    defaults, chosen = ({**names.as_dict(), **names.own()} for names in (TableNames(), layout.names))
    renamed = {defaults[concept]: chosen[concept] for concept in defaults}
    metadata = MetaData(schema=layout.schema)
    copies = {source.name: _copy(source, metadata, layout.schema, renamed) for source in Base.metadata.sorted_tables}
    by_concept: dict[str, Any] = {concept: copies[defaults[concept]] for concept in defaults}
    if dated:
        by_concept["runs"].append_column(
            Column(WRITTEN_AT, TIMESTAMP(fsp=6), nullable=False, server_default=FetchedValue())
        )
    triggers, grams = layout.names.triggers(), layout.names.grams()
    return Tables(metadata=metadata, triggers=triggers, grams=grams, **by_concept)


def _copy(source: Table, metadata: MetaData, schema: str | None, renamed: dict[str, str]) -> Table:
    target = renamed[source.name]
    columns = [
        Column(
            c.name,
            c.type,
            *([] if c.identity is None else [Identity()]),
            primary_key=c.primary_key,
            nullable=c.nullable,
            server_default=None if c.identity is not None else c.server_default,
        )
        for c in source.columns
    ]
    copy = Table(target, metadata, *columns, schema=schema)
    prefix = f"{schema}." if schema else ""
    for foreign in source.foreign_key_constraints:
        to = f"{prefix}{renamed[foreign.referred_table.name]}"
        refers = [f"{to}.{element.column.name}" for element in foreign.elements]
        copy.append_constraint(ForeignKeyConstraint(foreign.column_keys, refers, ondelete=foreign.ondelete))
    for unique in source.constraints:
        if isinstance(unique, UniqueConstraint):
            name = _renamed(str(unique.name), source.name, target)
            copy.append_constraint(UniqueConstraint(*unique.columns.keys(), name=name))
    for index in sorted(source.indexes, key=lambda i: str(i.name)):
        _copy_index(index, source.name, copy)
    return copy


def _copy_index(index: Index, source_name: str, copy: Table) -> None:
    expressions = [copy.c[e.name] if isinstance(e, Column) else e for e in index.expressions]
    made = Index(
        _renamed(str(index.name), source_name, copy.name),
        *expressions,
        unique=index.unique,
        **dict(index.dialect_kwargs),
    )
    if made.table is None:  # an index over expressions alone does not find its table by itself
        copy.append_constraint(made)
    if "only_on" in index.info:
        made.ddl_if(dialect=index.info["only_on"])


def _renamed(name: str, source: str, target: str) -> str:
    return object_name(name.replace(source, target, 1))


def concepts() -> tuple[str, ...]:
    """The names of the concepts that agno has tables of, in the order of `Tables`."""
    return tuple(TableNames().as_dict())
