"""Where a test keeps its data: one database, opened by agnodb, by agno's own adapter, and looked at from outside."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

from pymongo import MongoClient

from agnodb import AsyncMongoDb, AsyncMySQLDb, AsyncPostgresDb, AsyncSqliteDb

TABLES = (
    "agno_sessions",
    "agno_runs",
    "agno_memories",
    "agno_knowledge",
    "agno_traces",
    "agno_spans",
    "agno_approvals",
    "agno_schedules",
    "agno_schedule_runs",
    "agno_metrics",
    "agno_eval_runs",
    "agno_learnings",
    "agno_schema_versions",
)


@dataclass
class Place:
    """A database of `kind` at `url`."""

    kind: str
    url: str

    def ours(self, **arguments: Any) -> Any:
        """agnodb's database object."""
        if self.kind == "mysql":
            return AsyncMySQLDb(db_url=self.url, **{"db_schema": self.schema, **arguments})
        return (AsyncPostgresDb if self.kind == "postgresql" else AsyncSqliteDb)(db_url=self.url, **arguments)

    def agnos(self, **arguments: Any) -> Any:
        """agno's own."""
        if self.kind == "mysql":
            from agno.db.mysql import AsyncMySQLDb as Theirs

            url = self.url.replace("mysql:", "mysql+aiomysql:")
            return Theirs(db_url=url, **{"db_schema": self.schema, **arguments})
        if self.kind == "postgresql":
            from agno.db.postgres import AsyncPostgresDb as Theirs

            return Theirs(db_url=self.url.replace("postgresql:", "postgresql+asyncpg:"), **arguments)
        from agno.db.sqlite import AsyncSqliteDb as Theirs

        return Theirs(db_url=self.url.replace("sqlite:", "sqlite+aiosqlite:"), **arguments)

    @property
    def schema(self) -> str:
        """MySQL: the database."""
        return self.url.rpartition("/")[2]

    def query(self, sql: str) -> list[dict[str, Any]]:
        """The rows of a statement, over a connection of its own."""
        if self.kind == "postgresql":
            import psycopg
            from psycopg.rows import dict_row

            with psycopg.connect(self.url, autocommit=True, options="-c search_path=ai") as connection:
                cursor = connection.cursor(row_factory=dict_row).execute(sql)
                return cursor.fetchall() if cursor.description else []
        if self.kind == "mysql":
            import pymysql
            from pymysql.cursors import DictCursor

            at, _, port = self.url.partition("://")[2].partition("/")[0].rpartition("@")[2].partition(":")
            place: Any = {"host": at, "port": int(port), "user": "root", "database": self.schema}
            with pymysql.connect(**place, autocommit=True, cursorclass=DictCursor) as connection:
                cursor = connection.cursor()
                cursor.execute(sql)
                return list(cursor.fetchall())
        with sqlite3.connect(self.url.removeprefix("sqlite:///")) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(sql).fetchall()]

    def execute(self, sql: str) -> None:
        """Run a statement for its effect."""
        self.query(sql)

    def rows(self, table: str, where: str = "true") -> list[dict[str, Any]]:
        """The rows of a table as they are stored."""
        return self.query(f"SELECT * FROM {table} WHERE {where}")

    def bytes_of(self, *tables: str) -> dict[str, list[str]]:
        """Every row of the tables, each as one text."""
        if self.kind == "postgresql":
            return {t: sorted(row["row"] for row in self.query(f"SELECT x::text AS row FROM {t} x")) for t in tables}
        return {t: sorted(repr(row) for row in self.rows(t)) for t in tables}

    def shape(self) -> list[str]:
        """Every column, index and constraint of the database, as text."""
        if self.kind == "sqlite":
            return sorted(str(row["sql"]) for row in self.query("SELECT sql FROM sqlite_master"))
        if self.kind == "mysql":
            tables = [row["x"] for row in self.query("SELECT table_name AS x FROM information_schema.tables"
                                                     " WHERE table_schema = database()")]  # fmt: skip
            return sorted(str(self.query(f"SHOW CREATE TABLE {table}")[0]["Create Table"]) for table in tables)
        columns = self.query(
            "SELECT concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default) AS x"
            " FROM information_schema.columns WHERE table_schema = 'ai'"
        )
        indexes = self.query("SELECT indexdef AS x FROM pg_indexes WHERE schemaname = 'ai'")
        constraints = self.query(
            "SELECT concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid)) AS x"
            " FROM pg_constraint WHERE connamespace = 'ai'::regnamespace"
        )
        return sorted(row["x"] for row in (*columns, *indexes, *constraints))


@dataclass
class MongoPlace(Place):
    """A database of MongoDB."""

    name: str = ""

    def ours(self, **arguments: Any) -> Any:
        """agnodb's database object."""
        return AsyncMongoDb(db_url=self.url, db_name=self.name, **arguments)

    def agnos(self, **arguments: Any) -> Any:
        """agno's own."""
        from agno.db.mongo import AsyncMongoDb as Theirs

        return Theirs(db_url=self.url, db_name=self.name, **arguments)

    def rows(self, table: str, where: str = "true") -> list[dict[str, Any]]:
        """The documents of a collection; all of them."""
        assert where == "true"
        with self._client() as client:
            return list(client[self.name][table].find())

    def bytes_of(self, *tables: str) -> dict[str, list[str]]:
        """Every document of the collections, each as one text."""
        return {table: sorted(map(repr, self.rows(table))) for table in tables}

    def shape(self) -> list[str]:
        """Every index of the database, as text."""
        with self._client() as client:
            database = client[self.name]
            names = database.list_collection_names()
            return sorted(f"{name} {sorted(database[name].index_information().items())}" for name in names)

    def drop(self) -> None:
        """Leave nothing behind."""
        with self._client() as client:
            client.drop_database(self.name)

    def _client(self) -> MongoClient[dict[str, Any]]:
        return MongoClient(self.url)
