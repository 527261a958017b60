"""What the tests of the migrations share: databases, agno's own tables, and a look at what a database has."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from agnodb.config import Layout, TableNames
from agnodb.urls import async_url

REPOSITORY = Path(__file__).parents[2]

TRIALS = int(os.environ.get("AGNODB_TEST_TRIALS", "2"))
"""How often a test of a race is repeated."""

AGNO_TABLES = frozenset(TableNames().as_dict().values())


@dataclass(frozen=True)
class Database:
    """A database of a test."""

    url: str

    @property
    def is_postgres(self) -> bool:
        return self.url.startswith("postgresql")

    @property
    def schema(self) -> str | None:
        """The schema that agno uses when none is named."""
        return "ai" if self.is_postgres else None

    @property
    def layout(self) -> Layout:
        return Layout(self.schema)

    def layout_of(self, **arguments: str) -> Layout:
        return Layout(self.schema, TableNames.from_arguments(arguments))

    def engine(self) -> AsyncEngine:
        engine = create_async_engine(async_url(self.url))
        if not self.is_postgres:
            sa.event.listen(engine.sync_engine, "connect", _without_fsync)
        return engine

    def sync(self) -> sa.Engine:
        """An engine that knows nothing of agnodb."""
        url = self.url.replace("postgresql://", "postgresql+psycopg://", 1)
        return sa.create_engine(url, poolclass=sa.NullPool)

    def execute(self, *statements: str, **parameters: Any) -> list[Any]:
        """Runs the statements in a transaction; the rows of the last one."""
        with self.sync().begin() as connection:
            for statement in statements:
                result = connection.execute(sa.text(statement), parameters)
            return list(result.all()) if result.returns_rows else []

    def name(self, table: str) -> str:
        """`table` as it is named in SQL."""
        return f'"{self.schema}"."{table}"' if self.schema else f'"{table}"'

    def versions(self) -> dict[str, str]:
        """The rows of our version table."""
        return dict(self.execute(f"SELECT layout, revision FROM {self.name('agnodb_version')}"))


def _without_fsync(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous = OFF")
    cursor.close()


async def make_agno_tables(database: Database, **tables: str) -> None:
    """What agno 3.1 makes in `database` for the tables that agnodb keeps, and the few others of its own."""
    db = agno_db(database, **tables)
    await db._create_all_tables()
    for kind in ("traces", "spans"):
        await db._get_table(kind, create_table_if_not_found=True)
    await db.db_engine.dispose()


def agno_db(database: Database, **tables: str) -> Any:
    """agno's own adapter."""
    if database.is_postgres:
        from agno.db.postgres import AsyncPostgresDb

        return AsyncPostgresDb(db_url=str(database.url).replace("://", "+asyncpg://", 1), **tables)
    from agno.db.sqlite import AsyncSqliteDb

    return AsyncSqliteDb(db_url=str(database.url).replace("://", "+aiosqlite://", 1), **tables)


def shape(database: Database, schema: str | None = None, tables: frozenset[str] | None = None) -> dict[str, Any]:
    """Everything that makes up the tables of a schema, comparable: columns, keys, constraints, indexes."""
    schema = schema or database.schema
    with database.sync().connect() as connection, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SQLite: indexes over expressions are read from the catalog below
        inspector = sa.inspect(connection)
        names = [n for n in inspector.get_table_names(schema) if tables is None or n in tables]
        found = {name: _table_shape(inspector, connection.dialect, name, schema) for name in names}
        for name, table, definition in _indexes(connection, schema):
            if table in found:
                found[table]["indexes"][name] = definition
    return found


def _table_shape(inspector: sa.Inspector, dialect: Any, name: str, schema: str | None) -> dict[str, Any]:
    columns = {
        column["name"]: (column["type"].compile(dialect), column["nullable"], column["default"])
        for column in inspector.get_columns(name, schema)
    }
    foreign = [
        (key["constrained_columns"], key["referred_table"], key["referred_columns"], key["options"].get("ondelete"))
        for key in inspector.get_foreign_keys(name, schema)
    ]
    unique = {key["name"]: key["column_names"] for key in inspector.get_unique_constraints(name, schema)}
    primary = inspector.get_pk_constraint(name, schema)["constrained_columns"]
    return {"columns": columns, "primary": primary, "foreign": foreign, "unique": unique, "indexes": {}}


def _indexes(connection: sa.Connection, schema: str | None) -> list[tuple[str, str, str]]:
    if connection.dialect.name == "postgresql":
        query = "SELECT indexname, tablename, indexdef FROM pg_indexes WHERE schemaname = :schema"
    else:
        query = "SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    return [(row[0], row[1], row[2]) for row in connection.execute(sa.text(query), {"schema": schema})]


def rows(database: Database, tables: frozenset[str] = AGNO_TABLES) -> dict[str, list[str]]:
    """Every row of `tables` as text, without the columns that agnodb adds."""
    found = {}
    with database.sync().connect() as connection:
        inspector = sa.inspect(connection)
        for table in tables & set(inspector.get_table_names(database.schema)):
            columns = [c["name"] for c in inspector.get_columns(table, database.schema)]
            chosen = ", ".join(f'CAST("{c}" AS TEXT)' for c in columns if not c.startswith("agnodb_"))
            result = connection.execute(sa.text(f"SELECT {chosen} FROM {database.name(table)}"))
            found[table] = sorted(map(repr, result.all()))
    return found


def sample_rows(database: Database) -> None:
    """A row or two in most tables, as agno writes them."""
    document = json.dumps({"text": "ünïcode \\ '%", "n": 1, "list": [1, None]})
    insert = {
        "agno_sessions": "session_id, session_type, session_data, created_at",
        "agno_runs": "run_id, session_id, run_type, run_data, created_at",
        "agno_memories": "memory_id, memory, topics, created_at",
        "agno_traces": "trace_id, name, status, start_time, end_time, duration_ms, created_at",
        "agno_spans": "span_id, trace_id, name, span_kind, status_code, start_time, end_time, duration_ms,"
        " created_at",
        "agno_learnings": "learning_id, learning_type, content, created_at",
    }
    values = {"created_at": "5", "duration_ms": "3", "trace_id": "'t'", "session_id": "'s'"}
    for table, columns in insert.items():
        texts = [
            ":document" if name in ("session_data", "run_data", "memory", "topics", "content")
            else "'2026'" if name == "created_at" and table in ("agno_traces", "agno_spans")
            else values.get(name, "'x'")
            for name in columns.split(", ")
        ]  # fmt: skip
        statement = f"INSERT INTO {database.name(table)} ({columns}) VALUES ({', '.join(texts)})"
        if database.is_postgres:
            statement = statement.replace(":document", "CAST(:document AS jsonb)")
        database.execute(statement, document=document)


def start_python(code: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """A Python process that runs `code`, with pipes for its standard streams."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **environment},
    )
