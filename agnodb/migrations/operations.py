"""What a revision may do: steps that create what is missing and can be repeated without harm.

A revision gets a `SchemaOperations` bound to its run and imports no model: models move on, a revision stays
what it was. It names tables by concept ("sessions"), and the run's layout says which table of which schema
that is. Alembic's global `op` is never used: with it, upgrades that run at the same time would share one
database.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import (
    Column,
    ForeignKeyConstraint,
    MetaData,
    Select,
    String,
    Table,
    UniqueConstraint,
    literal_column,
    select,
    text,
)
from sqlalchemy.schema import Constraint, CreateColumn, CreateSchema
from sqlalchemy.sql.elements import TextClause

from agnodb import clock
from agnodb.config import Layout, object_name
from agnodb.errors import ConfigurationError, SchemaOutdatedError
from agnodb.migrations import searching
from agnodb.migrations.catalog import BYTEWISE, Catalog, IndexState, collation_of, read_catalog
from agnodb.migrations.fields import (
    AnyLength,
    Epoch,
    Field,
    Json,
    LongKey,
    LongText,
    Word,
    dated,
    key,
    optional,
    required,
    serial,
)
from agnodb.migrations.quoting import identifier, verbatim
from agnodb.migrations.triggers import Notes
from agnodb.migrations.version_table import insert_absent
from agnodb.mysql_drivers import is_singlestore

__all__ = [
    "AnyLength",
    "Epoch",
    "Field",
    "Json",
    "LongKey",
    "LongText",
    "SchemaOperations",
    "Word",
    "dated",
    "key",
    "optional",
    "required",
    "serial",
]

LOCK_TIMEOUT = "5s"
"""How long a statement may wait for a table in use. Whoever comes after it waits too, so it is short."""


class SchemaOperations:
    """The operations of one run of revisions on one layout."""

    def __init__(
        self,
        context: MigrationContext,
        layout: Layout,
        *,
        from_base: bool,
        in_use: Collection[str] = (),
        progress: Callable[[str], None] | None = None,
        catalog: Catalog | None = None,
        written_to: MigrationContext | None = None,
    ) -> None:
        """`from_base`: the run starts without a revision (what --sql goes by: it cannot look at tables).

        `in_use`: tables that other layouts of the same schema use too; they are never dropped or reduced.
        `catalog`: what the schema has, where that was read already. `written_to`: what takes the statements instead of
        `context`, which still looks at rows; only where none of the layout's tables exists.
        """
        self._context = context
        self._op = Operations(written_to or context)
        self.layout = layout
        self.database = context.dialect.name
        self._postgresql, self._mysql = (self.database == name for name in ("postgresql", "mysql"))
        self._singlestore = is_singlestore(context.dialect)
        self.dates_writes = self._mysql and not self._singlestore  # whether it keeps columns that are `dated`
        self._names = {**layout.names.as_dict(), **layout.names.own()}
        self._in_use, self._from_base = in_use, from_base
        self._progress = progress or (lambda _: None)
        self._fresh: set[str] = set()
        self._known, self._schema_made = catalog, False

    @property
    def offline(self) -> bool:
        """Whether SQL is only written down (--sql), so that the database cannot be looked at."""
        return self._context.as_sql

    def begin_revision(self) -> None:
        """Bound how long the statements of the transaction that just began may wait for locks."""
        if self._postgresql:
            self._op.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")

    def refuse_older_shape(
        self, version: str, tables: Mapping[str, Sequence[Field]], legacy: Mapping[str, str]
    ) -> None:
        """Before any change: raise SchemaOutdatedError if agno's tables have an older shape than `version`.

        That is so if one lacks a column, is stamped with an older version, or still has its `legacy` column
        without a stamp which says that the content was moved.
        """
        if self.offline:
            return
        stamps = self._stamps()
        for concept, fields in tables.items():
            table = self.table(concept)
            existing = self.catalog.columns.get(table)
            if existing is None:
                continue
            missing = [field.name for field in fields if field.name not in existing]
            stamp = stamps.get(table)
            older = stamp is not None and _version(stamp) < _version(version)
            if missing or older or (stamp is None and legacy.get(concept) in existing):
                raise SchemaOutdatedError(
                    command=f"agnodb adopt {self.layout.options()}".rstrip(),
                    detail=f"table {table}: stamp {stamp}, missing columns: {', '.join(missing) or 'none'}",
                )

    def create_table(self, concept: str, fields: Sequence[Field], *constraints: Constraint) -> None:
        """Create the table of `concept` if there is none. See `reference` and `unique` for constraints."""
        table = self.table(concept)
        if table in self.catalog.columns:
            return
        self.create_schema()
        columns = [field.column() for field in fields]
        options: dict[str, Any] = {"schema": self.layout.schema, "if_not_exists": self.offline}
        if self._singlestore:
            options |= {"mysql_collate": BYTEWISE}
        elif self._mysql:
            known = None if self.offline else self._context.dialect
            collation = collation_of(self.catalog, self._names.values(), known)
            charset = collation.partition("_")[0]
            options |= {"mysql_engine": "InnoDB", "mysql_charset": charset, "mysql_collate": collation}
            self.catalog.collations |= {(table, c.name): collation for c in columns if isinstance(c.type, String)}
        self._op.create_table(table, *columns, *constraints, **options)
        self._fresh.add(table)
        self.catalog.columns[table] = {field.name for field in fields}

    def create_schema(self) -> None:
        """Create the layout's schema if there is none. Where there is one, no right to do so is needed."""
        if not (self._postgresql or self._mysql) or self.layout.schema is None or self._schema_made:
            return
        if self.offline or not self.catalog.has_schema:
            self._op.execute(CreateSchema(self.layout.schema, if_not_exists=True))
        self._schema_made = True

    def reference(self, column: str, concept: str, to: str, *, ondelete: str | None = None) -> ForeignKeyConstraint:
        """A foreign key of the table that is being created to the column `to` of the table of `concept`."""
        schema = f"{self.layout.schema}." if self.layout.schema else ""
        return ForeignKeyConstraint([column], [f"{schema}{self.table(concept)}.{to}"], ondelete=ondelete)

    def unique(self, concept: str, name: str, *columns: str) -> UniqueConstraint:
        """A unique constraint of the table that is being created; `name` holds ``{table}``."""
        return UniqueConstraint(*columns, name=self._object(name, concept))

    def drop_table(self, concept: str) -> None:
        """Drop the table of `concept`, with its rows."""
        table = self.table(concept)
        if self.kept(table) or not (self.offline or table in self.catalog.columns):
            return
        self._op.drop_table(table, schema=self.layout.schema, if_exists=self.offline)
        self.catalog.columns.pop(table, None)

    def add_column(self, concept: str, field: Field) -> None:
        """Add a column that may be NULL (so that no row is rewritten) or is `dated`, if there is none."""
        table, column = self.table(concept), field.column()
        if field.name in self.catalog.columns.get(table, ()) or (field.dated and not self.dates_writes):
            return
        if self.offline and self._postgresql:
            # Alembic knows IF NOT EXISTS here from 1.16 on only.
            definition = str(CreateColumn(column).compile(dialect=self._context.dialect))
            self._op.execute(f"ALTER TABLE {self.quoted(table)} ADD COLUMN IF NOT EXISTS {definition}")
        else:
            self._op.add_column(table, column, schema=self.layout.schema)
        self.catalog.columns.setdefault(table, set()).add(field.name)

    def drop_column(self, concept: str, name: str) -> None:
        """Drop a column, with its values."""
        table = self.table(concept)
        if not self.kept(table) and (self.offline or name in self.catalog.columns.get(table, ())):
            self._op.drop_column(table, name, schema=self.layout.schema)
            self.catalog.columns.get(table, set()).discard(name)

    def create_index(
        self,
        concept: str,
        *columns: str | TextClause,
        name: str | None = None,
        unique: bool = False,
        where: str | None = None,
        only: str | None = None,
        **options: Any,
    ) -> None:
        """Create an index if there is none, without blocking those who write (PostgreSQL).

        The name is agno's ``idx_<table>_<columns>``, or `name`, which holds ``{table}``. `only` is the one
        database that has this index; `options` are SQLAlchemy's for a dialect. On a PostgreSQL table that has
        rows the transaction is committed first and the index is built CONCURRENTLY.
        """
        if only not in (None, self.database):
            return
        table = self.table(concept)
        index = self._object(name or "_".join(["idx_{table}", *map(str, columns)]), concept)
        state = self.catalog.indexes.get(index)
        if state is not None and state.table != table:
            raise ConfigurationError(
                "Two of the chosen table names lead to one index name. Choose another table name.",
                detail=index,
            )
        if state is not None and state.valid:
            return
        if self._mysql:
            self._create_mysql_index(concept, index, columns, unique, where)
            return
        if where is not None:
            options |= {"postgresql_where": text(where), "sqlite_where": text(where)}
        options |= {"unique": unique, "if_not_exists": self.offline}
        if state is None and self._has_no_rows(table):
            self._op.create_index(index, table, list(columns), schema=self.layout.schema, **options)
        else:
            self._progress(f"building index {index}")
            options |= {"postgresql_concurrently": True}
            with self._context.autocommit_block():
                if state is not None:
                    self._op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {self.quoted(index)}")
                self._op.create_index(index, table, list(columns), schema=self.layout.schema, **options)
            self.begin_revision()
        self.catalog.indexes[index] = IndexState(table, True)

    def _create_mysql_index(
        self, concept: str, index: str, columns: Sequence[str | TextClause], unique: bool, where: str | None
    ) -> None:
        """MariaDB has no index over an expression, and neither has one over some rows only. SingleStore has no unique
        one without its shard key (see `agnodb.sql.dialects.keys`), and does not bound its texts.

        The former is left out, as it only makes lists faster. For the latter a column that is computed and not stored
        is NULL in the rows that do not count: NULLs are no duplicates.
        """
        table, names = self.table(concept), [str(column) for column in columns]
        if any(isinstance(column, TextClause) for column in columns) or (unique and self._singlestore):
            return
        if where is not None:
            computed = object_name(f"agnodb_{'_'.join(names)}_unique")
            if computed not in self.catalog.columns.get(table, ()):
                digest = f"SHA2(CONCAT_WS(CHAR(0), {', '.join(names)}), 256)"
                kind = f"char(64) AS (CASE WHEN {where} THEN {digest} END) VIRTUAL"
                self._op.execute(f"ALTER TABLE {self.quoted(table)} ADD COLUMN {computed} {kind}")
                self.catalog.columns.setdefault(table, set()).add(computed)
            names = [computed]
        # An index holds 3,072 bytes, four for each character: of several texts it has what fits into agno's columns.
        texts = [name for name in names if self.catalog.collations.get((table, name))]
        lengths = dict.fromkeys(texts, 120) if len(texts) > 1 else {}
        options: dict[str, Any] = {} if self._singlestore else {"mysql_length": lengths}
        self._op.create_index(index, table, names, schema=self.layout.schema, unique=unique, **options)
        self.catalog.indexes[index] = IndexState(table, True)

    def drop_index(self, concept: str, *columns: str, name: str | None = None, only: str | None = None) -> None:
        """Drop an index, named as in `create_index`."""
        if only not in (None, self.database):
            return
        table = self.table(concept)
        index = self._object(name or "_".join(["idx_{table}", *columns]), concept)
        if not self.kept(table) and (self.offline or index in self.catalog.indexes):
            self._op.drop_index(index, table_name=table, schema=self.layout.schema, if_exists=self.offline)
            self.catalog.indexes.pop(index, None)

    def note_changes(self, concept: str, key: str, *, into: str, prefix: str, only: Sequence[str] = ()) -> None:
        """Let triggers note, in the table of `into`, `prefix` and the `key` of what is written or deleted in that of
        `concept`; an update only when it changes one of `only`. Waits for writers, and they for it. None on MySQL."""
        if self._mysql:
            return
        notes = self._notes(concept, into, key, prefix, only)
        for statement in notes.made(self.database):
            self.run(statement)

    def drop_notes(self, concept: str, *, into: str) -> None:
        """Drop the triggers of `note_changes`."""
        if self._mysql or self.kept(self.table(into)):
            return
        if self.offline or self.table(concept) in self.catalog.columns:
            for statement in self._notes(concept, into).dropped(self.database):
                self.run(statement)

    def note(self, into: str, key: str) -> None:
        """Note `key` in the table of `into`."""
        self.run(f"INSERT INTO {self.quoted(self.table(into))} (row_key) VALUES ('{key}')")

    def run(self, statement: str) -> None:
        """Run a statement that is written by hand, in which no colon is a bind."""
        self._op.execute(verbatim(statement))

    def create_grams(self, concept: str, key: str, column: str, *, unquoted: bool = False) -> None:
        """Let searches in `column`, JSON, find the rows of `concept` by an index; with `unquoted` they are for what a
        JSON string says. Rows are known by `key`. SQLite's index is filled anew each time. None on MySQL."""
        searching.create_grams(self, concept, searching.Searched(key, column, unquoted))

    def drop_grams(self, concept: str) -> None:
        """Drop what `create_grams` made."""
        searching.drop_grams(self, concept)

    def _notes(self, concept: str, into: str, key: str = "", prefix: str = "", only: Sequence[str] = ()) -> Notes:
        return Notes(
            self.quoted(self.table(concept)),
            key,
            self.quoted(self.table(into)),
            prefix,
            only,
            self.layout.names.triggers()[concept],
            partial(identifier, dialect=self._context.dialect),
            self.quoted,
        )

    def stamp_tables(self, version: str) -> None:
        """Note in agno's table of versions that each table has the shape of `version`; older notes stay."""
        moment = clock.iso_utc(datetime.now(UTC))
        versions = self._table("schema_versions", "table_name", "version", "created_at", "updated_at")
        for concept, table in self.layout.names.as_dict().items():
            if concept != "schema_versions":
                times = {"created_at": moment, "updated_at": moment}
                values = {"table_name": table, "version": version, **times}
                self._op.execute(insert_absent(versions, values, self.database))

    def table(self, concept: str) -> str:
        """The name of the table of `concept`."""
        return self._names[concept]

    @property
    def catalog(self) -> Catalog:
        """What the schema has by now; offline, what this run has made."""
        if self._known is None:
            connection = None if self.offline else self._context.connection
            self._known = Catalog() if connection is None else read_catalog(connection, self.layout.schema)
        return self._known

    def _stamps(self) -> dict[str, str]:
        known = self.catalog.columns.get(self.table("schema_versions"), set())
        if self._context.connection is None or not {"table_name", "version"} <= known:
            return {}
        versions = self._table("schema_versions", "table_name", "version")
        rows = self._context.connection.execute(select(versions.c.table_name, versions.c.version))
        return {row.table_name: row.version for row in rows}

    def _table(self, concept: str, *columns: str) -> Table:
        texts = [Column(name, String) for name in columns]
        return Table(self.table(concept), MetaData(), *texts, schema=self.layout.schema)

    def _has_no_rows(self, table: str) -> bool:
        if not self._postgresql or table in self._fresh:
            return True
        if self.offline:
            return self._from_base
        some: Select[Any] = (
            select(literal_column("1")).select_from(Table(table, MetaData(), schema=self.layout.schema)).limit(1)
        )
        return self._context.connection is None or self._context.connection.execute(some).first() is None

    def kept(self, table: str) -> bool:
        """Whether another layout uses `table` too, so that it stays as it is."""
        if table in self._in_use:
            self._progress(f"keeping {table}: another set of tables uses it")
            return True
        return False

    def _object(self, name: str, concept: str) -> str:
        return object_name(name.format(table=self.table(concept)))

    def quoted(self, name: str) -> str:
        """`name` in the layout's schema, for SQL."""
        parts = [self.layout.schema, name] if self.layout.schema else [name]
        return ".".join(identifier(part, self._context.dialect) for part in parts)


def _version(stamp: str) -> tuple[int, ...]:
    return tuple(int(part) for part in stamp.lstrip("v").split(".") if part.isdecimal())
