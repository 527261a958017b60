"""One PostgreSQL database for all tests of a module, as new before each: making one takes longer than most tests."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import psycopg
from sqlalchemy import Table

from agnodb import PostgresDb
from agnodb.testing.servers import PostgresAccess

KEPT = "as_made"


@contextmanager
def one_database(server: PostgresAccess) -> Iterator[str]:
    """The URL of a new database with our tables in it, dropped at the end."""
    name = f"agnodb_test_{uuid.uuid4().hex[:12]}"
    url = server.create_database(name)
    with PostgresDb(db_url=url) as database:
        database.create_tables()
        with psycopg.connect(url) as connection:
            connection.execute(f"CREATE SCHEMA {KEPT}".encode())
            for table in database.metadata.tables.values():
                connection.execute(f"CREATE TABLE {KEPT}.{table.name} AS TABLE {table}".encode())
    yield url
    server.drop_database(name)


@asynccontextmanager
async def databases(make: Callable[[], Any], url: str) -> AsyncIterator[Callable[[], Any]]:
    """An async function that gives what `make` makes; then all are closed, and the database of `url` is as new."""
    made: list[Any] = []

    async def give() -> Any:
        made.append(make())
        return made[-1]

    yield give
    for database in made:
        await database.close()
    if made:
        _restore(url, made[0].metadata.sorted_tables)


def _restore(url: str, tables: list[Table]) -> None:
    deleted = "; ".join(f"DELETE FROM {table}" for table in reversed(tables))
    filled = "; ".join(f"INSERT INTO {table} TABLE {KEPT}.{table.name}" for table in tables)
    with psycopg.connect(url) as connection:
        connection.execute(f"{deleted}; {filled}".encode())
