"""Databases of both kinds for the tests of the migrations."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from migration_tools import Database
from sqlalchemy.ext.asyncio import AsyncEngine

from agnodb.config import TableNames
from agnodb.testing.servers import PostgresAccess


@pytest.fixture(scope="session")
def _postgres_databases(postgres_server: PostgresAccess) -> Iterator[list[Database]]:
    """Two databases for all tests, because it takes a while to create one."""
    names = ["agnodb_migrations_1", "agnodb_migrations_2"]
    yield [Database(postgres_server.create_database(name)) for name in names]
    for name in names:
        postgres_server.drop_database(name)


@pytest.fixture
def postgres(_postgres_databases: list[Database]) -> Database:
    """An empty PostgreSQL database."""
    _postgres_databases[0].empty()
    return _postgres_databases[0]


@pytest.fixture
def sqlite(sqlite_url: str) -> Database:
    """An SQLite file that does not exist yet."""
    return Database(sqlite_url)


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> Database:
    """An empty database of each kind."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Database)
    return found


@pytest.fixture
def other(database: Database, request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """A second empty database of the same kind."""
    if not database.is_postgres:
        return Database(f"sqlite:///{tmp_path / 'other.sqlite'}")
    second: Database = request.getfixturevalue("_postgres_databases")[1]
    second.empty()
    return second


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[AsyncEngine]:
    """An engine as a server has one, with a pool, on `database`."""
    engine = database.engine()
    yield engine
    await engine.dispose()


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("url", "schema", *TableNames.arguments()):
        monkeypatch.delenv(f"AGNODB_{name.upper()}", raising=False)
