"""One MySQL database for all tests of a module, as new before each: making one takes longer than most tests."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from sqlalchemy import Table

from agnodb import MySQLDb
from agnodb.testing.mariadb import MySQLAccess


@contextmanager
def one_mysql_database(server: MySQLAccess) -> Iterator[str]:
    """The name of a new database with our tables in it, dropped at the end."""
    name = f"agnodb_test_{uuid.uuid4().hex[:12]}"
    server.create_database(name)
    with MySQLDb(db_url=server.url, db_schema=name) as database:
        database.create_tables()
        copied = f"CREATE TABLE {name}.as_made AS SELECT * FROM {name}.{database.versions_table_name}"
        server.run(copied)
    yield name
    server.drop_database(name)


@asynccontextmanager
async def mysql_databases(make: Callable[[], Any], server: MySQLAccess, name: str) -> AsyncIterator[Callable[[], Any]]:
    """An async function that gives what `make` makes; then all are closed, and the database `name` is as new."""
    made: list[Any] = []

    async def give() -> Any:
        made.append(make())
        return made[-1]

    yield give
    for database in made:
        await database.close()
    if made:
        tables: list[Table] = made[0].metadata.sorted_tables
        versions = next(str(table) for table in tables if "version" in table.c)
        deleted = (f"DELETE FROM {table}" for table in reversed(tables))
        server.run(*deleted, f"INSERT INTO {versions} SELECT * FROM {name}.as_made")
