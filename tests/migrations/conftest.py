"""Databases of both kinds for the tests of the migrations."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from migration_tools import Database
from sqlalchemy.ext.asyncio import AsyncEngine


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """A fresh, empty database of each kind."""
    fixture = "sqlite_url" if request.param == "sqlite" else "postgres_url"
    return Database(request.getfixturevalue(fixture))


@pytest.fixture
def postgres(postgres_url: str) -> Database:
    return Database(postgres_url)


@pytest.fixture
def sqlite(sqlite_url: str) -> Database:
    return Database(sqlite_url)


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[AsyncEngine]:
    """An engine as a server has one: with a pool, on `database`."""
    engine = database.engine()
    yield engine
    await engine.dispose()


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AGNODB_URL", "AGNODB_SCHEMA", "AGNODB_SESSION_TABLE"):
        monkeypatch.delenv(name, raising=False)
