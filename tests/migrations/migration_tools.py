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
OWN_TABLES = frozenset(TableNames().own().values())


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

    def empty(self) -> None:
        """Drop everything in it, whoever is still connected."""
        if not self.is_postgres:
            Path(self.url.removeprefix("sqlite:///")).unlink(missing_ok=True)
            return
        self.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        schemas = "SELECT quote_ident(nspname) FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema$)'"
        for (schema,) in self.execute(schemas):
            self.execute(f"DROP SCHEMA {schema} CASCADE")
        self.execute("CREATE SCHEMA public")

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


_agno_files: list[bytes] = []


async def make_agno_tables(database: Database) -> None:
    """What agno 3.1 makes in `database` for the tables that agnodb keeps, and the few others of its own."""
    file = None if database.is_postgres else Path(database.url.removeprefix("sqlite:///"))
    if file and _agno_files:  # agno takes a while
        file.write_bytes(_agno_files[0])
        return
    db = agno_db(database)
    await db._create_all_tables()
    for kind in ("traces", "spans"):
        await db._get_table(kind, create_table_if_not_found=True)
    await db.db_engine.dispose()
    if file:
        _agno_files.append(file.read_bytes())


def agno_db(database: Database) -> Any:
    """agno's own adapter."""
    if database.is_postgres:
        from agno.db.postgres import AsyncPostgresDb

        return AsyncPostgresDb(db_url=str(database.url).replace("://", "+asyncpg://", 1))
    from agno.db.sqlite import AsyncSqliteDb

    return AsyncSqliteDb(db_url=str(database.url).replace("://", "+aiosqlite://", 1))


def shape(database: Database, schema: str | None = None, tables: frozenset[str] | None = None) -> dict[str, Any]:
    """Everything that makes up the tables of a schema, comparable: columns, keys, constraints, indexes.

    Without what serves searches, which the models do not have: see `grams`.
    """
    schema = schema or database.schema
    with database.sync().connect() as connection, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SQLite: indexes over expressions are read from the catalog below
        found = _reflected(sa.inspect(connection), connection.dialect, schema)
        for name, table, definition in _indexes(connection, schema):
            if table in found and not name.endswith("_grams"):
                found[table]["indexes"][name] = definition
    return {name: parts for name, parts in found.items() if tables is None or name in tables}


def _reflected(inspector: sa.Inspector, dialect: Any, schema: str | None) -> dict[str, Any]:
    primary = inspector.get_multi_pk_constraint(schema)
    foreign = inspector.get_multi_foreign_keys(schema)
    unique = inspector.get_multi_unique_constraints(schema)
    found = {}
    for table, columns in inspector.get_multi_columns(schema).items():
        if table[1].startswith(("agnodb_grams_", "agnodb_keys_")):
            continue
        found[table[1]] = {
            "columns": {c["name"]: (c["type"].compile(dialect), c["nullable"], c["default"]) for c in columns},
            "primary": primary[table]["constrained_columns"],
            "foreign": [
                (key["constrained_columns"], key["referred_table"], key["referred_columns"], key["options"])
                for key in foreign[table]
            ],
            "unique": {key["name"]: key["column_names"] for key in unique[table]},
            "indexes": {},
        }
    return found


def grams(database: Database, schema: str | None = None) -> dict[str, str]:
    """What serves searches: the name and the definition of each object."""
    schema = schema or database.schema
    if database.is_postgres:
        statement = (
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = :schema AND indexname LIKE '%grams%'"
            " UNION ALL SELECT proname, pg_get_functiondef(p.oid) FROM pg_proc p JOIN pg_namespace n"
            " ON n.oid = pronamespace WHERE nspname = :schema AND proname LIKE 'agnodb_grams%'"
        )
    else:
        statement = "SELECT name, sql FROM sqlite_master WHERE name LIKE 'agnodb_grams%' OR name LIKE 'agnodb_keys%'"
    with database.sync().connect() as connection:
        return {row[0]: row[1] for row in connection.execute(sa.text(statement), {"schema": schema})}


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
        "agno_spans": "span_id, trace_id, name, span_kind, status_code, start_time, end_time, duration_ms, created_at",
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


def start_python(code: str, *arguments: str) -> subprocess.Popen[str]:
    """A Python process that runs `code`, with pipes for its standard streams."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        start_new_session=True,
    )
